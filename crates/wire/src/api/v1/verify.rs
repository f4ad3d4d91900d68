//! The judge's progress and report.
//!
//! Sent as one JSON document per line while it works. Trap: the lists are cut at a limit; the counts are not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Problem;

/// A line of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum VerifyEvent {
    /// It goes on.
    #[serde(rename_all = "camelCase")]
    Progress {
        /// `source`, `target` or `compare`.
        phase: String,
        /// Objects so far.
        objects: u64,
    },
    /// It is done.
    Report(Report),
    /// It could not be done.
    Failed(Problem),
}

/// A difference nothing explains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Difference {
    /// Anchor of the source object; empty: there is none.
    pub anchor: String,
    /// Target object; empty: there is none.
    pub target: String,
    /// Name for people.
    pub name: String,
    /// The attribute; empty: the object as such.
    pub attribute: String,
    /// What should be there.
    pub expected: Vec<String>,
    /// What is there.
    pub found: Vec<String>,
    /// In words.
    pub why: String,
}

/// A difference with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Explained {
    /// The difference.
    pub difference: Difference,
    /// `inFlight`, `held`, `failed` or `waiting`.
    pub kind: String,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
}

/// What the judge found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Name of the job.
    pub job: String,
    /// No difference without explanation.
    pub agree: bool,
    /// Objects the source showed.
    pub source_objects: u64,
    /// Objects that should be in the target.
    pub expected_objects: u64,
    /// Objects the target showed.
    pub target_objects: u64,
    /// Values compared.
    pub values_compared: u64,
    /// References compared.
    pub references_compared: u64,
    /// Objects out of scope, by reason.
    pub out_of_scope: BTreeMap<String, u64>,
    /// Differences nothing explains; all of them are counted.
    pub difference_count: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Differences with a reason; all of them are counted.
    pub explained_count: u64,
    /// The first of them.
    pub explained: Vec<Explained>,
    /// Those by code or kind.
    pub explained_by: BTreeMap<String, u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}
