//! What of a source would fail, before it is synchronised.
//!
//! Sent as one JSON document per line: every finding as it is found, then the report. Trap: a correction is proposed, never
//! carried out; the source is the administrator's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Problem;

/// `POST /idfix`: a job or a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IdfixRequest {
    /// The job whose rules and source are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The source connector; its rules are those that come with its kind, unless a job reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether the source is asked even where its connector space was read.
    pub fresh: bool,
}

/// A line of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum IdfixEvent {
    /// It goes on.
    Progress {
        /// `counting` or `checking`.
        phase: String,
        /// Objects so far.
        objects: u64,
    },
    /// Something that would fail.
    Finding(IdfixFinding),
    /// It is done.
    Report(IdfixReport),
    /// It could not be done.
    Failed(Problem),
}

/// Something that would fail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IdfixFinding {
    /// Distinguished name.
    pub dn: String,
    /// Common name.
    pub common_name: String,
    /// Class.
    pub class: String,
    /// Attribute; empty: it is about the object.
    pub attribute: String,
    /// What is wrong: `character`, `blank`, `length`, `format`, `localpart`, `domainpart`, `topleveldomain`, `duplicate`,
    /// `typeconflict`, `rules`, `outofscope`, `noconnector`.
    pub errors: Vec<String>,
    /// The value.
    pub value: String,
    /// The corrected value.
    pub update: String,
    /// `EDIT`, `REMOVE`, `COMPLETE` (leave it), or empty: a person has to decide.
    pub action: String,
    /// More about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IdfixReport {
    /// The source connector.
    pub source: String,
    /// Where the objects were looked at: `source` or `connectorSpace`.
    pub from: String,
    /// Objects looked at.
    pub objects: u64,
    /// Of those, what the rules may synchronise.
    pub checked: u64,
    /// Findings.
    pub findings: u64,
    /// Findings by what is wrong.
    pub errors: BTreeMap<String, u64>,
    /// Public sign-in suffixes the target has not verified, with the number of accounts: no fault, but their sign-in names are
    /// made up until it has.
    pub unverified: BTreeMap<String, u64>,
    /// Attributes the connector space was not read for, and which were not looked at.
    pub not_read: Vec<String>,
}
