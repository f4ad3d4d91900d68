//! Removing a job.
//!
//! Trap: it goes on after the answer; the job is listed until everything is done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Named, Problem};

/// What removing a job comes to, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobRemoval {
    /// The job.
    pub job: Named,
    /// What becomes of its objects: `keep`, `release`, `disable`, `delete`; absent: nobody has asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<String>,
    /// Objects it has now.
    pub linked: u64,
    /// Those by target class.
    pub classes: BTreeMap<String, u64>,
    /// The first of them.
    pub names: Vec<String>,
    /// Objects it had when the removal began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_with: Option<u64>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why the guard would hold so many deletions or disables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Problem>,
    /// Whether this server may touch the objects.
    pub is_active_here: bool,
    /// Objects that were refused in the last round.
    pub failed: u64,
    /// Why one of them was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Problem>,
}
