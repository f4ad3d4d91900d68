//! Schedule, status and settings of a job, as Graph's `synchronizationSchedule` and `synchronizationStatus`.
//!
//! Trap: what Graph counts per cycle is counted here per run; a run begins when there is something to do. A job that was made
//! and never started is `NotRun` with a `Disabled` schedule, as in the original.

use engine::{ConnectorRow, JobRow, JobState};
use serde_json::{Value as Json, json};

use super::Result;
use crate::{agents::blocking, app::App, cycles};

/// Schedule and status.
pub async fn of(app: &App, row: &JobRow) -> Result<(Json, Json)> {
    let (job, mut activity) = (row.clone(), app.activity(row.id));
    // Graph's quarantine has no such field.
    activity.next_look = None;
    let (status, is_disabled) = blocking(app.engine(), move |engine| {
        let is_disabled = engine.standing(job.id)?.disabled_at.is_some();
        Ok((cycles::status::of(engine, &job, &activity)?, is_disabled))
    })
    .await?;
    let state = match row.state {
        JobState::Active => "Active",
        JobState::Paused if is_disabled || status.code == "NotRun" => "Disabled",
        JobState::Paused => "Paused",
    };
    let schedule = json!({
        "expiration": null,
        "interval": interval(row.settings.interval_seconds),
        "state": state,
    });
    Ok((schedule, json!(status)))
}

/// Seconds as ISO 8601 has durations.
fn interval(seconds: u64) -> String {
    match (seconds / 3_600, seconds % 3_600) {
        (hours, 0) if hours > 0 => format!("PT{hours}H"),
        _ if seconds > 0 && seconds.is_multiple_of(60) => format!("PT{}M", seconds / 60),
        _ => format!("PT{seconds}S"),
    }
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
