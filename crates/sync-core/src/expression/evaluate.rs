//! Running a compiled expression over one object.
//!
//! Total: a value, "leave the attribute alone", or a failure with its position. Arguments are evaluated when a function asks
//! for them, so a branch not taken cannot fail. Trap: an operand is a list; null is the empty list, and an empty text is not null.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    sync::Arc,
};

use jiff::Timestamp;

pub use super::operand::Operand;
use super::{
    Failure, MAX_TEXT_BYTES, MAX_VALUES, MAX_WORK, arithmetic,
    ast::{Operator, Sign},
    compare,
    compile::{Binary, Call, Node, Parameter, Unary},
    pattern::Pattern,
    position::Position,
    random::{Chance, Stream},
    steps::Steps,
};
use crate::{
    mapping::context::Context,
    value::{Attributes, Value},
};

/// Why an expression yields no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The attribute is to be left as it is in the target.
    Ignore,
    /// The expression failed. Boxed, since every result has room for it.
    Fail(Box<Failure>),
}

/// What evaluation of a node gives.
pub type Outcome<'e> = Result<Operand<'e>, Halt>;

/// Everything an expression may see. It serves one evaluation.
pub struct Environment<'a> {
    /// Values per slot.
    pub values: &'a [&'a [Value]],
    /// The job's surroundings.
    pub context: &'a Context<'a>,
    /// The target's attributes as last exported, of an object that is linked.
    pub held: Option<&'a Attributes>,
    /// What random values are made from.
    pub chance: Option<Chance<'a>>,
    /// Set by a function whose result was made up rather than taken over: such a value does not match.
    pub is_calculated: Cell<bool>,
    /// Set by a function whose results are candidates, of which the first that is free in the target is taken.
    pub is_choice: Cell<bool>,
    /// Where steps are noted.
    pub steps: Option<&'a RefCell<Steps>>,
    variables: RefCell<Vec<Operand<'static>>>,
    // Boxed: few expressions need it, and all have room for it.
    stream: RefCell<Option<Box<Stream>>>,
    work_left: Cell<u32>,
}

impl<'e> Environment<'e> {
    /// An environment of these values, noting no steps.
    pub fn new(values: &'e [&'e [Value]], context: &'e Context<'e>) -> Self {
        Self {
            values,
            context,
            held: None,
            chance: None,
            is_calculated: Cell::new(false),
            is_choice: Cell::new(false),
            steps: None,
            variables: RefCell::new(Vec::new()),
            stream: RefCell::new(None),
            work_left: Cell::new(MAX_WORK),
        }
    }

    fn note(&self, text: &str, outcome: &Outcome<'_>) {
        if let Some(steps) = self.steps {
            steps.borrow_mut().note(text, outcome);
        }
    }

    fn spend(&self, work: u32) -> Result<(), String> {
        match self.work_left.get().checked_sub(work) {
            Some(left) => {
                self.work_left.set(left);
                Ok(())
            }
            None => {
                self.work_left.set(0);
                Err("the expression would take too long".into())
            }
        }
    }

    /// Pays for what was made, and refuses what is too large.
    fn accept(&self, operand: &Operand<'_>) -> Result<(), String> {
        let mut work = 1;
        if operand.is_made() {
            if operand.len() > MAX_VALUES {
                return Err(format!("more than {MAX_VALUES} values"));
            }
            for value in operand.iter() {
                work += 1 + work_of(value)?;
            }
        }
        self.spend(work)
    }

    fn variable(&self, index: usize) -> Operand<'e> {
        let variables = self.variables.borrow();
        variables.get(index).cloned().unwrap_or_else(null)
    }
}

/// What it costs to look at values.
fn work_of_reading(values: &[Value]) -> u32 {
    let bytes: usize = values.iter().map(size).sum();
    u32::try_from(1 + values.len() + bytes / 64).unwrap_or(u32::MAX)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Binary(bytes) => bytes.len(),
        Value::Integer(_) | Value::Boolean(_) => 0,
    }
}

/// What a value costs that was made, by its size.
fn work_of(value: &Value) -> Result<u32, String> {
    let bytes = size(value);
    match u32::try_from(bytes) {
        Ok(count) if bytes <= MAX_TEXT_BYTES => Ok(count / 16),
        _ => Err(too_long()),
    }
}

/// Evaluates a node.
///
/// # Errors
/// [`Halt::Ignore`]: leave the attribute alone; [`Halt::Fail`]: the expression failed for this object.
pub fn evaluate<'e>(node: &'e Node, environment: &'e Environment<'e>) -> Outcome<'e> {
    match node {
        Node::Constant(values) => Ok(Operand::Borrowed(values)),
        Node::Attribute(slot) => Ok(Operand::Borrowed(
            environment.values.get(*slot).copied().unwrap_or_default(),
        )),
        Node::Variable(index) => Ok(environment.variable(*index)),
        Node::Parameter(parameter) => Ok(self::parameter(*parameter, environment.context)),
        Node::Call(call) => {
            let outcome = run(call, environment);
            environment.note(&call.text, &outcome);
            outcome
        }
        Node::Unary(unary) => {
            let outcome = self::unary(unary, environment);
            environment.note(&unary.text, &outcome);
            outcome
        }
        Node::Binary(binary) => {
            let outcome = self::binary(binary, environment);
            environment.note(&binary.text, &outcome);
            outcome
        }
    }
}

fn parameter<'e>(parameter: Parameter, context: &Context<'_>) -> Operand<'e> {
    let fqdn = context.domain_fqdn;
    match parameter {
        Parameter::DomainFqdn => text_or_null(fqdn),
        Parameter::DomainNetbios => text_or_null(context.domain_netbios),
        Parameter::DomainLdap if fqdn.is_empty() => null(),
        Parameter::DomainLdap => {
            let parts: Vec<String> = fqdn.split('.').map(|part| format!("DC={part}")).collect();
            one(parts.join(","))
        }
    }
}

fn run<'e>(call: &'e Call, environment: &'e Environment<'e>) -> Outcome<'e> {
    let mut arguments = Arguments {
        call,
        environment,
        first: None,
    };
    if !call.function.takes_each() {
        return arguments.call();
    }
    let first = arguments.values(0)?;
    if first.len() < 2 {
        arguments.first = Some(first);
        return arguments.call();
    }
    // One of several values at a time, as the originals do with functions of one text.
    let mut all = Vec::new();
    for value in first.iter() {
        arguments.first = Some(Operand::One(value.clone()));
        all.extend(arguments.call()?.iter().cloned());
        if all.len() > MAX_VALUES {
            return Err(arguments.fail(format!("more than {MAX_VALUES} values")));
        }
    }
    Ok(Operand::Owned(all))
}

fn unary<'e>(unary: &'e Unary, environment: &'e Environment<'e>) -> Outcome<'e> {
    let fail = |message| Halt::Fail(Failure::new(message, unary.position).into());
    let operand = evaluate(&unary.operand, environment)?;
    let work = work_of_reading(&operand);
    environment.spend(work).map_err(fail)?;
    match unary.sign {
        Sign::Not => {
            let truth = single_truth(&operand).map_err(fail)?;
            Ok(truth_or_null(truth.map(|truth| !truth)))
        }
        Sign::Minus => {
            let number = single(&operand).map_err(fail)?;
            let negative = number.map(arithmetic::negative).transpose().map_err(fail)?;
            Ok(negative.map_or_else(null, one))
        }
    }
}

fn binary<'e>(binary: &'e Binary, environment: &'e Environment<'e>) -> Outcome<'e> {
    let fail = |message| Halt::Fail(Failure::new(message, binary.position).into());
    let left = evaluate(&binary.left, environment)?;
    environment.spend(work_of_reading(&left)).map_err(fail)?;
    let operator = binary.operator;
    let is_and = operator == Operator::And;
    if is_and || operator == Operator::Or {
        let left = single_truth(&left).map_err(fail)?;
        if left == Some(!is_and) {
            return Ok(one(!is_and));
        }
        let right = evaluate(&binary.right, environment)?;
        let right = single_truth(&right).map_err(fail)?;
        return Ok(truth_or_null(match is_and {
            true => compare::and(left, right),
            false => compare::or(left, right),
        }));
    }
    let right = evaluate(&binary.right, environment)?;
    environment.spend(work_of_reading(&right)).map_err(fail)?;
    match operator {
        Operator::Concatenate => {
            let joined = concatenate(&left, &right).map_err(fail)?;
            environment.accept(&joined).map_err(fail)?;
            Ok(joined)
        }
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {
            let sides = (single(&left).map_err(fail)?, single(&right).map_err(fail)?);
            let (Some(left), Some(right)) = sides else {
                return Ok(null());
            };
            arithmetic::apply(operator, left, right)
                .map(one)
                .map_err(fail)
        }
        _ => Ok(truth_or_null(
            compare::compare(operator, &left, &right).map_err(fail)?,
        )),
    }
}

/// Null contributes nothing; of several values on one side, each is joined with the other side.
fn concatenate<'e>(left: &[Value], right: &[Value]) -> Result<Operand<'e>, String> {
    match (left, right) {
        ([], []) => Ok(null()),
        ([_, _, ..], [_, _, ..]) => Err("several values on both sides; use Join or Select".into()),
        ([_, _, ..], _) | (_, [_, _, ..]) => {
            let mut all = Vec::new();
            let mut budget = MAX_VALUES;
            for left in sides(left) {
                for right in sides(right) {
                    budget = budget.checked_sub(1).ok_or("too many values")?;
                    all.push(Value::from(joined(left, right)?));
                }
            }
            Ok(Operand::Owned(all))
        }
        (left, right) => Ok(one(joined(left.first(), right.first())?)),
    }
}

fn sides(values: &[Value]) -> impl Iterator<Item = Option<&Value>> {
    let nothing = values.is_empty().then_some(None);
    values.iter().map(Some).chain(nothing)
}

fn joined(left: Option<&Value>, right: Option<&Value>) -> Result<String, String> {
    let mut text = String::new();
    for value in [left, right].into_iter().flatten() {
        push_bounded(&mut text, &text_of(value)?)?;
    }
    Ok(text)
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
    Operand::Borrowed(&[])
}

/// One value.
pub(crate) fn one<'e>(value: impl Into<Value>) -> Operand<'e> {
    Operand::One(value.into())
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

/// A text as a value: this one, where it is the same, and else one of its own.
pub(crate) fn text_like(have: &Arc<str>, text: Cow<'_, str>) -> Value {
    match **have == *text {
        true => Value::Text(have.clone()),
        false => Value::text(text),
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
    /// The first argument, where it was evaluated before the call.
    first: Option<Operand<'e>>,
}

impl<'e> Arguments<'e> {
    fn call(&self) -> Outcome<'e> {
        let operand = (self.call.function.call)(self)?;
        let accepted = self.environment.accept(&operand);
        accepted.map_err(|message| self.fail(message))?;
        Ok(operand)
    }

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

    /// The regular expression that was prepared when the expression was compiled.
    pub(crate) fn pattern(&self) -> Option<&'e Pattern> {
        self.call.prepared.pattern.as_ref()
    }

    /// Whether the function was found to be meant in its other form when the expression was compiled.
    pub(crate) fn is_other_form(&self) -> bool {
        self.call.prepared.is_other_form
    }

    /// A failure at this call.
    pub fn fail(&self, message: impl Into<String>) -> Halt {
        let name = self.call.function.name;
        let message = format!("{name}: {}", message.into());
        Halt::Fail(Failure::new(message, self.position()).into())
    }

    fn position(&self) -> Position {
        self.call.position
    }

    /// Pays for work.
    ///
    /// # Errors
    /// There was too much of it.
    pub(crate) fn spend(&self, work: u32) -> Result<(), Halt> {
        let paid = self.environment.spend(work);
        paid.map_err(|message| self.fail(message))
    }

    /// The current time.
    ///
    /// # Errors
    /// It is not known here.
    pub(crate) fn now(&self) -> Result<Timestamp, Halt> {
        let now = self.environment.context.now;
        now.ok_or_else(|| self.fail("the time is not known here"))
    }

    /// Does something with the sequence of random numbers of this object and attribute.
    ///
    /// # Errors
    /// There is no seed.
    pub(crate) fn random<T>(&self, work: impl FnOnce(&mut Stream) -> T) -> Result<T, Halt> {
        let chance = self.environment.chance.as_ref();
        let chance = chance.ok_or_else(|| self.fail("nothing random can be made here"))?;
        let mut stream = self.environment.stream.borrow_mut();
        Ok(work(
            stream.get_or_insert_with(|| Stream::new(chance).into()),
        ))
    }

    /// Evaluates an argument while the variable this call binds stands for these values.
    ///
    /// # Errors
    /// Its evaluation failed.
    pub(crate) fn values_with(&self, index: usize, bound: Operand<'_>) -> Outcome<'e> {
        self.environment.variables.borrow_mut().push(bound.kept());
        let outcome = self.values(index);
        self.environment.variables.borrow_mut().pop();
        outcome
    }

    /// The truth of an argument while the variable this call binds stands for these values.
    ///
    /// # Errors
    /// Its evaluation failed, or it is no truth value.
    pub(crate) fn truth_with(
        &self,
        index: usize,
        bound: Operand<'_>,
    ) -> Result<Option<bool>, Halt> {
        let operand = self.values_with(index, bound)?;
        single_truth(&operand).map_err(|message| self.fail(message))
    }

    /// All values of an argument; none if it is blank.
    ///
    /// # Errors
    /// Its evaluation failed.
    pub fn values(&self, index: usize) -> Outcome<'e> {
        if let (0, Some(first)) = (index, &self.first) {
            return Ok(first.clone());
        }
        let Some(Some(node)) = self.call.arguments.get(index) else {
            return Ok(null());
        };
        let operand = evaluate(node, self.environment)?;
        self.spend(work_of_reading(&operand))?;
        Ok(operand)
    }

    /// The only value of an argument; `None`: null or blank.
    ///
    /// # Errors
    /// Its evaluation failed, or it has several values.
    pub fn value(&self, index: usize) -> Result<Option<Value>, Halt> {
        let operand = self.values(index)?;
        let value = single(&operand).map_err(|message| self.fail(message))?;
        Ok(value.cloned())
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

    /// Changes the text of the first argument; `None`: it stays. Null stays null.
    ///
    /// # Errors
    /// Its evaluation failed, or it is bytes.
    pub fn change_text(&self, change: impl FnOnce(&str) -> Option<String>) -> Outcome<'e> {
        let Some(text) = self.text(0)? else {
            return Ok(null());
        };
        Ok(one(match change(&text) {
            Some(new) => Value::from(new),
            None => Value::Text(text),
        }))
    }
}
