//! Running a compiled expression over one object.
//!
//! Total: a value, "leave the attribute alone", or a failure with its position. Arguments are evaluated when a function asks
//! for them, so a branch not taken cannot fail. Trap: an operand is a list; null is the empty list, and an empty text is not null.

use std::{borrow::Cow, cell::Cell, cell::RefCell, sync::Arc};

use regex::Regex;

use super::{
    Failure, MAX_TEXT_BYTES, MAX_TRACE_STEPS, MAX_VALUES,
    ast::Operator,
    compare,
    compile::{Call, Node, Parameter},
};
use crate::{
    mapping::context::Context,
    value::{Attributes, Value},
};

/// What an expression yields: a list of values; empty is null.
pub type Operand<'e> = Cow<'e, [Value]>;

/// Why an expression yields no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The attribute is to be left as it is in the target.
    Ignore,
    /// The expression failed.
    Fail(Failure),
}

/// What evaluation of a node gives.
pub type Outcome<'e> = Result<Operand<'e>, Halt>;

/// One intermediate result, for explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The call, as text.
    pub call: String,
    /// What it gave; `Err`: the failure, or "left as it is".
    pub result: Result<Vec<Value>, String>,
}

/// Everything an expression may see.
pub struct Environment<'a> {
    /// Values per slot.
    pub values: &'a [&'a [Value]],
    /// The job's surroundings.
    pub context: &'a Context<'a>,
    /// The target's attributes as last exported, of an object that is linked.
    pub held: Option<&'a Attributes>,
    /// Set by a function whose result was made up rather than taken over: such a value does not match.
    pub is_calculated: Cell<bool>,
    /// Where steps are noted.
    pub steps: Option<&'a RefCell<Vec<Step>>>,
}

impl<'e> Environment<'e> {
    /// An environment of these values, noting no steps.
    pub fn new(values: &'e [&'e [Value]], context: &'e Context<'e>) -> Self {
        Self {
            values,
            context,
            held: None,
            is_calculated: Cell::new(false),
            steps: None,
        }
    }

    fn note(&self, call: &Call, outcome: &Outcome<'e>) {
        let Some(steps) = self.steps else { return };
        let mut steps = steps.borrow_mut();
        if steps.len() >= MAX_TRACE_STEPS {
            return;
        }
        let result = match outcome {
            Ok(operand) => Ok(operand.to_vec()),
            Err(Halt::Ignore) => Err("left as it is".into()),
            Err(Halt::Fail(failure)) => Err(failure.message.clone()),
        };
        steps.push(Step {
            call: call.text.clone(),
            result,
        });
    }
}

/// Evaluates a node.
///
/// # Errors
/// [`Halt::Ignore`]: leave the attribute alone; [`Halt::Fail`]: the expression failed for this object.
pub fn evaluate<'e>(node: &'e Node, environment: &'e Environment<'e>) -> Outcome<'e> {
    match node {
        Node::Constant(values) => Ok(Cow::Borrowed(values)),
        Node::Attribute(slot) => Ok(Cow::Borrowed(
            environment.values.get(*slot).copied().unwrap_or_default(),
        )),
        Node::Parameter(parameter) => Ok(text_or_null(match parameter {
            Parameter::DomainFqdn => environment.context.domain_fqdn,
            Parameter::DomainNetbios => environment.context.domain_netbios,
        })),
        Node::Call(call) => {
            let arguments = Arguments { call, environment };
            let outcome = (call.function.call)(&arguments).and_then(|operand| {
                within_limits(&operand).map_err(|message| arguments.fail(message))?;
                Ok(operand)
            });
            environment.note(call, &outcome);
            outcome
        }
        Node::Binary(operator, sides, position) => {
            binary(*operator, &sides.0, &sides.1, *position, environment)
        }
    }
}

fn binary<'e>(
    operator: Operator,
    left: &'e Node,
    right: &'e Node,
    position: usize,
    environment: &'e Environment<'e>,
) -> Outcome<'e> {
    let fail = |message| Halt::Fail(Failure::new(message, position));
    let left = evaluate(left, environment)?;
    match operator {
        Operator::Concatenate => {
            let right = evaluate(right, environment)?;
            let mut joined = String::new();
            for side in [&left, &right] {
                if let Some(text) = single_text(side).map_err(fail)? {
                    push_bounded(&mut joined, &text).map_err(fail)?;
                }
            }
            Ok(match left.is_empty() && right.is_empty() {
                true => null(),
                false => one(joined),
            })
        }
        Operator::And | Operator::Or => {
            let is_and = operator == Operator::And;
            let left = single_truth(&left).map_err(fail)?;
            if left == Some(!is_and) {
                return Ok(one(!is_and));
            }
            let right = evaluate(right, environment)?;
            let right = single_truth(&right).map_err(fail)?;
            Ok(truth_or_null(match is_and {
                true => compare::and(left, right),
                false => compare::or(left, right),
            }))
        }
        _ => {
            let right = evaluate(right, environment)?;
            Ok(truth_or_null(
                compare::compare(operator, &left, &right).map_err(fail)?,
            ))
        }
    }
}

fn within_limits(operand: &[Value]) -> Result<(), String> {
    if operand.len() > MAX_VALUES {
        return Err(format!("more than {MAX_VALUES} values"));
    }
    match operand {
        [Value::Text(text)] if text.len() > MAX_TEXT_BYTES => Err(too_long()),
        _ => Ok(()),
    }
}

fn too_long() -> String {
    format!("the text would be longer than {MAX_TEXT_BYTES} bytes")
}

/// Appends, unless the text would become longer than [`MAX_TEXT_BYTES`].
pub(crate) fn push_bounded(text: &mut String, more: &str) -> Result<(), String> {
    if text.len() + more.len() > MAX_TEXT_BYTES {
        return Err(too_long());
    }
    text.push_str(more);
    Ok(())
}

/// Null.
pub(crate) fn null<'e>() -> Operand<'e> {
    Cow::Borrowed(&[])
}

/// One value.
pub(crate) fn one<'e>(value: impl Into<Value>) -> Operand<'e> {
    Cow::Owned(vec![value.into()])
}

pub(crate) fn truth_or_null<'e>(truth: Option<bool>) -> Operand<'e> {
    truth.map_or_else(null, one)
}

fn text_or_null<'e>(text: &str) -> Operand<'e> {
    match text {
        "" => null(),
        text => one(text),
    }
}

/// The text of a value: numbers and truth values in their text form.
pub(crate) fn text_of(value: &Value) -> Result<Arc<str>, String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        Value::Binary(_) => Err("bytes where text is expected".into()),
        other => Ok(other.display().into()),
    }
}

fn single(operand: &[Value]) -> Result<Option<&Value>, String> {
    match operand {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        several => Err(format!(
            "{} values where one is expected; use Item or Join",
            several.len()
        )),
    }
}

fn single_text(operand: &[Value]) -> Result<Option<Arc<str>>, String> {
    single(operand)?.map(text_of).transpose()
}

fn single_truth(operand: &[Value]) -> Result<Option<bool>, String> {
    let Some(value) = single(operand)? else {
        return Ok(None);
    };
    match compare::truth(value) {
        Some(truth) => Ok(Some(truth)),
        None => Err(format!("{:?} is no truth value", value.display())),
    }
}

/// The arguments of a running call, evaluated when asked for.
pub struct Arguments<'e> {
    call: &'e Call,
    environment: &'e Environment<'e>,
}

impl<'e> Arguments<'e> {
    /// Number of arguments written, blank ones included.
    pub fn len(&self) -> usize {
        self.call.arguments.len()
    }

    /// Whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.call.arguments.is_empty()
    }

    /// Whether this argument was given and is not blank.
    pub fn is_given(&self, index: usize) -> bool {
        matches!(self.call.arguments.get(index), Some(Some(_)))
    }

    /// What everything may see.
    pub fn environment(&self) -> &'e Environment<'e> {
        self.environment
    }

    /// What was prepared when the expression was compiled.
    pub fn prepared(&self) -> Option<&'e Regex> {
        self.call.prepared.as_ref()
    }

    /// A failure at this call.
    pub fn fail(&self, message: impl Into<String>) -> Halt {
        let name = self.call.function.name;
        Halt::Fail(Failure::new(
            format!("{name}: {}", message.into()),
            self.call.position,
        ))
    }

    /// All values of an argument; none if it is blank.
    ///
    /// # Errors
    /// Its evaluation failed.
    pub fn values(&self, index: usize) -> Outcome<'e> {
        match self.call.arguments.get(index) {
            Some(Some(node)) => evaluate(node, self.environment),
            _ => Ok(null()),
        }
    }

    /// The text of an argument; `None`: null or blank.
    ///
    /// # Errors
    /// Its evaluation failed, it has several values, or it is bytes.
    pub fn text(&self, index: usize) -> Result<Option<Arc<str>>, Halt> {
        let operand = self.values(index)?;
        single_text(&operand).map_err(|message| self.fail(message))
    }

    /// The integer of an argument; `None`: null or blank.
    ///
    /// # Errors
    /// Its evaluation failed, or it is no integer.
    pub fn integer(&self, index: usize) -> Result<Option<i64>, Halt> {
        let operand = self.values(index)?;
        let Some(value) = single(&operand).map_err(|message| self.fail(message))? else {
            return Ok(None);
        };
        match value {
            Value::Boolean(truth) => Ok(Some(i64::from(*truth))),
            value => value
                .as_integer()
                .map(Some)
                .ok_or_else(|| self.fail(format!("argument {} is no integer", index + 1))),
        }
    }

    /// The truth of an argument; `None`: unknown.
    ///
    /// # Errors
    /// Its evaluation failed, or it is no truth value.
    pub fn truth(&self, index: usize) -> Result<Option<bool>, Halt> {
        let operand = self.values(index)?;
        single_truth(&operand).map_err(|message| self.fail(message))
    }

    /// Applies `change` to every value of the first argument, as text. Null stays null.
    ///
    /// # Errors
    /// Its evaluation failed, or a value is bytes.
    pub fn each_text(&self, change: impl Fn(&str) -> Option<String>) -> Outcome<'e> {
        let operand = self.values(0)?;
        let mut changed: Option<Vec<Value>> = None;
        for (index, value) in operand.iter().enumerate() {
            let text = text_of(value).map_err(|message| self.fail(message))?;
            if let Some(new) = change(&text) {
                let values = changed.get_or_insert_with(|| operand.to_vec());
                if let Some(place) = values.get_mut(index) {
                    *place = new.into();
                }
            }
        }
        Ok(changed.map_or(operand, Cow::Owned))
    }
}
