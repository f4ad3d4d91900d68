//! One object, from the source to the target, with the reasons.
//!
//! Trap: the source state is what the connector space holds; the target state is asked for at that moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LogRecord, Named, PendingExport, Problem, Values};

/// An object as a search finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FoundObject {
    /// Name of the connector.
    pub connector: String,
    /// Anchor.
    pub anchor: String,
    /// Distinguished name.
    pub dn: String,
    /// Class.
    pub class: String,
    /// `live`, `skeleton`, `stub`, `deleted` or `vanished`.
    pub state: String,
    /// Display name.
    pub display_name: String,
    /// User principal name.
    pub user_principal_name: String,
}

/// References of one attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct References {
    /// How many.
    pub count: u64,
    /// The first of them: anchor or target id, and name.
    pub first: Vec<Named>,
}

/// Whether an object is in scope, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeView {
    /// Whether it is.
    pub is_in_scope: bool,
    /// Why, in words: the clause and the values it saw.
    pub why: String,
    /// What the rules make of it.
    pub attributes: Values,
    /// Mistakes the rules met.
    pub problems: Vec<Problem>,
}

/// The link of an object to a target object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkView {
    /// Situation.
    pub situation: String,
    /// Target class.
    pub class: String,
    /// Target object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Source anchor as exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_anchor: Option<String>,
    /// Version last confirmed.
    pub version: u64,
    /// Attributes as last exported and confirmed.
    pub exported: Values,
    /// Why it was skipped, or its last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
    /// Values that are wanted and not written, because another object holds them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAside>,
    /// When it last changed.
    pub changed_at: String,
}

/// A value that is wanted and not written, because another object holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetAside {
    /// Always `PropertyConflict`.
    pub category: String,
    /// Target attribute.
    pub property_causing_error: String,
    /// The value.
    pub value: String,
    /// The target object that holds it.
    pub owner: String,
    /// Since when.
    pub occurred_date_time: String,
}

/// The target object as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetView {
    /// Id.
    pub id: String,
    /// Class.
    pub class: String,
    /// Version.
    pub version: u64,
    /// Whether it is soft-deleted.
    pub is_deleted: bool,
    /// Attributes.
    pub attributes: Values,
    /// References.
    pub references: BTreeMap<String, References>,
}

/// What one job makes of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectInJob {
    /// The job.
    pub job: Named,
    /// Whether it is in scope, evaluated now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeView>,
    /// The link; absent: never planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkView>,
    /// From where and when it was last brought in step; absent: it is not in the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synchronised: Option<String>,
    /// Whether it still has to be planned.
    pub is_due: bool,
    /// The pending export.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingExport>,
    /// The target object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetView>,
    /// Why the target could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_problem: Option<Problem>,
}

/// One object, from source to target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectView {
    /// Where it is.
    pub object: FoundObject,
    /// Attributes in the connector space.
    pub attributes: Values,
    /// References in the connector space.
    pub references: BTreeMap<String, References>,
    /// What each job makes of it.
    pub jobs: Vec<ObjectInJob>,
    /// The last records about it, newest first.
    pub records: Vec<LogRecord>,
}
