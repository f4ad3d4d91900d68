//! Jobs: one source into one target, by rules.
//!
//! Trap: the rules are the `synchronizationSchema` JSON, passed through unchanged; only the server checks them.

use serde::{Deserialize, Serialize};

/// Something with an id and a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Named {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
}

/// `POST /jobs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewJob {
    /// Name.
    pub name: String,
    /// Id or name of the source connector.
    pub source: String,
    /// Id or name of the target connector; empty: the tenant directory.
    pub target: String,
    /// Rules; absent: the preset for this pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<serde_json::Value>,
    /// Only objects below these containers (distinguished names); empty: all.
    pub containers: Vec<String>,
    /// Settings that differ from the usual ones.
    pub settings: JobSettings,
    /// Whether it starts at once.
    pub start: bool,
}

/// Settings of a job; absent in a change: stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JobSettings {
    /// The guard holds at this many objects that lose something; 0: not by count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_count: Option<u64>,
    /// The guard holds at this part of the linked objects, in percent; 0: not by part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_percent: Option<u64>,
    /// Length of the guard's sliding window, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_window_seconds: Option<u64>,
    /// The guard holds a group that loses this part of its members, in percent; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_group_percent: Option<u64>,
    /// The guard holds at this many memberships removed from all groups together; 0: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_memberships: Option<u64>,
    /// How long what was allowed may wait to be carried out, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_seconds: Option<u64>,
    /// How many days after it left an object is deleted; until then it is disabled. 0: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaver_grace_days: Option<u64>,
    /// How long deletions wait after the last change was planned, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_seconds: Option<u64>,
    /// How often the source is asked for changes, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u64>,
    /// Whether the source is asked to tell of changes, so that they are read at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doorbell: Option<bool>,
    /// Whether what leaves the scope stays in the target as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_out_of_scope_deletions: Option<bool>,
    /// Whether an object of the target that carries the source anchor is taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_match: Option<bool>,
    /// Whether an object of the target that is found by a matching attribute is taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_match: Option<bool>,
    /// Whether accounts of the target that hold administrative roles are taken over, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_administrators: Option<bool>,
    /// Whether a value that another object holds is set aside, so that the rest of the object is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_conflicts_aside: Option<bool>,
    /// Cycles in a row that fail completely until the job is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine_after_failures: Option<u32>,
    /// Least time from the beginning of one cycle to the next, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_spacing_seconds: Option<u64>,
    /// What is done about changes made in the target behind our back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconcile: Option<Reconcile>,
    /// Time between two reconciliations, in hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconcile_hours: Option<u64>,
}

/// What is done about changes made in the target behind our back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reconcile {
    /// Nobody looks, unless somebody asks.
    Off,
    /// They are looked for and reported.
    Report,
    /// They are put right, through the guard.
    Correct,
}

/// `PATCH /jobs/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JobChange {
    /// New settings.
    pub settings: JobSettings,
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Job {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Source connector.
    pub source: Named,
    /// Target connector.
    pub target: Named,
    /// `paused` or `active`.
    pub state: String,
    /// Settings in force.
    pub settings: JobSettings,
    /// Counts changes of the rules.
    pub rules_version: u64,
    /// The rules; only in the answer for one job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<serde_json::Value>,
    /// Since when it exists.
    pub created_at: String,
}
