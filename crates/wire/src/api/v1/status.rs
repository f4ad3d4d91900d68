//! How a job is doing.
//!
//! Numbers are counted from what is stored at the moment of asking. Trap: `planned` and `exported` count what the present
//! run did, while the situations count all objects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Named, Problem, Run};

/// Where a job stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// The source has never been read completely, or not all of it is visible in the target yet.
    #[default]
    Initial,
    /// Changes flow as they come.
    Incremental,
}

/// How far the present work is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// Entries read in the read under way, or the last one.
    pub read: u64,
    /// Objects planned in the run under way, or the last one.
    pub planned: u64,
    /// Operations carried out in that run.
    pub exported: u64,
    /// Objects that still have to be planned.
    pub to_plan: u64,
    /// Operations that still have to be carried out.
    pub to_export: u64,
    /// Objects per second in that run.
    pub objects_per_second: f64,
    /// When it will be done at this rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_end: Option<String>,
}

/// The oldest change that is not visible in the target yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lag {
    /// When it was read.
    pub since: String,
    /// How long ago that is, in milliseconds.
    pub age_ms: u64,
}

/// A read under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnderWay {
    /// `full`, `delta`, `backfill` or `comparison`.
    pub mode: String,
    /// Entries so far.
    pub entries: u64,
    /// Since when.
    pub started_at: String,
}

/// Where the source of a job stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceStatus {
    /// The connector.
    pub connector: Named,
    /// Its position.
    pub position: super::Position,
    /// The read under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<UnderWay>,
    /// The comparison of the whole source under way; `mode` is `comparison`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparing: Option<UnderWay>,
    /// Why the last comparison was not ended; it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison_failure: Option<super::Problem>,
    /// Agents that serve it and are connected.
    pub agents_connected: u64,
    /// Its doorbell.
    pub doorbell: DoorbellStatus,
}

/// How a source's doorbell is doing: with it changes are read at once, without it at the next interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DoorbellStatus {
    /// `off` (no job of the source runs), `hanging` (an agent is asked), `armed`, `unsupported` or `failing`.
    pub state: String,
    /// Rings since the server started.
    pub rings: u64,
    /// When it rang last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rang_at: Option<String>,
    /// Why it is not armed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<super::Problem>,
}

/// How a job is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// The job.
    pub job: Named,
    /// `paused`, `active`, `failing`, `quarantine`, `held` (the guard holds) or `distrustful` (a full read is not believed).
    pub state: String,
    /// Phase.
    pub phase: Phase,
    /// Progress.
    pub progress: Progress,
    /// The oldest change not yet visible; absent: everything is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<Lag>,
    /// Objects by situation (linked, skipped, deleted …).
    pub situations: BTreeMap<String, u64>,
    /// Linked objects by target class.
    pub linked: BTreeMap<String, u64>,
    /// Objects whose last attempt failed.
    pub escrow: u64,
    /// Those, by code.
    pub escrow_codes: BTreeMap<String, u64>,
    /// Skipped objects, by code.
    pub skipped_codes: BTreeMap<String, u64>,
    /// Deletes and disables that wait for a decision.
    pub held_deletions: u64,
    /// References that wait for their object to appear.
    pub waiting_references: u64,
    /// The job as a whole fails with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Problem>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// What was noticed when the server started; it needs no action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Problem>,
    /// The quarantine, while it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<super::SynchronizationQuarantine>,
    /// Whether source or target has been busy for 24 hours.
    pub is_busy_too_long: bool,
    /// The guard holds, for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Problem>,
    /// The source.
    pub source: SourceStatus,
    /// The run under way, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}
