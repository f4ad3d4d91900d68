//! Schedule, status and settings of a job, as Graph's `synchronizationSchedule` and `synchronizationStatus`.
//!
//! Trap: what Graph counts per cycle is counted here per run; a run begins when there is something to do.

use axum::http::StatusCode;
use engine::{ConnectorRow, JobRow};
use serde_json::{Value as Json, json};
use wire::api::v1::{JobStatus, Problem, Run};

use super::Result;
use crate::{
    agents::blocking,
    api::{convert::time, runs, status},
    app::App,
};

// LIMIT: runs looked through for the last good one.
const RUNS: usize = 200;

/// Schedule and status.
pub async fn of(app: &App, row: &JobRow) -> Result<(Json, Json)> {
    let shown = status::of_job(app, row.guid.clone()).await?;
    let (id, name) = (row.id, row.name.clone());
    let runs: Vec<Run> = blocking(app.engine(), move |engine| {
        let rows = engine.runs(Some(id), None, RUNS)?;
        Ok(rows
            .iter()
            .map(|run| runs::shown(run, Some(&name)))
            .collect())
    })
    .await?;
    let state = match (shown.state.as_str(), runs.is_empty()) {
        ("paused", true) => "Disabled",
        ("paused", false) => "Paused",
        _ => "Active",
    };
    let schedule = json!({
        "expiration": null,
        "interval": interval(row.settings.interval_seconds),
        "state": state,
    });
    Ok((schedule, status_of(app, &shown, &runs)))
}

/// Seconds as ISO 8601 has durations.
fn interval(seconds: u64) -> String {
    match (seconds / 3_600, seconds % 3_600) {
        (hours, 0) if hours > 0 => format!("PT{hours}H"),
        _ if seconds > 0 && seconds.is_multiple_of(60) => format!("PT{}M", seconds / 60),
        _ => format!("PT{seconds}S"),
    }
}

fn status_of(app: &App, shown: &JobStatus, runs: &[Run]) -> Json {
    let ended = || runs.iter().filter(|run| run.ended_at.is_some());
    let is_good = |run: &&Run| is_success(run);
    let failed_whole = ended().take_while(|run| is_failure(run)).count();
    let counts: Vec<Json> = shown
        .linked
        .iter()
        .map(|(class, count)| json!({ "key": format!("to {class}"), "value": count }))
        .collect();
    let total = shown
        .progress
        .to_plan
        .saturating_add(shown.progress.planned);
    let steady: Vec<&Run> = ended().filter(is_good).collect();
    json!({
        "code": code(shown, runs),
        "countSuccessiveCompleteFailures": failed_whole,
        "escrowsPruned": false,
        "lastExecution": ended().next().map(execution),
        "lastSuccessfulExecution": ended().find(is_good).map(execution),
        "lastSuccessfulExecutionWithExports": ended().filter(is_good).find(|run| exported(run) > 0).map(execution),
        "progress": [{
            "completedUnits": shown.progress.planned, "totalUnits": total, "units": "objects",
            "progressObservationDateTime": time(app.engine().now()),
        }],
        "quarantine": quarantine(shown),
        "steadyStateFirstAchievedTime": steady.last().and_then(|run| run.ended_at.clone()),
        "steadyStateLastAchievedTime": steady.first().and_then(|run| run.ended_at.clone()),
        "synchronizedEntryCountByType": counts,
        "troubleshootingUrl": null,
    })
}

fn code(shown: &JobStatus, runs: &[Run]) -> &'static str {
    match shown.state.as_str() {
        "paused" => "Paused",
        _ if quarantine(shown).is_some() => "Quarantine",
        _ if runs.is_empty() => "NotRun",
        _ => "Active",
    }
}

/// What keeps a whole job from going on.
fn quarantine(shown: &JobStatus) -> Option<Json> {
    let (reason, why) = match (&shown.guard, &shown.failure) {
        (Some(why), _) => ("TooManyDeletes", why),
        (None, Some(why)) => ("EncounteredQuarantineException", why),
        (None, None) => return None,
    };
    Some(
        json!({ "reason": reason, "error": error(why), "nextAttempt": shown.retry_at, "currentBegan": null, "seriesBegan": null, "seriesCount": 1 }),
    )
}

/// A `synchronizationError`.
pub fn error(why: &Problem) -> Json {
    let is_tenants = why.known_code().is_none_or(|code| {
        crate::api::error::ApiError(sync_core::operation::Refusal::new(code)).status()
            != StatusCode::INTERNAL_SERVER_ERROR
    });
    json!({ "code": why.code, "message": why.message, "tenantActionable": is_tenants })
}

fn is_failure(run: &Run) -> bool {
    run.state == "failed"
}

fn is_success(run: &Run) -> bool {
    run.ended_at.is_some() && !is_failure(run)
}

fn count(run: &Run, name: &str) -> u64 {
    run.counts.get(name).copied().unwrap_or(0)
}

fn exported(run: &Run) -> u64 {
    count(run, "done")
}

fn execution(run: &Run) -> Json {
    let failed = count(run, "failed").saturating_add(count(run, "unplannable"));
    let state = match is_failure(run) {
        true => "Failed",
        false if failed > 0 => "EntryLevelErrors",
        false => "Succeeded",
    };
    json!({
        "activityIdentifier": run.number.to_string(),
        "state": state,
        "timeBegan": run.started_at,
        "timeEnded": run.ended_at,
        "countEntitled": count(run, "same").saturating_add(count(run, "operations")),
        "countEntitledForProvisioning": count(run, "operations"),
        "countEscrowed": failed,
        "countEscrowedRaw": failed,
        "countExported": exported(run),
        "countExports": exported(run).saturating_add(count(run, "failed")),
        "countImported": count(run, "read"),
        "countImportedDeltas": count(run, "read"),
        "countImportedReferenceDeltas": count(run, "references"),
        "error": run.failure.as_ref().map(error),
    })
}

/// `synchronizationJobSettings`.
pub fn settings(row: &JobRow, source: &ConnectorRow) -> Json {
    let text = |name: &str| {
        let value = source.info.get(name).and_then(Json::as_str);
        value.unwrap_or_default().to_owned()
    };
    let pairs = [
        ("DomainFQDN", text("domain_fqdn")),
        ("DomainNetBios", text("domain_netbios")),
        (
            "QuarantineTooManyDeletesThreshold",
            row.settings.delete_threshold.to_string(),
        ),
    ];
    let known = pairs.iter().filter(|(_, value)| !value.is_empty());
    json!(
        known
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect::<Vec<_>>()
    )
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn intervals_are_durations() {
        assert_eq!(interval(10), "PT10S");
        assert_eq!(interval(120), "PT2M");
        assert_eq!(interval(7_200), "PT2H");
        assert_eq!(interval(90), "PT90S");
        assert_eq!(interval(0), "PT0S");
    }
}
