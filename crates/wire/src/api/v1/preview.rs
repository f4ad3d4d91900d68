//! What a run, or a change of rules, would do.
//!
//! Sent as one JSON document per line while it is found out: every object that would be touched, then the report. Trap: what
//! the target would refuse when it is written (a value that must be unique) shows only then.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Problem;

/// `POST /jobs/{id}/preview`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PreviewRequest {
    /// Rules that are not in force; absent: those in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<serde_json::Value>,
}

/// A line of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum PreviewEvent {
    /// It goes on.
    Progress {
        /// Objects looked at so far.
        objects: u64,
    },
    /// An object that would be touched, or that fails.
    Object(PreviewObject),
    /// References that would be added or taken away; those of one object may come in several parts.
    References(PreviewReferences),
    /// It is done.
    Report(PreviewReport),
    /// It could not be done.
    Failed(Problem),
}

/// What would happen to an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreviewObject {
    /// `enter`, `leave`, `change` or `fail`.
    pub fate: String,
    /// What would be done in the target: `create`, `adopt`, `restore`, `update`, `disable`, `delete`; empty: nothing.
    pub action: String,
    /// Class in the source.
    pub class: String,
    /// Class in the target.
    pub target_class: String,
    /// Name for people.
    pub name: String,
    /// Distinguished name.
    pub dn: String,
    /// Anchor.
    pub anchor: String,
    /// Object of the target, if there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Attributes that would be written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PreviewChange>,
    /// Why it leaves or fails, or why it failed at the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Problem>,
}

/// One attribute that would be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreviewChange {
    /// Name.
    pub name: String,
    /// What the target holds.
    pub before: Vec<String>,
    /// What it would hold; nothing: cleared.
    pub after: Vec<String>,
}

/// What would become of the references of one attribute of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreviewReferences {
    /// Distinguished name of the object.
    pub dn: String,
    /// Its anchor.
    pub anchor: String,
    /// Class in the source.
    pub class: String,
    /// Object of the target, if there is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// Whether the object itself would only come into the target.
    pub enters: bool,
    /// Reference attribute of the target.
    pub name: String,
    /// Distinguished names in the source of those it would refer to as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
    /// Of those it would no longer refer to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreviewReport {
    /// Job.
    pub job: String,
    /// Objects looked at.
    pub objects: u64,
    /// Would come into the target, or be taken over there.
    pub enter: u64,
    /// Would be deleted from the target.
    pub leave: u64,
    /// Would be changed.
    pub change: u64,
    /// Are as they should be.
    pub same: u64,
    /// Are in no scope, or nothing is known of them.
    pub outside: u64,
    /// Cannot be planned.
    pub fail: u64,
    /// Of those that would enter or change: so many failed at the last attempt, and may fail again.
    pub failed_before: u64,
    /// Actions, counted.
    pub actions: BTreeMap<String, u64>,
    /// Attributes that would be written, with the number of objects.
    pub attributes: BTreeMap<String, u64>,
    /// References that would be added.
    pub references_added: u64,
    /// References that would be taken away, or go with those they lead to.
    pub references_removed: u64,
    /// Reasons of those that leave, fail or are outside.
    pub reasons: BTreeMap<String, u64>,
    /// What the rules ask for and the source was not read for yet: attributes, linked attributes, classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_read: Vec<String>,
    /// Objects in scope that were not read whole yet: nothing can be said of them.
    pub unread: u64,
    /// Why the guard would hold the deletions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Problem>,
}
