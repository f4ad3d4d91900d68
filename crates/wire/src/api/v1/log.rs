//! The provisioning log, record by record, in the shape of Graph's `provisioningObjectSummary`.
//!
//! Trap: records of unchanged objects do not exist; a skip is recorded only when its reason changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Problem;

/// A system a record is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct System {
    /// Id of the connector.
    pub id: String,
    /// Its name.
    pub display_name: String,
}

/// An object on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// Anchor, or target id.
    pub id: String,
    /// Name for people.
    pub display_name: String,
    /// Class.
    pub identity_type: String,
    /// What else is known of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// A value that was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModifiedProperty {
    /// The attribute.
    pub display_name: String,
    /// What it was.
    pub old_value: Option<String>,
    /// What it is now.
    pub new_value: Option<String>,
}

/// A step on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Step {
    /// Name.
    pub name: String,
    /// `import`, `scoping`, `matching`, `processing`, `referenceResolution` or `export`.
    pub provisioning_step_type: String,
    /// `success`, `warning`, `failure` or `skipped`.
    pub status: String,
    /// In words.
    pub description: String,
    /// Names and values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// A record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogRecord {
    /// Sequence number; also the place to continue from.
    pub id: String,
    /// When.
    pub activity_date_time: String,
    /// Id of the job.
    pub job_id: String,
    /// Number of the run.
    pub cycle_id: String,
    /// Id of the change within the run.
    pub change_id: String,
    /// `create`, `update`, `delete`, `disable`, `stagedDelete` or `other`.
    pub provisioning_action: String,
    /// From reading the change to its being visible, in milliseconds.
    pub duration_in_milliseconds: u64,
    /// `success`, `warning`, `failure` or `skipped`.
    pub status: String,
    /// Why, unless it is a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Steps.
    pub provisioning_steps: Vec<Step>,
    /// Changed values.
    pub modified_properties: Vec<ModifiedProperty>,
    /// Where it came from.
    pub source_system: System,
    /// Where it went.
    pub target_system: System,
    /// The source object.
    pub source_identity: Identity,
    /// The target object.
    pub target_identity: Identity,
    /// In one line.
    pub summary: String,
}

/// How long the log is kept, and what it takes now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogRetention {
    /// Days records are kept.
    pub days: u32,
    /// Megabytes they may take.
    pub megabytes: u32,
    /// Records there are.
    pub records: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// When the oldest of them was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
}

/// `PATCH /log/retention`; what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LogRetentionChange {
    /// Days records are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Megabytes they may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub megabytes: Option<u32>,
}
