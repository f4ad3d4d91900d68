//! Cycles of a job: its status in the fields of the original's `synchronizationStatus`, what fails, and what may be asked for.
//!
//! Trap: field names are those of Microsoft Graph, so that scripts that read them there read them here.

use serde::{Deserialize, Serialize};

use super::Problem;

/// How a job stands.
///
/// # Source
/// Microsoft Graph, resource type synchronizationStatus
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SynchronizationStatus {
    /// `NotConfigured`, `NotRun`, `Active`, `Paused` or `Quarantine`.
    pub code: String,
    /// Cycles in a row that failed completely.
    pub count_successive_complete_failures: u64,
    /// Whether an initial cycle could only be completed by giving up what failed.
    pub escrows_pruned: bool,
    /// The last cycle.
    pub last_execution: Option<TaskExecution>,
    /// The last cycle that went well.
    pub last_successful_execution: Option<TaskExecution>,
    /// The last of those that wrote something.
    pub last_successful_execution_with_exports: Option<TaskExecution>,
    /// How far a cycle under way is.
    pub progress: Vec<SynchronizationProgress>,
    /// The quarantine, while it lasts.
    pub quarantine: Option<SynchronizationQuarantine>,
    /// When the job first had nothing left to do.
    pub steady_state_first_achieved_time: Option<String>,
    /// When the job last came to have nothing left to do.
    pub steady_state_last_achieved_time: Option<String>,
    /// Objects in step, by source and target class.
    pub synchronized_entry_count_by_type: Vec<KeyedCount>,
    /// Where a person finds out more.
    pub troubleshooting_url: String,
}

/// A cycle that ended.
///
/// # Source
/// Microsoft Graph, resource type synchronizationTaskExecution
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskExecution {
    /// The id of the cycle.
    pub activity_identifier: String,
    /// Objects looked at that are in scope.
    pub count_entitled: u64,
    /// Those of them for which something had to be done.
    pub count_entitled_for_provisioning: u64,
    /// Objects that failed.
    pub count_escrowed: u64,
    /// Objects that failed or have to be looked at again.
    pub count_escrowed_raw: u64,
    /// Objects written.
    pub count_exported: u64,
    /// Operations sent.
    pub count_exports: u64,
    /// Objects read.
    pub count_imported: u64,
    /// Objects looked at because something changed.
    pub count_imported_deltas: u64,
    /// Objects whose references were looked at.
    pub count_imported_reference_deltas: u64,
    /// What it failed with.
    pub error: Option<SynchronizationError>,
    /// `Succeeded`, `Failed` or `EntryLevelErrors`.
    pub state: String,
    /// When it began.
    pub time_began: String,
    /// When it ended.
    pub time_ended: String,
}

/// What something failed with.
///
/// # Source
/// Microsoft Graph, resource type synchronizationError
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SynchronizationError {
    /// The code.
    pub code: String,
    /// The text.
    pub message: String,
    /// Whether an administrator can do something about it.
    pub tenant_actionable: bool,
}

/// How far a cycle is.
///
/// # Source
/// Microsoft Graph, resource type synchronizationProgress
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SynchronizationProgress {
    /// Units done.
    pub completed_units: u64,
    /// When they were counted.
    pub progress_observation_date_time: String,
    /// All units.
    pub total_units: u64,
    /// What a unit is.
    pub units: String,
}

/// A quarantine.
///
/// # Source
/// Microsoft Graph, resource type synchronizationQuarantine
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SynchronizationQuarantine {
    /// When it was last imposed or left in effect.
    pub current_began: String,
    /// When the job is tried next; absent: not by itself.
    pub next_attempt: Option<String>,
    /// When it is looked next whether the cause is gone, which has the job tried at once; absent: only an attempt shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_look: Option<String>,
    /// Why.
    pub reason: String,
    /// When it was first imposed.
    pub series_began: String,
    /// How often it was left in effect since.
    pub series_count: u64,
    /// What it was imposed for.
    pub error: Option<SynchronizationError>,
}

/// A count by a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyedCount {
    /// The key, such as `user to User`.
    pub key: String,
    /// The count.
    pub value: u64,
}

/// `POST /jobs/{name}/restart`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Restart {
    /// What is forgotten, such as `Watermark,Escrows`; empty: what the portal's restart forgets.
    pub reset_scope: String,
}

/// `POST /jobs/{name}/quarantine`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Demand {
    /// Why.
    pub text: String,
}

/// An object in escrow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EscrowedObject {
    /// Anchor of the source object.
    pub anchor: String,
    /// Distinguished name.
    pub dn: String,
    /// Display name.
    pub display_name: String,
    /// Source class.
    pub class: String,
    /// Target object, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Attempts that failed in a row.
    pub attempts: u32,
    /// When the last one failed.
    pub failed_at: String,
    /// When it is tried again; absent: when somebody asks, or its source changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// All of it in one sentence.
    pub text: String,
}

/// `POST /jobs/{name}/escrow/retry`: one object, those of a code, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EscrowRetry {
    /// Only this object: anchor, DN, UPN or target id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Only those that failed with this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// How many things an act was done to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Count {
    /// How many.
    pub count: u64,
}

/// `POST /jobs/{name}/provision`: one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OnDemand {
    /// One object: anchor, DN, UPN or target id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Everything below a container: anchor or DN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// A group and its members: anchor or DN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// What came of provisioning on demand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OnDemandReport {
    /// The cycle it was done in.
    pub cycle_id: String,
    /// Objects looked at.
    pub objects: u64,
    /// Those that are still being worked at when the patience ended.
    pub unfinished: u64,
    /// What was done, newest last.
    pub records: Vec<super::LogRecord>,
}

/// `POST /jobs/{name}/reconcile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Reconciling {
    /// Whether what is found is put right, whatever the job's setting says; absent: as set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct: Option<bool>,
}

/// What a reconciliation found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reconciled {
    /// Target objects looked at.
    pub target_objects: u64,
    /// Linked objects compared.
    pub compared: u64,
    /// Objects that are not as they were left.
    pub changed: u64,
    /// Linked objects that are not in the target any more.
    pub missing: u64,
    /// Synchronised objects of the target that no link of the job knows.
    pub unknown: u64,
    /// Whether they are being put right.
    pub is_corrected: bool,
    /// The first of them.
    pub first: Vec<TargetDifference>,
}

/// An object that is not as it was left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetDifference {
    /// Target object.
    pub target: String,
    /// Name for people.
    pub name: String,
    /// `changed`, `missing` or `unknown`.
    pub kind: String,
    /// Attributes that differ.
    pub attributes: Vec<String>,
}
