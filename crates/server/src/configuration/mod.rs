//! The whole configuration, read as one document and put in force as one.
//!
//! Everything is checked before anything is changed, and all mistakes are told. What a document does not hold at all is left as
//! it is, because removing a job is a decision about its objects. Never holds a secret: a document names those it needs. Trap:
//! who is told is in a file beside the database; it is written just before the transaction, and put back if that fails.

mod difference;
mod present;
mod tenancy;

use std::sync::Arc;

use engine::{ConfigurationChange, JobAlteration, JobRow, JobState, NewConnector};
use sync_core::{
    code::Code,
    operation::Refusal,
    schema::{Discovered, preset},
};
use wire::api::v1::{
    CONFIGURATION_FORM, Configuration, ConfigurationDifference, ConfigurationPlan,
    ConfigurationRequest, ConfiguredDomain, ConfiguredJob,
};

use crate::{
    access::{Caller, actor},
    agents::blocking,
    api::{
        connectors::check_name,
        convert,
        guard::prevention_of,
        jobs::check_settings,
        retention::{DAYS, MEGABYTES},
    },
    app::{App, DIRECTORY_CONNECTOR},
    notify::{self, Hook, Mail},
    places, rules,
};

pub use present::{Present, read};

// LIMIT: mistakes told at once.
const MISTAKES: usize = 20;

/// What is wanted, checked.
struct Checked {
    change: ConfigurationChange,
    differences: Vec<ConfigurationDifference>,
    notifications: Option<notify::Settings>,
    missing_secrets: Vec<String>,
    domains: Vec<ConfiguredDomain>,
}

/// Says what applying would do.
///
/// # Errors
/// `ConfigurationInvalid` with all mistakes; `NotAllowed` where the caller may not see what it holds; those of the stores.
pub async fn plan(
    app: &App,
    caller: &Caller,
    request: ConfigurationRequest,
) -> Result<ConfigurationPlan, Refusal> {
    tenancy::permit(caller, &request.configuration, false)?;
    let checked = check(app, caller, request).await?;
    Ok(ConfigurationPlan {
        mark: checked.change.mark,
        differences: checked.differences,
        missing_secrets: checked.missing_secrets,
        is_applied: false,
    })
}

/// Puts it in force, if nothing has changed since the plan that was looked at.
///
/// # Errors
/// `ConfigurationInvalid` with all mistakes, and with the secrets that are missing; `Conflict` if something has changed;
/// `NotAllowed` where the caller may not change what it holds.
pub async fn apply(
    app: &App,
    caller: &Caller,
    request: ConfigurationRequest,
) -> Result<ConfigurationPlan, Refusal> {
    tenancy::permit(caller, &request.configuration, true)?;
    let mark = request.mark;
    let checked = check(app, caller, request).await?;
    if mark != Some(checked.change.mark) {
        return Err(Refusal::new(Code::Conflict).with(
            "text",
            "the configuration was changed since the differences were shown; look at them again",
        ));
    }
    if !checked.missing_secrets.is_empty() {
        return Err(Refusal::new(Code::ConfigurationInvalid).with(
            "text",
            format!(
                "these secrets are needed: {}",
                checked.missing_secrets.join(", ")
            ),
        ));
    }
    let is_change = |one: &ConfigurationDifference| one.what != "leave";
    let has_changes = checked.differences.iter().any(is_change);
    if has_changes {
        let before = match &checked.notifications {
            Some(new) => Some(exchange(app, new.clone()).await?),
            None => None,
        };
        let change = checked.change.clone();
        let done = blocking(app.engine(), move |engine| {
            engine.apply_configuration(&change, &actor())
        })
        .await;
        if let (Err(_), Some(before)) = (&done, before) {
            exchange(app, before).await?;
        }
        done?;
        tenancy::add(app, checked.domains).await?;
        app.jobs_changed();
    }
    Ok(ConfigurationPlan {
        mark: checked.change.mark,
        differences: checked.differences,
        missing_secrets: Vec::new(),
        is_applied: has_changes,
    })
}

/// Writes who is told; what it was.
async fn exchange(app: &App, new: notify::Settings) -> Result<notify::Settings, Refusal> {
    let own = app.clone();
    let done = tokio::task::spawn_blocking(move || {
        let before = notify::Settings::read(&own)?;
        new.write(&own)?;
        Ok(before)
    });
    done.await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a thread ended"))?
}

async fn check(
    app: &App,
    caller: &Caller,
    mut request: ConfigurationRequest,
) -> Result<Checked, Refusal> {
    let present = read(app, caller).await?;
    request.configuration = tenancy::normalised(request.configuration);
    let request = &request;
    let wanted = &request.configuration;
    let mut mistakes = Vec::new();
    if wanted.form != CONFIGURATION_FORM {
        mistakes.push(format!(
            "form {} is not known; this version knows {CONFIGURATION_FORM}",
            wanted.form
        ));
    }
    let mut change = ConfigurationChange {
        mark: present.mark,
        ..ConfigurationChange::default()
    };
    connectors(&present, wanted, &mut change, &mut mistakes);
    jobs(app, &present, wanted, &mut change, &mut mistakes).await?;
    server(&present, wanted, &mut change, &mut mistakes);
    let domains = tenancy::domains(&present, wanted, &mut mistakes);
    tenancy::clients(&present, wanted, &mut change, &mut mistakes);
    let mut missing_secrets = Vec::new();
    let notifications = notifications(&present, request, &mut missing_secrets, &mut mistakes);
    if !mistakes.is_empty() {
        let count = mistakes.len();
        mistakes.truncate(MISTAKES);
        return Err(Refusal::new(Code::ConfigurationInvalid)
            .with("mistakes", count.to_string())
            .with("text", mistakes.join("; ")));
    }
    Ok(Checked {
        differences: difference::between(&present.configuration, wanted),
        change,
        notifications,
        missing_secrets,
        domains,
    })
}

/// Whether a name comes twice.
fn once<'a>(kind: &str, names: impl Iterator<Item = &'a str>, mistakes: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            mistakes.push(format!("{kind} {name} is there twice"));
        }
        if let Err(why) = check_name(name) {
            mistakes.push(format!("{kind} {name:?}: {}", why.0));
        }
    }
}

fn connectors(
    present: &Present,
    wanted: &Configuration,
    change: &mut ConfigurationChange,
    mistakes: &mut Vec<String>,
) {
    once(
        "connector",
        wanted.connectors.iter().map(|one| one.name.as_str()),
        mistakes,
    );
    for one in &wanted.connectors {
        let place = format!("connector {}", one.name);
        if preset::of_kind(&one.kind).is_none() {
            mistakes.push(format!(
                "{place}: {:?} is not a kind of connector; known: {}",
                one.kind,
                preset::SOURCE_KINDS.join(", ")
            ));
        }
        let config = match &one.config {
            serde_json::Value::Null => serde_json::json!({}),
            config => config.clone(),
        };
        for (name, value) in config.as_object().into_iter().flatten() {
            if name == "compareHours" && !value.is_u64() {
                mistakes.push(format!(
                    "{place}: compareHours has to be a whole number of hours"
                ));
            }
        }
        if !config.is_object() {
            mistakes.push(format!("{place}: config has to be a JSON object"));
        }
        match present.connectors.iter().find(|row| row.name == one.name) {
            None => change.connectors.push(NewConnector {
                name: one.name.clone(),
                kind: one.kind.clone(),
                config,
            }),
            Some(row) if row.kind != one.kind => mistakes.push(format!(
                "{place} is of kind {} and cannot become one of kind {}; give the new one another name",
                row.kind, one.kind
            )),
            Some(row) if row.config != config => change.configs.push((row.id, config)),
            Some(_) => {}
        }
    }
}

async fn jobs(
    app: &App,
    present: &Present,
    wanted: &Configuration,
    change: &mut ConfigurationChange,
    mistakes: &mut Vec<String>,
) -> Result<(), Refusal> {
    once(
        "job",
        wanted.jobs.iter().map(|one| one.name.as_str()),
        mistakes,
    );
    for one in &wanted.jobs {
        let place = format!("job {}", one.name);
        let settings = convert::changed(&engine::JobSettings::default(), &one.settings);
        if let Err(why) = check_settings(&settings) {
            mistakes.push(format!("{place}: {}", why.0));
        }
        let state = match one.state.as_str() {
            "active" => JobState::Active,
            "paused" | "" => JobState::Paused,
            other => {
                mistakes.push(format!(
                    "{place}: state {other:?} is neither active nor paused"
                ));
                continue;
            }
        };
        let Some(source) = kind_of(present, wanted, &one.source) else {
            mistakes.push(format!("{place}: there is no connector {:?}", one.source));
            continue;
        };
        if source == "directory" || one.target != DIRECTORY_CONNECTOR {
            mistakes.push(format!(
                "{place}: a job reads a directory of your own and writes {DIRECTORY_CONNECTOR}"
            ));
            continue;
        }
        let row = present.jobs.iter().find(|row| row.name == one.name);
        match checked_rules(app, row, one).await? {
            Err(mistake) => mistakes.push(format!("{place}: {mistake}")),
            Ok(rules) => match row {
                None => change.jobs.push(engine::ConfiguredJob {
                    name: one.name.clone(),
                    source: one.source.clone(),
                    target: one.target.clone(),
                    rules: one.rules.to_string(),
                    settings,
                    state,
                }),
                Some(row) if present.name_of(row.source) != one.source => mistakes.push(format!(
                    "{place} reads {} and cannot read {}; give the new one another name",
                    present.name_of(row.source),
                    one.source
                )),
                Some(row) => change.altered.extend(altered(row, rules, settings, state)),
            },
        }
    }
    Ok(())
}

/// The kind of a connector that is there, or will be.
fn kind_of<'a>(present: &'a Present, wanted: &'a Configuration, name: &str) -> Option<&'a str> {
    let there = present.connectors.iter().find(|row| row.name == name);
    let coming = wanted.connectors.iter().find(|one| one.name == name);
    there
        .map(|row| row.kind.as_str())
        .or_else(|| coming.map(|one| one.kind.as_str()))
}

/// New text of the rules and what changes with it; nothing if they are as they were.
type NewRules = Option<(String, Option<(String, String)>)>;

async fn checked_rules(
    app: &App,
    row: Option<&JobRow>,
    one: &ConfiguredJob,
) -> Result<Result<NewRules, String>, Refusal> {
    if let Some(row) = row
        && serde_json::from_str::<serde_json::Value>(&row.rules).is_ok_and(|now| now == one.rules)
    {
        return Ok(Ok(None));
    }
    let known = match row {
        Some(row) => rules::discovered(app, row.source, row.target).await?,
        None => {
            let target = blocking(app.engine(), |engine| {
                engine.connector_named(DIRECTORY_CONNECTOR)
            })
            .await?;
            Discovered {
                source: None,
                ..rules::discovered(app, target.id, target.id).await?
            }
        }
    };
    let text = one.rules.to_string();
    let checked = match rules::check(text.clone(), known).await?.rules {
        Ok(checked) => checked,
        Err(problems) => return Ok(Err(rules::refusal(&problems).to_string())),
    };
    let Some(row) = row.cloned() else {
        return Ok(Ok(Some((text, None))));
    };
    let row = Arc::new(row);
    if let Err(why) = rules::can_be_found(app, &row, &checked).await {
        return Ok(Err(why.to_string()));
    }
    let setting = blocking(app.engine(), move |engine| {
        let key = places::key(&row);
        let old = preset::load(&row.rules).ok();
        let kept = engine.setting(&key)?;
        Ok(kept.map(|text| (key, places::kept(&text, old.as_ref(), &checked))))
    })
    .await?;
    Ok(Ok(Some((text, setting))))
}

fn altered(
    row: &JobRow,
    rules: NewRules,
    settings: engine::JobSettings,
    state: JobState,
) -> Option<JobAlteration> {
    let settings = (row.settings != settings).then_some(settings);
    let state = (row.state != state).then_some(state);
    let changes = rules.is_some() || settings.is_some() || state.is_some();
    changes.then_some(JobAlteration {
        id: row.id,
        rules,
        settings,
        state,
    })
}

fn server(
    present: &Present,
    wanted: &Configuration,
    change: &mut ConfigurationChange,
    mistakes: &mut Vec<String>,
) {
    let (usual, now, new) = (
        Present::usual_server(),
        &present.configuration.server,
        &wanted.server,
    );
    let days = new.log_days.or(usual.log_days);
    let megabytes = new.log_megabytes.or(usual.log_megabytes);
    if let Err(why) = crate::api::retention::check(days, megabytes) {
        mistakes.push(format!("server: {}", why.0));
    }
    for (key, now, new) in [
        (DAYS, now.log_days, days),
        (MEGABYTES, now.log_megabytes, megabytes),
    ] {
        if let (true, Some(new)) = (now != new, new) {
            change.settings.push((key.to_owned(), new.to_string()));
        }
    }
    let wanted = new
        .deletion_prevention
        .clone()
        .or(usual.deletion_prevention);
    let Some(wanted) = wanted else { return };
    match prevention_of(&wanted) {
        Err(why) => mistakes.push(format!("server: {}", why.0)),
        Ok(prevention) if now.deletion_prevention.as_ref() != Some(&wanted) => {
            match serde_json::to_string(&prevention) {
                Ok(text) => change.settings.push((engine::PREVENTION.to_owned(), text)),
                Err(error) => mistakes.push(format!("server: {error}")),
            }
        }
        Ok(_) => {}
    }
}

/// Who is told from now on; nothing if that stays.
fn notifications(
    present: &Present,
    request: &ConfigurationRequest,
    missing: &mut Vec<String>,
    mistakes: &mut Vec<String>,
) -> Option<notify::Settings> {
    let wanted = &request.configuration.notifications;
    let is_same = *wanted == present.configuration.notifications;
    let given = |name: &str| request.secrets.get(name).cloned();
    let is_given = |name: &Option<String>| {
        name.as_ref()
            .is_some_and(|name| request.secrets.contains_key(name))
    };
    let names = [
        wanted
            .mail
            .as_ref()
            .and_then(|mail| Some(mail.password.as_ref()?.secret.clone())),
        wanted.hook.as_ref().map(|hook| hook.url.secret.clone()),
        wanted.hook.as_ref().map(|hook| hook.key.secret.clone()),
    ];
    if is_same && !names.iter().any(is_given) {
        return None;
    }
    let known = &present.notifications;
    let mut need = |name: &str, kept: Option<String>| {
        given(name).or(kept).unwrap_or_else(|| {
            missing.push(name.to_owned());
            String::new()
        })
    };
    let mut new = notify::Settings::default();
    if let Some(mail) = &wanted.mail {
        let kept = known
            .mail
            .as_ref()
            .filter(|now| now.server == mail.server && now.user == mail.user);
        let password = match &mail.password {
            None => String::new(),
            Some(name) => need(&name.secret, kept.map(|now| now.password.clone())),
        };
        match notify::security(&mail.security) {
            None => mistakes.push("notifications: security is one of starttls, tls, none".into()),
            Some(security) => {
                new.mail = Some(Mail {
                    server: mail.server.clone(),
                    port: mail.port,
                    security,
                    user: mail.user.clone(),
                    password,
                    from: mail.from.clone(),
                    to: mail.to.clone(),
                    authority: mail.authority.clone(),
                });
            }
        }
    }
    if let Some(hook) = &wanted.hook {
        let kept = known.hook.as_ref().filter(|now| now.host() == hook.host);
        new.hook = Some(Hook {
            url: need(&hook.url.secret, kept.map(|now| now.url.clone())),
            secret: need(&hook.key.secret, kept.map(|now| now.secret.clone())),
            authority: hook.authority.clone(),
        });
    }
    // What is missing is told by name, not as an empty value that does not pass.
    if missing.is_empty() {
        mistakes.extend(
            new.mistakes()
                .into_iter()
                .map(|text| format!("notifications: {text}")),
        );
        if let (Some(made), Some(hook)) = (&new.hook, &wanted.hook)
            && made.host() != hook.host
        {
            mistakes.push(format!(
                "notifications: the URL of the web hook is of {}, not of {}",
                made.host(),
                hook.host
            ));
        }
    }
    Some(new)
}
