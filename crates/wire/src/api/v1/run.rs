//! Runs of a job: the initial cycle and what followed.
//!
//! Trap: counts are by name, because later versions count more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Problem;

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    /// Number; counts over all jobs.
    pub number: i64,
    /// Name of the job.
    pub job: String,
    /// `initial` or `incremental`.
    pub kind: String,
    /// `running`, `succeeded`, `entryLevelErrors` or `failed`.
    pub state: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
    /// What it failed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Problem>,
}
