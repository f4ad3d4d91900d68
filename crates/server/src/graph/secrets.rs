//! `synchronization/secrets`: what scripts tell a configuration by key and value. Settings of jobs are taken from it; credentials are
//! not taken at all.
//!
//! Never stores a secret of a source: those stay with agents. Trap: a put replaces everything, as Graph's does.

use engine::{JobSettings, StoreError};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Cx, GraphError, Reply, Result, members, text};
use crate::{access::actor, agents::blocking};

/// Keys that are taken, and whether their values are shown.
const TAKEN: &[(&str, bool)] = &[
    ("Domain", true),
    ("AppKey", false),
    ("SyncNotificationSettings", true),
    ("SkipOutOfScopeDeletions", true),
];

/// Keys of Graph that hold a credential.
const CREDENTIALS: &[&str] = &[
    "Password",
    "SecretToken",
    "ClientSecret",
    "ConsumerSecret",
    "TokenKey",
    "Oauth2AccessToken",
    "Oauth2RefreshToken",
    "Oauth2ClientSecret",
    "Oauth2AuthorizationCode",
    "ConnectionString",
    "SyncAgentCompatibilityKey",
];

// LIMIT: entries, and characters of a value.
const MOST: usize = 50;
const LONGEST: usize = 4_096;

/// `GET …/secrets`.
pub async fn list(cx: &Cx) -> Result<Reply> {
    let source = cx.source().await?;
    let id = source.id;
    let stored = blocking(cx.app.engine(), move |engine| engine.application(id)).await?;
    let none = Vec::new();
    let all = stored
        .as_ref()
        .and_then(|one| one.secrets.as_array())
        .unwrap_or(&none);
    let shown = all.iter().map(|pair| {
        let key = pair.get("key").and_then(Json::as_str).unwrap_or_default();
        let is_open = TAKEN.iter().any(|(name, open)| *open && *name == key);
        let value = pair.get("value").filter(|_| is_open).cloned();
        json!({ "key": key, "value": value.unwrap_or_else(|| "*".into()) })
    });
    Ok(Reply::Ok(json!({
        "@odata.context": cx.context("Collection(microsoft.graph.synchronizationSecretKeyStringValuePair)"),
        "value": shown.collect::<Vec<_>>(),
    })))
}

/// What is said about the job's limit of deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Threshold {
    /// It holds at this many objects; `None`: at as many as before.
    On(Option<u64>),
    /// It never holds; the tenant's limit does.
    Off,
}

impl Threshold {
    /// Nothing is said of the part of all objects, so switching the limit on again brings back the usual one only where it
    /// was switched off altogether.
    fn change(self, settings: &mut JobSettings) {
        let usual = JobSettings::default();
        let was_off = settings.delete_threshold == 0 && settings.delete_threshold_percent == 0;
        match self {
            Self::Off => {
                settings.delete_threshold = 0;
                settings.delete_threshold_percent = 0;
            }
            Self::On(count) => {
                if was_off {
                    settings.delete_threshold = usual.delete_threshold;
                    settings.delete_threshold_percent = usual.delete_threshold_percent;
                }
                settings.delete_threshold = count.unwrap_or(settings.delete_threshold);
            }
        }
    }
}

/// What the keys mean for the jobs of the source.
#[derive(Default)]
struct Meaning {
    delete_threshold: Option<Threshold>,
    skip_out_of_scope: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notifications {
    #[serde(default)]
    delete_threshold_enabled: Option<bool>,
    #[serde(default)]
    delete_threshold_value: Option<u64>,
}

/// `PUT …/secrets`.
pub async fn replace(cx: &Cx) -> Result<Reply> {
    let source = cx.source().await?;
    let body = members(&cx.body, &["value"])?;
    let pairs = body.get("value").and_then(Json::as_array);
    let pairs =
        pairs.ok_or_else(|| GraphError::bad("the body lacks value, a list of keys and values"))?;
    if pairs.len() > MOST {
        return Err(GraphError::bad(format!(
            "there are more than {MOST} entries"
        )));
    }
    let mut meaning = Meaning::default();
    let mut kept = Vec::new();
    for pair in pairs {
        let pair = members(pair, &["key", "value"])?;
        let key = text(pair, "key")?;
        let value = pair.get("value").and_then(Json::as_str).unwrap_or_default();
        check(key, value)?;
        understand(key, value, &mut meaning)?;
        let is_open = TAKEN.iter().any(|(name, open)| *open && *name == key);
        // What is never shown is not kept either.
        kept.push(match is_open {
            true => json!({ "key": key, "value": value }),
            false => json!({ "key": key }),
        });
    }
    blocking(cx.app.engine(), move |engine| {
        for job in engine
            .jobs()?
            .into_iter()
            .filter(|job| job.source == source.id)
        {
            apply(engine, &job, &meaning)?;
        }
        engine.set_application_secrets(source.id, &source.name, &json!(kept), &actor())
    })
    .await?;
    cx.app.jobs_changed();
    Ok(Reply::Done)
}

fn check(key: &str, value: &str) -> Result<()> {
    if value.len() > LONGEST {
        return Err(GraphError::bad(format!(
            "the value of {key} is longer than {LONGEST} characters"
        )));
    }
    if TAKEN.iter().any(|(name, _)| *name == key) {
        return Ok(());
    }
    let known: Vec<&str> = TAKEN.iter().map(|(name, _)| *name).collect();
    Err(GraphError::bad(match CREDENTIALS.contains(&key) {
        true => format!(
            "{key} is a credential; this server takes none: set it where the agent runs (hybridge-agent.toml)"
        ),
        false => format!(
            "the key {key} means nothing here; known: {}",
            known.join(", ")
        ),
    }))
}

fn understand(key: &str, value: &str, meaning: &mut Meaning) -> Result<()> {
    match key {
        "SyncNotificationSettings" => {
            let told: Notifications = serde_json::from_str(value).map_err(|error| {
                GraphError::bad(format!("the value of {key} is not understood: {error}"))
            })?;
            let value = told.delete_threshold_value;
            if told.delete_threshold_enabled != Some(false) && value == Some(0) {
                return Err(GraphError::bad(
                    "DeleteThresholdValue has to be at least 1; DeleteThresholdEnabled false switches the job's limit off",
                ));
            }
            meaning.delete_threshold = match (told.delete_threshold_enabled, value) {
                (Some(false), _) => Some(Threshold::Off),
                (None, None) => None,
                (Some(true) | None, value) => Some(Threshold::On(value)),
            };
        }
        "SkipOutOfScopeDeletions" => {
            let told = value.to_ascii_lowercase().parse::<bool>();
            meaning.skip_out_of_scope =
                Some(told.map_err(|_| GraphError::bad(format!("{key} is True or False")))?);
        }
        _ => {}
    }
    Ok(())
}

fn apply(
    engine: &engine::Engine,
    job: &engine::JobRow,
    meaning: &Meaning,
) -> std::result::Result<(), StoreError> {
    let mut settings: JobSettings = job.settings.clone();
    if let Some(threshold) = meaning.delete_threshold {
        threshold.change(&mut settings);
    }
    if let Some(skips) = meaning.skip_out_of_scope {
        settings.skip_out_of_scope_deletions = skips;
    }
    if settings == job.settings {
        return Ok(());
    }
    engine.set_job_settings(job.id, &settings)?;
    if meaning.delete_threshold == Some(Threshold::Off) {
        engine.audit(&actor(), "switch off the deletion limit", &job.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str) -> Result<Option<Threshold>> {
        let mut meaning = Meaning::default();
        understand("SyncNotificationSettings", value, &mut meaning)?;
        Ok(meaning.delete_threshold)
    }

    #[test]
    fn the_limit_of_deletions_is_set_switched_off_and_on_again() {
        let limits =
            |settings: &JobSettings| (settings.delete_threshold, settings.delete_threshold_percent);
        let mut settings = JobSettings {
            delete_threshold: 300,
            delete_threshold_percent: 10,
            ..JobSettings::default()
        };
        let mut tell = |value: &str| {
            if let Some(threshold) = told(value).unwrap() {
                threshold.change(&mut settings);
            }
            limits(&settings)
        };
        assert_eq!(tell(r#"{"Enabled":true,"Recipients":"a@b.c"}"#), (300, 10));
        assert_eq!(
            tell(r#"{"DeleteThresholdEnabled":true,"DeleteThresholdValue":40}"#),
            (40, 10)
        );
        assert_eq!(
            tell(r#"{"DeleteThresholdEnabled":true}"#),
            (40, 10),
            "as it was"
        );
        assert_eq!(
            tell(r#"{"DeleteThresholdEnabled":false,"DeleteThresholdValue":40}"#),
            (0, 0)
        );
        assert_eq!(
            tell(r#"{"DeleteThresholdEnabled":true,"DeleteThresholdValue":60}"#),
            (60, 20)
        );
        assert!(told(r#"{"DeleteThresholdEnabled":true,"DeleteThresholdValue":0}"#).is_err());
        assert!(told(r#"{"DeleteThresholdValue":-1}"#).is_err());
    }
}
