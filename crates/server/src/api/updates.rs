//! Updates of agents: the administrator's wishes, and how far each agent is.

use axum::{Json, extract::State};
use engine::{Engine, StoreError, UpdateRow};
use jiff::{Timestamp, tz::TimeZone};
use sync_core::update::{Policy, Version, Window};
use wire::api::v1::{
    AgentUpdate, AgentUpdates, OfferedRelease, UpdatePolicy, UpdatePolicyChange, UpdateRetry,
};

use super::{
    convert::{time, time_option},
    error::{Answer, ApiError},
    extract::Body,
};
use crate::{access::actor, agents::blocking, app::App, updates::Releases};

const NONE: &str = "none";

/// `GET /agent-updates`.
pub async fn show(State(app): State<App>) -> Answer<AgentUpdates> {
    let releases = app.releases();
    let all = blocking(app.engine(), move |engine| all(engine, &releases)).await?;
    Ok(Json(all))
}

fn all(engine: &Engine, releases: &Releases) -> Result<AgentUpdates, StoreError> {
    let policy = engine.update_policy()?;
    let offered = releases
        .offered()
        .into_iter()
        .map(|claimed| OfferedRelease {
            channel: claimed.channel,
            version: claimed.version,
            issued_at: time(claimed.issued_at.saturating_mul(1_000)),
            expires_at: time(claimed.expires_at.saturating_mul(1_000)),
        });
    Ok(AgentUpdates {
        policy: UpdatePolicy {
            enabled: policy.enabled,
            defer_until: time_option(policy.defer_until),
            window: policy.window.map(|window| window.to_string()),
            zone: policy.zone,
            pin: policy.pin,
        },
        folder: releases.0.display().to_string(),
        offered: offered.collect(),
        agents: engine.agent_updates()?.into_iter().map(shown).collect(),
    })
}

fn shown(row: UpdateRow) -> AgentUpdate {
    AgentUpdate {
        agent: row.agent,
        updater: row.note.updater,
        program: row.note.program,
        phase: row.note.phase,
        version: row.note.version,
        code: Some(row.note.code).filter(|code| !code.is_empty()),
        text: row.note.text,
        told_at: time(row.at),
        has_turn: row.turn_until.is_some(),
        failed: row.failed,
    }
}

/// `PATCH /agent-updates`.
pub async fn change(
    State(app): State<App>,
    Body(change): Body<UpdatePolicyChange>,
) -> Answer<AgentUpdates> {
    let now = blocking(app.engine(), Engine::update_policy).await?;
    let policy = changed(now, change)?;
    blocking(app.engine(), move |engine| {
        engine.set_update_policy(&policy, &actor())
    })
    .await?;
    show(State(app)).await
}

fn changed(mut policy: Policy, change: UpdatePolicyChange) -> Result<Policy, ApiError> {
    policy.enabled = change.enabled.unwrap_or(policy.enabled);
    match change.defer_until.as_deref() {
        None => {}
        Some(NONE) => policy.defer_until = None,
        Some(text) => {
            let at: Timestamp = text.parse().map_err(|_| {
                ApiError::invalid(format!("{text} is not a time such as 2027-01-31T00:00:00Z"))
            })?;
            policy.defer_until = Some(at.as_millisecond());
        }
    }
    match change.window.as_deref() {
        None => {}
        Some(NONE) => policy.window = None,
        Some(text) => {
            let wrong = || ApiError::invalid(format!("{text} is not a window such as 22:00-04:00"));
            policy.window = Some(Window::parse(text).ok_or_else(wrong)?);
        }
    }
    if let Some(zone) = change.zone {
        if TimeZone::get(&zone).is_err() {
            return Err(ApiError::invalid(format!(
                "this server does not know the time zone {zone}; one is Europe/Amsterdam, another UTC"
            )));
        }
        policy.zone = zone;
    }
    match change.pin.as_deref() {
        None => {}
        Some(NONE) => policy.pin = None,
        Some(text) => {
            let wrong = || ApiError::invalid(format!("{text} is not a version such as 1.2.3"));
            policy.pin = Some(Version::parse(text).ok_or_else(wrong)?.to_string());
        }
    }
    Ok(policy)
}

/// `POST /agent-updates/retry`.
pub async fn retry(State(app): State<App>, Body(asked): Body<UpdateRetry>) -> Answer<AgentUpdates> {
    let version = asked.version.clone();
    let count = blocking(app.engine(), move |engine| {
        engine.retry_update(&version, &actor())
    })
    .await?;
    match count {
        0 => Err(ApiError::not_found("failed update", &asked.version)),
        _ => show(State(app)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_stays_and_none_takes_away() {
        let change = |text: &str| serde_json::from_str::<UpdatePolicyChange>(text).unwrap();
        let whole = r#"{"enabled":false,"deferUntil":"2027-01-31T00:00:00Z","window":"22:00-04:00","zone":"Europe/Amsterdam","pin":"1.2.3"}"#;
        let policy = changed(Policy::default(), change(whole)).unwrap();
        assert_eq!(policy.pin.as_deref(), Some("1.2.3"));
        assert_eq!(changed(policy.clone(), change("{}")).unwrap(), policy);
        let none =
            r#"{"enabled":true,"deferUntil":"none","window":"none","zone":"UTC","pin":"none"}"#;
        assert_eq!(changed(policy, change(none)).unwrap(), Policy::default());
        for wrong in [
            r#"{"deferUntil":"tomorrow"}"#,
            r#"{"window":"late"}"#,
            r#"{"zone":"Nowhere/Nothing"}"#,
            r#"{"pin":"newest"}"#,
        ] {
            assert!(
                changed(Policy::default(), change(wrong)).is_err(),
                "{wrong}"
            );
        }
    }
}
