//! Links between source and target objects, one by one.
//!
//! Trap: a change of a link changes no object; what follows from it is planned when the job goes on.

use serde::{Deserialize, Serialize};

use super::Problem;

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Link {
    /// Anchor of the source object.
    pub anchor: String,
    /// Distinguished name of the source object.
    pub dn: String,
    /// Display name.
    pub display_name: String,
    /// `linked`, `unlinked`, `deleted`, `skipped` or `lost`.
    pub situation: String,
    /// Target class.
    pub class: String,
    /// Target object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Source anchor as exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_anchor: Option<String>,
    /// Why it was skipped, or its last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
    /// Whether it still has to be planned.
    pub is_due: bool,
    /// When it last changed.
    pub changed_at: String,
}

/// `POST /jobs/{name}/links/unlink` and `POST /jobs/{name}/links/relink`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LinkRequest {
    /// The source object: anchor, DN, UPN, or id of the target object it is linked to.
    pub object: String,
    /// To relink: id of the target object it is to belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}
