//! Deletes, disables and losses the guard holds, and the decision about them.
//!
//! Trap: a choice of everything concerns what is held when the server reads the request, not what was shown before;
//! `expected` is the protection against that.

use serde::{Deserialize, Serialize};

use super::Problem;

/// A held delete or disable, or a held loss of members or values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deletion {
    /// Id.
    pub id: String,
    /// Name of the job.
    pub job: String,
    /// `delete`, `disable`, `removeMembers` or `clearValues`.
    pub verb: String,
    /// How many members or attributes it is about.
    pub count: u64,
    /// The first of those: names of members, attributes with what they hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<String>,
    /// Target class.
    pub class: String,
    /// Display name.
    pub name: String,
    /// Distinguished name in the source, as last known.
    pub dn: String,
    /// Anchor in the source.
    pub anchor: String,
    /// Target object.
    pub target: String,
    /// Whether it was refused (and stays).
    pub is_refused: bool,
    /// Why the object is to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
    /// Since when it is held.
    pub since: String,
}

/// What to do with held deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Carry them out.
    Allow,
    /// Keep the target objects; later runs do not ask again.
    Refuse,
}

/// `POST /deletions/allow` and `POST /deletions/refuse`: either ids, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeletionChoice {
    /// Ids from the list.
    pub ids: Vec<String>,
    /// All that are held (of `job`, if given).
    pub all: bool,
    /// Only of this job (id or name).
    pub job: Option<String>,
    /// With `all`: how many the administrator saw; if there are more now, nothing is done.
    pub expected: Option<u64>,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Decided {
    /// How many.
    pub count: u64,
    /// Names of the first of them.
    pub names: Vec<String>,
}
