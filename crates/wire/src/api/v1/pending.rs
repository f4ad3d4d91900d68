//! Pending exports: operations that were planned and not carried out yet.
//!
//! Trap: what is shown may be superseded by a newer plan at any moment.

use serde::{Deserialize, Serialize};

use super::{Problem, Values};

/// How many references an operation adds to or removes from one attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReferenceCount {
    /// The attribute.
    pub attribute: String,
    /// Added.
    pub add: u64,
    /// Removed.
    pub remove: u64,
}

/// A pending export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PendingExport {
    /// Id; the same as in the list of held deletions.
    pub id: String,
    /// Name of the job.
    pub job: String,
    /// Anchor of the source object.
    pub anchor: String,
    /// Its distinguished name.
    pub dn: String,
    /// Its display name.
    pub name: String,
    /// `create`, `update`, `disable`, `delete` or `restore`.
    pub verb: String,
    /// Target class.
    pub class: String,
    /// Target object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `ready`, `leased`, `held`, `escrow` …
    pub state: String,
    /// Attempts so far.
    pub attempts: u64,
    /// Attributes to be written; without values: cleared.
    pub attributes: Values,
    /// What those attributes are believed to hold now.
    pub before: Values,
    /// References to be changed.
    pub references: Vec<ReferenceCount>,
    /// Why it waits or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
    /// When the link last changed.
    pub changed_at: String,
}
