//! Rules of a job: checked, changed, compared, taken back.
//!
//! Trap: rules pass through as JSON; a member this version does not know is kept.

use serde::{Deserialize, Serialize};

/// One version of a job's rules, without the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RulesVersion {
    /// Counts from 1.
    pub version: u64,
    /// When it came into force.
    pub at: String,
    /// Who.
    pub actor: String,
    /// Why, in that person's words.
    pub why: String,
    /// Whether it is the one in force.
    pub is_current: bool,
}

/// `GET /jobs/{id}/rules`: the rules of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rules {
    /// Which version.
    pub version: u64,
    /// synchronizationSchema JSON.
    pub rules: serde_json::Value,
}

/// `POST /jobs/{id}/rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewRules {
    /// synchronizationSchema JSON.
    pub rules: serde_json::Value,
    /// Why.
    pub why: String,
    /// The version that was looked at; absent: whichever is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
}

/// `POST /jobs/{id}/rules/rollback`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rollback {
    /// The version whose rules are to be in force again.
    pub version: u64,
    /// Why.
    pub why: String,
    /// The version that was looked at; absent: whichever is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<u64>,
}

/// `POST /jobs/{id}/rules/check`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RulesToCheck {
    /// synchronizationSchema JSON.
    pub rules: serde_json::Value,
}

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RulesReport {
    /// Whether the rules can be used.
    pub is_valid: bool,
    /// Whether they were held against what the source said of itself.
    pub knows_source: bool,
    /// Whether they were held against what the target said of itself.
    pub knows_target: bool,
    /// Mistakes.
    pub problems: Vec<RulesProblem>,
    /// What deserves attention and hinders nothing.
    pub notes: Vec<RulesProblem>,
}

/// One mistake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RulesProblem {
    /// JSON path.
    pub path: String,
    /// The code's name.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What would cure it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cure: String,
}

impl From<&sync_core::schema::Problem> for RulesProblem {
    fn from(problem: &sync_core::schema::Problem) -> Self {
        Self {
            path: problem.path.clone(),
            code: problem.code.name().into(),
            message: problem.message.clone(),
            cure: problem.cure.clone().unwrap_or_default(),
        }
    }
}

/// `GET /jobs/{id}/rules/diff`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RulesDiff {
    /// From which: a version, or the name of a file.
    pub from: String,
    /// To which.
    pub to: String,
    /// What differs.
    pub changes: Vec<RulesDifference>,
}

/// Something that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RulesDifference {
    /// The mapping of objects (`user → User`), or the part of the schema.
    pub place: String,
    /// What of it.
    pub subject: String,
    /// As it was; absent: it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// As it is; absent: it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl From<sync_core::schema::diff::Change> for RulesDifference {
    fn from(change: sync_core::schema::diff::Change) -> Self {
        Self {
            place: change.place,
            subject: change.subject,
            before: change.before,
            after: change.after,
        }
    }
}
