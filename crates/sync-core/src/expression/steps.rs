//! The intermediate results of an evaluation, for explanations.
//!
//! Only made when somebody asks, and bounded. Trap: it holds attribute values; it is for the administrator, never for logs.

use super::{
    MAX_TRACE_STEPS, MAX_TRACE_VALUES,
    evaluate::{Halt, Outcome},
};
use crate::value::Value;

/// One intermediate result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The part of the expression, as text.
    pub call: String,
    /// What it gave; `Err`: the failure, or "left as it is".
    pub result: Result<Vec<Value>, String>,
}

/// Intermediate results, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    all: Vec<Step>,
    values: usize,
    are_hidden: bool,
}

/// What is shown of a value that a rule marks as not to be shown.
pub const REDACTED: &str = "[Redact]";

impl Steps {
    /// The steps. Those beyond the bounds are missing.
    pub fn into_steps(self) -> Vec<Step> {
        self.all
    }

    /// Whether values must not be shown.
    pub fn are_hidden(&self) -> bool {
        self.are_hidden
    }

    /// Hides the values of all steps, those before and those to come.
    pub(crate) fn hide(&mut self) {
        self.are_hidden = true;
        for step in &mut self.all {
            step.result = shown_as_hidden(&step.result);
        }
    }

    pub(crate) fn note(&mut self, text: &str, outcome: &Outcome<'_>) {
        let count = outcome.as_ref().map_or(0, |operand| operand.len());
        if self.all.len() >= MAX_TRACE_STEPS || self.values + count > MAX_TRACE_VALUES {
            return;
        }
        self.values += count;
        let result = match outcome {
            Ok(operand) => Ok(operand.to_vec()),
            Err(Halt::Ignore) => Err("left as it is".into()),
            Err(Halt::Fail(failure)) => Err(failure.message.clone()),
        };
        let result = match self.are_hidden {
            true => shown_as_hidden(&result),
            false => result,
        };
        self.all.push(Step {
            call: text.to_owned(),
            result,
        });
    }
}

fn shown_as_hidden(result: &Result<Vec<Value>, String>) -> Result<Vec<Value>, String> {
    match result {
        Ok(values) => Ok(values.iter().map(|_| REDACTED.into()).collect()),
        Err(_) => Err(REDACTED.into()),
    }
}
