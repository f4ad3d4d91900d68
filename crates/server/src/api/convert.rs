//! From stored rows to what the API shows.
//!
//! Never reads anything. Trap: times leave as RFC 3339; a stored time that is none leaves as the beginning of time, not as
//! an error.

use engine::{ConnectorRow, JobRow};
use jiff::Timestamp;
use sync_core::{plan::Situation, value::Attributes};
use wire::api::v1::{Connector, Job, JobSettings, Named, Position, Values};

/// RFC 3339 of unix milliseconds.
pub fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .unwrap_or_default()
        .to_string()
}

/// The same, of a time that may be absent.
pub fn time_option(ms: Option<i64>) -> Option<String> {
    ms.map(time)
}

/// Attributes as texts.
pub fn values(attributes: &Attributes) -> Values {
    let texts =
        |values: &[sync_core::value::Value]| values.iter().map(|value| value.display()).collect();
    attributes
        .iter()
        .map(|(name, all)| (name.to_string(), texts(all)))
        .collect()
}

/// A situation as shown.
pub fn situation(situation: Situation) -> &'static str {
    match situation {
        Situation::Unlinked => "unlinked",
        Situation::Linked => "linked",
        Situation::Deleted => "deleted",
        Situation::Skipped => "skipped",
        Situation::Lost => "lost",
    }
}

/// Id and name of a connector.
pub fn named(row: &ConnectorRow) -> Named {
    Named {
        id: row.guid.clone(),
        name: row.name.clone(),
    }
}

/// Where reading of a source stands.
pub fn position(row: &ConnectorRow) -> Position {
    Position {
        next_read: row.needs.clone(),
        why: row.needs_why.as_ref().map(Into::into),
        read_up_to: time_option(row.watermark_at),
        last_read_at: time_option(row.last_read_at),
        last_change_at: time_option(row.last_change_at),
        failure: row.failure.as_ref().map(Into::into),
        retry_at: time_option(row.retry_at),
        suspect: row.suspect.as_ref().map(Into::into),
    }
}

/// A connector.
pub fn connector(row: &ConnectorRow) -> Connector {
    let mut info = row.info.clone();
    if let Some(all) = info.as_object_mut() {
        let count = all
            .remove("attributes")
            .and_then(|list| Some(list.as_array()?.len()));
        if let Some(count) = count {
            all.insert("attributeCount".into(), count.into());
        }
        for (from, to) in [
            ("domain_fqdn", "domainFqdn"),
            ("domain_netbios", "domainNetbios"),
            ("naming_context", "namingContext"),
            ("tombstone_lifetime_seconds", "tombstoneLifetimeSeconds"),
        ] {
            if let Some(value) = all.remove(from) {
                all.insert(to.into(), value);
            }
        }
    }
    Connector {
        id: row.guid.clone(),
        name: row.name.clone(),
        kind: row.kind.clone(),
        config: row.config.clone(),
        info,
        position: (row.kind != "directory").then(|| position(row)),
        created_at: String::new(),
    }
}

/// Settings as shown: all of them.
pub fn settings(row: &engine::JobSettings) -> JobSettings {
    JobSettings {
        guard_count: Some(row.delete_threshold),
        guard_percent: Some(row.delete_threshold_percent),
        guard_window_seconds: Some(row.delete_window_seconds),
        settle_seconds: Some(row.settle_seconds),
        interval_seconds: Some(row.interval_seconds),
    }
}

/// Settings with what a change says.
pub fn changed(row: &engine::JobSettings, change: &JobSettings) -> engine::JobSettings {
    engine::JobSettings {
        delete_threshold: change.guard_count.unwrap_or(row.delete_threshold),
        delete_threshold_percent: change.guard_percent.unwrap_or(row.delete_threshold_percent),
        delete_window_seconds: change
            .guard_window_seconds
            .unwrap_or(row.delete_window_seconds),
        settle_seconds: change.settle_seconds.unwrap_or(row.settle_seconds),
        interval_seconds: change.interval_seconds.unwrap_or(row.interval_seconds),
    }
}

/// A job between two connectors.
pub fn job(row: &JobRow, source: &ConnectorRow, target: &ConnectorRow) -> Job {
    Job {
        id: row.guid.clone(),
        name: row.name.clone(),
        source: named(source),
        target: named(target),
        state: row.state.name().into(),
        settings: settings(&row.settings),
        rules_version: row.rules_version.unsigned_abs(),
        rules: None,
        created_at: String::new(),
    }
}
