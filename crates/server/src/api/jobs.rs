//! Jobs: create, list, show, change, start, pause.

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{ConnectorRow, Engine, JobRow, JobState, StoreError};
use sync_core::{code::Code, operation::Refusal, schema::preset};
use wire::api::v1::{Job, JobChange, NewJob, Page};

use super::{
    connectors::check_name,
    convert,
    error::{Answer, ApiError},
    extract::Body,
};
use crate::{
    access::actor,
    agents::blocking,
    app::{App, DIRECTORY_CONNECTOR},
    cycles::act,
    rules,
};

fn shown(engine: &Engine, row: &JobRow) -> Result<Job, StoreError> {
    Ok(convert::job(
        row,
        &engine.connector(row.source)?,
        &engine.connector(row.target)?,
        &engine.creation_times()?,
    ))
}

/// `GET /jobs`: all of them.
pub async fn list(State(app): State<App>) -> Answer<Page<Job>> {
    let jobs = blocking(app.engine(), |engine| {
        let rows = engine.jobs()?;
        rows.iter()
            .map(|row| shown(engine, row))
            .collect::<Result<Vec<_>, _>>()
    })
    .await?;
    Ok(Json(Page::whole(jobs)))
}

/// `GET /jobs/{name}`: one, with its rules.
pub async fn show(State(app): State<App>, Path(name): Path<String>) -> Answer<Job> {
    let job = blocking(app.engine(), move |engine| {
        let row = engine.job_named(&name)?;
        let rules = serde_json::from_str(&row.rules).ok();
        Ok(Job {
            rules,
            ..shown(engine, &row)?
        })
    })
    .await?;
    Ok(Json(job))
}

/// `POST /jobs`: makes one.
pub async fn create(State(app): State<App>, Body(new): Body<NewJob>) -> Answer<Job> {
    check_name(&new.name)?;
    let (source, target) = connectors_of(&app, &new).await?;
    let rules = rules_of(&new, &source.kind)?;
    let known = rules::discovered(&app, source.id, target.id).await?;
    let checked = rules::check(rules.clone(), known).await?;
    checked
        .rules
        .map_err(|problems| rules::refusal(&problems))?;
    let settings = convert::changed(&engine::JobSettings::default(), &new.settings);
    check_settings(&settings)?;
    let job = blocking(app.engine(), move |engine| {
        let job = engine::NewJob {
            name: new.name,
            source: source.id,
            target: target.id,
            rules,
            settings,
        };
        let row = engine.create_job_as(&job, &actor())?;
        engine.audit(&actor(), "create job", &row.name)?;
        if new.start {
            engine.set_job_state(row.id, JobState::Active)?;
        }
        shown(engine, &engine.job(row.id)?)
    })
    .await?;
    app.jobs_changed();
    Ok(Json(job))
}

/// Source and target of a new job.
async fn connectors_of(app: &App, new: &NewJob) -> Result<(ConnectorRow, ConnectorRow), ApiError> {
    let source = new.source.clone();
    let target = match new.target.as_str() {
        "" => DIRECTORY_CONNECTOR.to_owned(),
        name => name.to_owned(),
    };
    let (source, target) = blocking(app.engine(), move |engine| {
        Ok((
            engine.connector_named(&source)?,
            engine.connector_named(&target)?,
        ))
    })
    .await?;
    if source.kind == "directory" || target.kind != "directory" {
        let text = format!(
            "{} cannot flow into {}: a job reads a directory of your own and writes the tenant directory",
            source.name, target.name
        );
        return Err(Refusal::new(Code::ConfigurationInvalid)
            .with("text", text)
            .into());
    }
    Ok((source, target))
}

/// The rules as stored: those given, or those of the source's kind, with the containers put in.
fn rules_of(new: &NewJob, kind: &str) -> Result<String, ApiError> {
    let mut rules = match &new.rules {
        Some(rules) => rules.clone(),
        None => serde_json::from_str(preset::of_kind(kind).unwrap_or(preset::AD_TO_DIRECTORY))
            .map_err(|error| Refusal::new(Code::InternalFault).with("text", error.to_string()))?,
    };
    if !new.containers.is_empty() {
        let all = rules
            .get_mut("synchronizationRules")
            .and_then(|all| all.as_array_mut());
        for rule in all
            .into_iter()
            .flatten()
            .filter_map(|rule| rule.as_object_mut())
        {
            rule.insert(
                "containerFilter".into(),
                serde_json::json!({ "includedContainers": new.containers }),
            );
        }
    }
    Ok(rules.to_string())
}

pub(crate) fn check_settings(settings: &engine::JobSettings) -> Result<(), ApiError> {
    if settings.delete_threshold_percent > 100 || settings.group_threshold_percent > 100 {
        return Err(ApiError::invalid(
            "a part is 1 to 100 percent, or 0 to switch that limit off",
        ));
    }
    if settings.approval_seconds > 31 * 86_400 || settings.leaver_grace_days > 3_650 {
        return Err(ApiError::invalid(
            "an approval lasts at most 31 days, a grace period at most 3650",
        ));
    }
    if settings.delete_window_seconds > 31 * 86_400 || settings.settle_seconds > 7 * 86_400 {
        return Err(ApiError::invalid(
            "the guard's window is at most 31 days, the settle time at most 7",
        ));
    }
    if !(1..=86_400).contains(&settings.interval_seconds) {
        return Err(ApiError::invalid("the interval is 1 to 86400 seconds"));
    }
    if settings.minimum_spacing_seconds > 86_400 || settings.quarantine_after_failures == 0 {
        return Err(ApiError::invalid(
            "cycles are at most 86400 seconds apart, and at least one has to fail before a quarantine",
        ));
    }
    if !(1..=8_760).contains(&settings.reconcile_hours) {
        return Err(ApiError::invalid(
            "a reconciliation follows every 1 to 8760 hours",
        ));
    }
    Ok(())
}

/// `PATCH /jobs/{name}`: changes settings.
pub async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(change): Body<JobChange>,
) -> Answer<Job> {
    let row = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    let settings = convert::changed(&row.settings, &change.settings);
    check_settings(&settings)?;
    let job = blocking(app.engine(), move |engine| {
        engine.set_job_settings(row.id, &settings)?;
        engine.audit(&actor(), "change job settings", &row.name)?;
        shown(engine, &engine.job(row.id)?)
    })
    .await?;
    app.jobs_changed();
    Ok(Json(job))
}

async fn job_of(app: &App, name: String) -> Result<JobRow, Refusal> {
    blocking(app.engine(), move |engine| engine.job_named(&name)).await
}

/// A job as it is now.
pub(super) async fn shown_now(app: &App, job: &JobRow) -> Answer<Job> {
    let id = job.id;
    let job = blocking(app.engine(), move |engine| shown(engine, &engine.job(id)?)).await?;
    Ok(Json(job))
}

/// `POST /jobs/{name}/start`: a quarantine is over.
pub async fn start(State(app): State<App>, Path(name): Path<String>) -> Answer<Job> {
    let job = job_of(&app, name).await?;
    act::start(&app, &job, &actor()).await?;
    shown_now(&app, &job).await
}

/// `POST /jobs/{name}/pause`.
pub async fn pause(State(app): State<App>, Path(name): Path<String>) -> Answer<Job> {
    let job = job_of(&app, name).await?;
    act::pause(&app, &job, &actor()).await?;
    shown_now(&app, &job).await
}
