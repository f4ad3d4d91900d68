//! The rules that come with Hybridge.
//!
//! Never changed by code: a preset is the JSON file beside the sources. Trap: a test, not the program, proves that it is valid.

use super::{
    Discovered, Problem, check,
    checked::Rules,
    discovered,
    limits::{self, MAX_PROBLEMS, MAX_SCHEMA_BYTES},
    read::Schema,
    shape::{Findings, Shaped as _},
};
use crate::code::Code;

/// Active Directory → tenant directory, as JSON.
pub const AD_TO_DIRECTORY: &str = include_str!("../../presets/ad-to-directory.json");

/// OpenLDAP → tenant directory, as JSON.
pub const OPENLDAP_TO_DIRECTORY: &str = include_str!("../../presets/openldap-to-directory.json");

/// Kinds of source connectors that have rules of their own here.
pub const SOURCE_KINDS: &[&str] = &["ad", "openldap"];

/// The rules that come with a kind of source connector, as JSON; `None`: it is no source, or not known.
pub fn of_kind(kind: &str) -> Option<&'static str> {
    match kind {
        "ad" => Some(AD_TO_DIRECTORY),
        "openldap" => Some(OPENLDAP_TO_DIRECTORY),
        _ => None,
    }
}

/// Reads and checks a schema.
///
/// # Errors
/// All problems; of text that is no JSON, one.
pub fn load(text: &str) -> Result<Rules, Vec<Problem>> {
    read(text).0
}

/// Reads and checks a schema, also against what systems say of themselves.
///
/// # Errors
/// All problems. What only deserves attention is in [`discovered::Report::notes`].
pub fn load_for(text: &str, known: &Discovered) -> (Result<Rules, Vec<Problem>>, Vec<Problem>) {
    let (checked, schema) = read(text);
    let Some(schema) = schema else {
        return (checked, Vec::new());
    };
    let report = discovered::check(&schema, known);
    let result = match checked {
        Ok(rules) if report.problems.is_empty() => Ok(rules),
        Ok(_) => Err(report.problems),
        Err(mut problems) => {
            problems.extend(report.problems);
            problems.truncate(MAX_PROBLEMS);
            Err(problems)
        }
    };
    (result, report.notes)
}

/// Reads and checks; the schema as far as it could be read, unless it is too large to look at more closely.
fn read(text: &str) -> (Result<Rules, Vec<Problem>>, Option<Schema>) {
    let one = |message: String, cure: &str| {
        let problem = Problem {
            path: "$".into(),
            code: Code::SchemaInvalid,
            message,
            cure: Some(cure.to_owned()),
        };
        (Err(vec![problem]), None)
    };
    if text.len() > MAX_SCHEMA_BYTES {
        let message = format!(
            "the schema has {} bytes, and at most {MAX_SCHEMA_BYTES} are possible",
            text.len()
        );
        return one(message, "divide the rules over several jobs");
    }
    let mut json: serde_json::Value = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(fault) => {
            let message = format!("this is no synchronisation schema: {fault}");
            return one(message, "write JSON as RFC 8259 has it; the place is named");
        }
    };
    let mut findings = Findings::default();
    Schema::mend(&mut json, "$", &mut findings);
    let schema: Schema = match serde_json::from_value(json) {
        Ok(schema) => schema,
        Err(fault) => {
            let message = format!("this is no synchronisation schema: {fault}");
            return one(
                message,
                "begin from a schema that `hybridge rules export` wrote",
            );
        }
    };
    let too_much = limits::exceeded(&schema);
    if !too_much.is_empty() {
        findings.0.extend(too_much);
        return (Err(findings.0), None);
    }
    // What was mistyped is blank now; that it is missing needs not be told as well.
    let is_told = |problem: &Problem, told: &[Problem]| {
        told.iter()
            .any(|other| problem.path.starts_with(other.path.as_str()))
    };
    let result = match check(&schema) {
        Ok(rules) if findings.0.is_empty() => Ok(rules),
        Ok(_) => Err(findings.0),
        Err(more) => {
            let mut problems = findings.0;
            let more: Vec<Problem> = more
                .into_iter()
                .filter(|problem| !is_told(problem, &problems))
                .collect();
            problems.extend(more);
            problems.truncate(MAX_PROBLEMS);
            Err(problems)
        }
    };
    (result, Some(schema))
}

/// The default rules, Active Directory → tenant directory.
///
/// # Errors
/// Never, in a build whose tests pass.
pub fn default_rules() -> Result<Rules, Vec<Problem>> {
    load(AD_TO_DIRECTORY)
}
