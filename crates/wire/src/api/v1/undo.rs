//! Undoing what was carried out, and what stays undone.
//!
//! Trap: an undo is planned from what the log and the images of deleted objects still hold; `keptSince` says how far back
//! that goes.

use serde::{Deserialize, Serialize};

/// `POST /undo`: exactly one of `cycle`, `since` and `object`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UndoRequest {
    /// What this cycle did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<String>,
    /// What was done at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What was done to this object, as far back as the log goes, or since `since`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Only of this job (id or name).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Only says what would be done.
    pub preview: bool,
    /// How many objects the administrator saw; if there are more now, nothing is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// An attribute that is set back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UndoneValue {
    /// Target attribute.
    pub name: String,
    /// What the target holds.
    pub now: Vec<String>,
    /// What it gets back.
    pub back: Vec<String>,
}

/// What an undo does to one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UndoneObject {
    /// Id of the link; the hold has the same.
    pub id: String,
    /// Name of the job.
    pub job: String,
    /// `bringBack`, `takeAway` or `setBack`.
    pub act: String,
    /// Display name.
    pub name: String,
    /// Source class.
    pub class: String,
    /// Distinguished name in the source, as last known.
    pub dn: String,
    /// Target object.
    pub target: String,
    /// Attributes.
    pub values: Vec<UndoneValue>,
    /// References added again.
    pub references_added: u64,
    /// References taken away again.
    pub references_removed: u64,
}

/// What an undo leaves alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UndoLeft {
    /// Display name.
    pub name: String,
    /// Target attribute; empty: the object.
    pub attribute: String,
    /// `changedSince`, `imageForgotten` or `notMapped`.
    pub why: String,
}

/// What an undo does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Undone {
    /// Number of the undo; absent: it was only a preview, or there was nothing to undo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Objects.
    pub objects: u64,
    /// Of those: brought back.
    pub bring_back: u64,
    /// Of those: deleted again.
    pub take_away: u64,
    /// Of those: set back.
    pub set_back: u64,
    /// References set back.
    pub references: u64,
    /// Records of the log it is about.
    pub records: u64,
    /// The first objects.
    pub items: Vec<UndoneObject>,
    /// How many things are left alone.
    pub left_alone: u64,
    /// The first of them.
    pub left: Vec<UndoLeft>,
    /// Time of the oldest record that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_since: Option<String>,
    /// How many days images of deleted objects are kept.
    pub kept_days: u64,
}

/// Something that stays as it is although source and rules want something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hold {
    /// Id of the link, by which it is released.
    pub id: String,
    /// Name of the job.
    pub job: String,
    /// `undone`, `refused`, `held`, `allowed` or `leaver`.
    pub state: String,
    /// `object`, `attribute`, `references`, `deletion` or `leaver`.
    pub kind: String,
    /// Display name.
    pub name: String,
    /// Source class.
    pub class: String,
    /// Distinguished name in the source, as last known.
    pub dn: String,
    /// Attribute, of an attribute or of references.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub attribute: String,
    /// In words: what is kept, and instead of what.
    pub what: String,
    /// Number of the undo that put it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<i64>,
    /// Since when.
    pub since: String,
    /// Until when, of a leaver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// `POST /holds/release`: either ids, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HoldChoice {
    /// Ids from the list.
    pub ids: Vec<String>,
    /// All of them (of `job` or `undo`, if given).
    pub all: bool,
    /// Only of this job (id or name).
    pub job: Option<String>,
    /// Only what this undo put there.
    pub undo: Option<i64>,
    /// Of all: how many objects are thought to be held; more of them are a conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}
