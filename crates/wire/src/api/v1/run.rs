//! Runs of a job: the initial cycle and what followed.
//!
//! Trap: counts are by name, because later versions count more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Problem, TaskExecution};

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    /// Number; counts over all jobs.
    pub number: i64,
    /// The id of the cycle, which the records of the log carry.
    pub id: String,
    /// Name of the job.
    pub job: String,
    /// `initial`, `incremental` or `onDemand`.
    pub kind: String,
    /// How it ended, in the words of run histories (`success`, `completed-export-errors`, `no-start-credentials` …).
    pub status: String,
    /// What was asked for, if somebody asked for a part.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
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
    /// The same in the fields of the original, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<TaskExecution>,
}
