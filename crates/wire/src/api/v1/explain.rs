//! Why one object is in the target as it is, or is not there.
//!
//! Made at the moment of asking by the steps of the planner; nothing of it is stored. Trap: what the target holds is asked
//! after the rules were evaluated, so an object that is just being written may be shown half way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ExpressionStep, FoundObject, Hold, LinkView, LogRecord, Named, PendingExport, Problem,
    References, Values,
};

/// `GET /explain`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Explanation {
    /// Is it in sync, and if not, why and what to do.
    pub sentence: String,
    /// Whether every job that was asked has done with it what its rules want.
    pub is_in_sync: bool,
    /// The object; absent: it is in no connector space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<FoundObject>,
    /// Where it was looked for, if it is in no connector space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// What each job makes of it.
    pub jobs: Vec<ExplainedJob>,
    /// The last records about it, newest first.
    pub records: Vec<LogRecord>,
}

/// An object that is in no connector space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Missing {
    /// What it was looked for as, in this order.
    pub forms: Vec<String>,
    /// In which connector spaces.
    pub looked_in: Vec<LookedIn>,
}

/// A connector space that does not hold an object, and what its source says when asked now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LookedIn {
    /// The connector.
    pub connector: String,
    /// What the source says: `live`, `deleted`, `notFound`, or `notAsked`.
    pub source: String,
    /// The distinguished name the source gives it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dn: String,
    /// Whether the source was ever read completely.
    pub was_read: bool,
    /// Entries so far of a read that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<u64>,
    /// Why the source could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// What one job makes of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExplainedJob {
    /// The job.
    pub job: Named,
    /// `inSync`, `outOfScope`, `gone`, `due`, `pending`, `held`, `failed`, `waiting`, `differs`, `notRead`, `undecided` or
    /// `unknown`.
    pub state: String,
    /// Whether nothing is left to do.
    pub is_in_sync: bool,
    /// The state in a sentence.
    pub sentence: String,
    /// What to do; empty: nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cure: String,
    /// Why the rules could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The scopes it was held against.
    pub scopes: Vec<ExplainedScope>,
    /// By what it is looked for in the target, in order, and what each finds now.
    pub matching: Vec<MatchAttempt>,
    /// Every target attribute the rules fill.
    pub attributes: Vec<ExplainedAttribute>,
    /// Every reference.
    pub references: Vec<ExplainedReference>,
    /// Who waits for this object to appear in the target.
    pub waited_for_by: Vec<Named>,
    /// The link; absent: never planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkView>,
    /// Its place among what has to be planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<DueView>,
    /// The pending export.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingExport>,
    /// What is held of it: by the guard, by a refusal, by an undo or by a grace period.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// It failed and is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escrow: Option<Escrow>,
    /// What planning would do now, with the values it would write: `create`, `update` …; empty: nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// The values that would be written.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub writes: Values,
}

/// The scope of one mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExplainedScope {
    /// The mapping.
    pub mapping: String,
    /// Target class.
    pub target_class: String,
    /// Whether the object is in it.
    pub is_in_scope: bool,
    /// Why, in words.
    pub why: String,
    /// `inside`, `outside`, or `any` where no container is named.
    pub containers: String,
    /// `member`, `notMember`, `notKnown`, or `any` where no group is named.
    pub groups: String,
    /// Exclusions and filters.
    pub clauses: Vec<ExplainedGroup>,
}

/// A group of clauses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExplainedGroup {
    /// `exclusion`, `inputFilter` or `filter`.
    pub role: String,
    /// Name.
    pub name: String,
    /// `true`, `false` or `unknown`.
    pub truth: String,
    /// Whether it counts: some exclusions are for new objects only.
    pub applies: bool,
    /// Its clauses.
    pub clauses: Vec<ExplainedClause>,
}

/// A clause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExplainedClause {
    /// The clause.
    pub clause: String,
    /// The values it met.
    pub values: Vec<String>,
    /// `true`, `false` or `unknown`.
    pub truth: String,
}

/// A question to the target, and what it finds now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MatchAttempt {
    /// `hard` (by source anchor), `soft` (by a matching attribute) or `free` (is a value free).
    pub kind: String,
    /// Target attribute.
    pub attribute: String,
    /// The value.
    pub value: String,
    /// What it finds.
    pub found: Vec<Candidate>,
}

/// An object of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Candidate {
    /// Id.
    pub id: String,
    /// Class.
    pub class: String,
    /// Display name.
    pub name: String,
    /// Whether it is soft-deleted.
    pub is_deleted: bool,
    /// The source anchor it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_anchor: Option<String>,
    /// Whether it is the object's own.
    pub is_own: bool,
}

/// How one target attribute comes to its value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExplainedAttribute {
    /// Target attribute.
    pub name: String,
    /// Its mapping.
    pub mapping: String,
    /// The source attributes it uses.
    pub inputs: Values,
    /// Intermediate results, in the order in which they came.
    pub steps: Vec<ExpressionStep>,
    /// `value`, `cleared`, `default` (at creation only), `atCreation`, `added` (values are only added), `candidates`,
    /// `leftAlone` or `failed`.
    pub outcome: String,
    /// What the target is to hold.
    pub result: Vec<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What was last exported; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exported: Option<Vec<String>>,
    /// What the target holds now; absent: there is no object, or it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Vec<String>>,
    /// Whether the target holds what it is to hold; absent: it is not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agrees: Option<bool>,
}

/// How one reference attribute stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExplainedReference {
    /// Target attribute.
    pub name: String,
    /// Linked attribute of the source.
    pub source: String,
    /// How many the source has.
    pub wanted: u64,
    /// How many of those are in the target.
    pub held: u64,
    /// Those that wait for the other end to appear.
    pub waiting: References,
    /// How many of those wait for an object that is not to be in the target.
    pub outside: u64,
    /// The first of those that wait, with the reason.
    pub waits: Vec<Awaited>,
}

/// An object that is referred to and is not in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Awaited {
    /// The object.
    pub object: Named,
    /// Why it is not there, in a word: `onItsWay`, `failed`, `outOfScope`, `gone`, `notRead`, `noConnector`, `notShown`,
    /// `foreignAccount`, `noJob`.
    pub reason: String,
    /// The same in a sentence, with what to do.
    pub text: String,
}

/// A reference that waits for its other end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WaitingReference {
    /// Who refers.
    pub holder: Named,
    /// By which linked attribute of the source.
    pub attribute: String,
    /// To whom, and why that is not there.
    pub to: Awaited,
}

/// An object that failed and is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Escrow {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
    /// Failed attempts.
    pub attempts: u32,
    /// When it is tried again; absent: when something about it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
}

/// The place of an object among what has to be planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DueView {
    /// Why it is due.
    pub reasons: Vec<String>,
    /// Since when.
    pub since: String,
    /// How long ago that is, in milliseconds.
    pub age_ms: u64,
    /// Objects that come before it.
    pub behind: u64,
}
