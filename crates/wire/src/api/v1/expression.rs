//! Expressions tried over one object.
//!
//! Trap: a value is JSON of its own type; bytes are an object with the member `base64`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sync_core::{
    code::Code,
    expression::{
        Failure,
        steps::Step,
        trial::{Trial, Tried},
    },
    schema::tree,
    value::Value,
};

/// `POST /jobs/{id}/expression`: exactly one of `object` and `given`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExpressionToTry {
    /// The expression.
    pub expression: String,
    /// Name of an object of the job's source: anchor, distinguished name, user principal name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// An object as test cases have it: `class`, `dn`, `attributes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Json>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpressionTrial {
    /// The expression as it was understood.
    pub expression: String,
    /// `value`, `candidates` (the first that is free in the target), `leftAlone`, `failed`.
    pub outcome: String,
    /// The values; none: null.
    pub value: Vec<Json>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<ExpressionFailure>,
    /// The source attributes it uses.
    pub inputs: BTreeMap<String, Vec<Json>>,
    /// Intermediate results, in the order in which they came.
    pub steps: Vec<ExpressionStep>,
    /// The expression in the tree form of the schema.
    pub tree: Json,
}

/// An intermediate result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpressionStep {
    /// The part of the expression.
    pub expression: String,
    /// Its values; none: null.
    pub value: Vec<Json>,
    /// Why it gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Why an expression failed for the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpressionFailure {
    /// The code.
    pub code: String,
    /// In words.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub character: usize,
}

impl From<&Trial> for ExpressionTrial {
    fn from(trial: &Trial) -> Self {
        let (outcome, value, failure) = match &trial.result {
            Tried::Values(values) => ("value", all(values), None),
            Tried::Candidates(values) => ("candidates", all(values), None),
            Tried::LeftAlone => ("leftAlone", Vec::new(), None),
            Tried::Failed(failure) => ("failed", Vec::new(), Some(failure.into())),
        };
        let inputs = trial.inputs.iter();
        Self {
            expression: trial.expression.to_string(),
            outcome: outcome.to_owned(),
            value,
            failure,
            inputs: inputs
                .map(|(name, values)| (name.to_string(), all(values)))
                .collect(),
            steps: trial.steps.iter().map(Into::into).collect(),
            tree: serde_json::to_value(tree::source(&trial.expression)).unwrap_or_default(),
        }
    }
}

impl From<&Step> for ExpressionStep {
    fn from(step: &Step) -> Self {
        Self {
            expression: step.call.clone(),
            value: step.result.as_deref().map(all).unwrap_or_default(),
            failure: step.result.as_ref().err().cloned(),
        }
    }
}

impl From<&Failure> for ExpressionFailure {
    fn from(failure: &Failure) -> Self {
        Self {
            code: Code::ExpressionFailed.name().to_owned(),
            message: failure.message.clone(),
            line: failure.position.line,
            character: failure.position.column,
        }
    }
}

fn all(values: &[Value]) -> Vec<Json> {
    let one = |value: &Value| match value {
        Value::Text(text) => json!(&**text),
        Value::Integer(number) => json!(number),
        Value::Boolean(truth) => json!(truth),
        bytes @ Value::Binary(_) => json!({ "base64": bytes.display() }),
    };
    values.iter().map(one).collect()
}
