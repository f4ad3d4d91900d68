//! Alerts: what an administrator has to be told of, from its beginning to its end.
//!
//! Trap: acknowledging says that somebody knows; only the end of the condition closes an alert.

use serde::{Deserialize, Serialize};

/// An alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    /// Id.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// `error` or `warning`.
    pub severity: String,
    /// One line.
    pub title: String,
    /// `server`, `job`, `connector` or `agent`.
    pub subject: String,
    /// Its name.
    pub name: String,
    /// `open` or `closed`.
    pub state: String,
    /// When it began.
    pub opened_at: String,
    /// When it was last so.
    pub seen_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// How it ended: `ended`, or `forgotten` if nobody could look any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_why: Option<String>,
    /// How often it was so, with short pauses between.
    pub times: u64,
    /// When somebody took note of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<String>,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    /// What they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The code beneath.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How much, how long.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What it comes of.
    pub cause: String,
    /// What to do next.
    pub next_step: String,
    /// Objects concerned, the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub affected: Vec<String>,
    /// How many there are.
    pub count: u64,
}

/// `POST /alerts/{id}/acknowledge`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Acknowledgement {
    /// What there is to say.
    pub note: String,
}
