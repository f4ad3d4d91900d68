//! From stored rows to what the API shows.
//!
//! Never reads anything. Trap: times leave as RFC 3339; a stored time that is none leaves as the beginning of time, not as
//! an error.

use std::collections::BTreeMap;

use connectors::source::ReadMethod;
use engine::{ConnectorRow, JobRow};
use jiff::Timestamp;
use sync_core::{
    plan::Situation,
    value::{Attributes, Value},
};
use wire::api::v1::{Connector, Job, JobSettings, Method, Named, Position, Reconcile, Values};

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
    let text = |name: &str, value: &Value| match value {
        Value::Binary(bytes) if name.eq_ignore_ascii_case("objectSid") => {
            sid(bytes).unwrap_or_else(|| value.display())
        }
        value => value.display(),
    };
    let texts = |name: &str, all: &[Value]| all.iter().map(|value| text(name, value)).collect();
    attributes
        .iter()
        .map(|(name, all)| (name.to_string(), texts(name, all)))
        .collect()
}

/// The text form of a security identifier (`S-1-5-21-…`). `None` if the bytes are none.
///
/// Source: MS-DTYP §2.4.2.1 SID String Format Syntax
fn sid(bytes: &[u8]) -> Option<String> {
    let ([revision, count, authority @ ..], rest) = bytes.split_first_chunk::<8>()?;
    if rest.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let parts = rest
        .chunks_exact(4)
        .filter_map(|part| <[u8; 4]>::try_from(part).ok());
    let mut text = format!("S-{revision}-{authority}");
    parts.for_each(|part| text.push_str(&format!("-{}", u32::from_le_bytes(part))));
    Some(text)
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

/// How changes are found; `None` before the first read.
fn method(row: &ConnectorRow) -> Option<Method> {
    let stored: ReadMethod = serde_json::from_value(row.method.clone()).ok()?;
    Some(Method {
        name: stored.name,
        server: stored.server,
        weaker: stored.weaker.as_ref().map(Into::into),
    })
    .filter(|method| !method.name.is_empty())
}

/// Where reading of a source stands.
pub fn position(row: &ConnectorRow) -> Position {
    Position {
        next_read: row.needs.clone(),
        why: row.needs_why.as_ref().map(Into::into),
        read_up_to: time_option(row.watermark_at),
        last_read_at: time_option(row.last_read_at),
        last_change_at: time_option(row.last_change_at),
        method: method(row),
        compared_at: time_option(row.compared_at),
        failure: row.failure.as_ref().map(Into::into),
        retry_at: time_option(row.retry_at),
        suspect: row.suspect.as_ref().map(Into::into),
    }
}

/// A connector.
pub fn connector(row: &ConnectorRow, times: &BTreeMap<String, i64>) -> Connector {
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
        created_at: time(times.get(&row.guid).copied().unwrap_or_default()),
    }
}

/// Settings as shown: all of them.
pub fn settings(row: &engine::JobSettings) -> JobSettings {
    JobSettings {
        guard_count: Some(row.delete_threshold),
        guard_percent: Some(row.delete_threshold_percent),
        guard_window_seconds: Some(row.delete_window_seconds),
        guard_group_percent: Some(row.group_threshold_percent),
        guard_memberships: Some(row.membership_threshold),
        approval_seconds: Some(row.approval_seconds),
        leaver_grace_days: Some(row.leaver_grace_days),
        settle_seconds: Some(row.settle_seconds),
        interval_seconds: Some(row.interval_seconds),
        doorbell: Some(row.doorbell),
        skip_out_of_scope_deletions: Some(row.skip_out_of_scope_deletions),
        hard_match: Some(row.hard_match),
        soft_match: Some(row.soft_match),
        match_administrators: Some(row.match_administrators),
        set_conflicts_aside: Some(row.set_conflicts_aside),
        quarantine_after_failures: Some(row.quarantine_after_failures),
        minimum_spacing_seconds: Some(row.minimum_spacing_seconds),
        reconcile: Some(match row.reconcile {
            engine::Reconcile::Off => Reconcile::Off,
            engine::Reconcile::Report => Reconcile::Report,
            engine::Reconcile::Correct => Reconcile::Correct,
        }),
        reconcile_hours: Some(row.reconcile_hours),
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
        group_threshold_percent: change
            .guard_group_percent
            .unwrap_or(row.group_threshold_percent),
        membership_threshold: change.guard_memberships.unwrap_or(row.membership_threshold),
        approval_seconds: change.approval_seconds.unwrap_or(row.approval_seconds),
        leaver_grace_days: change.leaver_grace_days.unwrap_or(row.leaver_grace_days),
        settle_seconds: change.settle_seconds.unwrap_or(row.settle_seconds),
        interval_seconds: change.interval_seconds.unwrap_or(row.interval_seconds),
        doorbell: change.doorbell.unwrap_or(row.doorbell),
        skip_out_of_scope_deletions: change
            .skip_out_of_scope_deletions
            .unwrap_or(row.skip_out_of_scope_deletions),
        hard_match: change.hard_match.unwrap_or(row.hard_match),
        soft_match: change.soft_match.unwrap_or(row.soft_match),
        match_administrators: change
            .match_administrators
            .unwrap_or(row.match_administrators),
        set_conflicts_aside: change
            .set_conflicts_aside
            .unwrap_or(row.set_conflicts_aside),
        quarantine_after_failures: change
            .quarantine_after_failures
            .unwrap_or(row.quarantine_after_failures),
        minimum_spacing_seconds: change
            .minimum_spacing_seconds
            .unwrap_or(row.minimum_spacing_seconds),
        reconcile: match change.reconcile {
            None => row.reconcile,
            Some(Reconcile::Off) => engine::Reconcile::Off,
            Some(Reconcile::Report) => engine::Reconcile::Report,
            Some(Reconcile::Correct) => engine::Reconcile::Correct,
        },
        reconcile_hours: change.reconcile_hours.unwrap_or(row.reconcile_hours),
    }
}

/// A job between two connectors.
pub fn job(
    row: &JobRow,
    source: &ConnectorRow,
    target: &ConnectorRow,
    times: &BTreeMap<String, i64>,
) -> Job {
    Job {
        id: row.guid.clone(),
        name: row.name.clone(),
        source: named(source),
        target: named(target),
        state: row.state.name().into(),
        settings: settings(&row.settings),
        rules_version: row.rules_version.unsigned_abs(),
        rules: None,
        created_at: time(times.get(&row.guid).copied().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_identifiers_are_shown_as_people_know_them() {
        let bytes = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
        assert_eq!(sid(&bytes).as_deref(), Some("S-1-5-32-544"));
        assert_eq!(sid(&bytes[..9]), None);
        assert_eq!(sid(&[]), None);
    }
}
