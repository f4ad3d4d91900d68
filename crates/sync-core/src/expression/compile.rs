//! Syntax tree → something that runs: functions found, arguments counted, attributes turned into slots.
//!
//! All mistakes of an expression are reported, not only the first. Trap: a [`Node`] is meaningful only together with the
//! [`Slots`] it was compiled with.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use super::{
    Failure, MAX_REGEX_BYTES,
    ast::{Expression, Kind, Operator},
    did_you_mean,
};
use crate::{
    functions::{self, Function, Presence},
    value::{Attributes, Name, Value},
};

/// An expression ready to run.
#[derive(Clone, Debug)]
pub enum Node {
    /// Fixed values; none: null.
    Constant(Vec<Value>),
    /// The values in this slot.
    Attribute(usize),
    /// A parameter of the job.
    Parameter(Parameter),
    /// A call.
    Call(Box<Call>),
    /// A binary operator with its position.
    Binary(Operator, Box<(Node, Node)>, usize),
}

/// A call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// Its arguments; `None`: blank.
    pub arguments: Vec<Option<Node>>,
    /// What could be prepared once.
    pub prepared: Option<Regex>,
    /// Byte offset in the text.
    pub position: usize,
    /// The call as text, for traces.
    pub text: String,
}

/// `%Name%`: what an expression may know of the job besides the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `%Domain.FQDN%`, `%DomainFQDN%`.
    DomainFqdn,
    /// `%Domain.Netbios%`, `%DomainNetbios%`.
    DomainNetbios,
}

impl Parameter {
    const NAMES: [(&'static str, Self); 4] = [
        ("Domain.FQDN", Self::DomainFqdn),
        ("DomainFQDN", Self::DomainFqdn),
        ("Domain.Netbios", Self::DomainNetbios),
        ("DomainNetbios", Self::DomainNetbios),
    ];

    fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, parameter)| *parameter)
    }
}

/// The source attributes that rules use, each with a number, so that nothing is looked up by name during evaluation.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    names: Vec<Name>,
    // INVARIANT: the numbers of `names`, keyed by folded name; ordered as `Attributes` is.
    by_name: BTreeMap<String, usize>,
}

impl Slots {
    /// The slot of this attribute, made if need be.
    pub fn slot(&mut self, name: &str) -> usize {
        let next = self.names.len();
        let slot = *self
            .by_name
            .entry(name.to_ascii_lowercase())
            .or_insert(next);
        if slot == next {
            self.names.push(name.into());
        }
        slot
    }

    /// The attribute of this slot.
    pub fn name(&self, slot: usize) -> &str {
        self.names.get(slot).map_or("", |name| name)
    }

    /// The slot of this attribute, if rules use it.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// All attributes in use.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The values of every slot, found in one pass over both sorted lists.
    pub fn bind<'a>(&self, attributes: &'a Attributes) -> Vec<&'a [Value]> {
        let mut values: Vec<&[Value]> = vec![&[]; self.names.len()];
        let mut wanted = self.by_name.iter().peekable();
        for (name, have) in attributes.iter() {
            while let Some((folded, slot)) = wanted.peek() {
                match compare_folded(folded, name) {
                    std::cmp::Ordering::Less => _ = wanted.next(),
                    std::cmp::Ordering::Greater => break,
                    std::cmp::Ordering::Equal => {
                        if let Some(place) = values.get_mut(**slot) {
                            *place = have;
                        }
                        wanted.next();
                        break;
                    }
                }
            }
        }
        values
    }
}

/// Compares a folded name with one that is not, in the order of `compare_names`.
fn compare_folded(folded: &str, name: &str) -> std::cmp::Ordering {
    folded
        .bytes()
        .cmp(name.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Compiles an expression, taking slots as needed.
///
/// # Errors
/// All mistakes, in order of position.
pub fn compile(expression: &Expression, slots: &mut Slots) -> Result<Node, Vec<Failure>> {
    let mut failures = Vec::new();
    let node = build(expression, slots, &mut failures);
    if failures.is_empty() {
        return Ok(node);
    }
    failures.sort_by_key(|failure| failure.position);
    Err(failures)
}

fn build(expression: &Expression, slots: &mut Slots, failures: &mut Vec<Failure>) -> Node {
    let position = expression.position;
    match &expression.kind {
        Kind::Text(text) => Node::Constant(vec![text.as_str().into()]),
        Kind::Number(number) => Node::Constant(vec![(*number).into()]),
        Kind::Truth(truth) => Node::Constant(vec![(*truth).into()]),
        Kind::Null => Node::Constant(Vec::new()),
        Kind::Attribute(name) => Node::Attribute(slots.slot(name)),
        Kind::Parameter(name) => match Parameter::from_name(name) {
            Some(parameter) => Node::Parameter(parameter),
            None => {
                failures.push(
                    Failure::new(format!("there is no parameter %{name}%"), position)
                        .cured_by("use %Domain.FQDN% or %Domain.Netbios%"),
                );
                Node::Constant(Vec::new())
            }
        },
        Kind::Binary(operator, left, right) => {
            let left = build(left, slots, failures);
            let right = build(right, slots, failures);
            Node::Binary(*operator, Box::new((left, right)), position)
        }
        Kind::Call(name, arguments) => {
            let arguments: Vec<Option<Node>> = arguments
                .iter()
                .map(|argument| argument.as_ref().map(|a| build(a, slots, failures)))
                .collect();
            match call(name, arguments, position, expression.to_string()) {
                Ok(node) => node,
                Err(failure) => {
                    failures.push(failure);
                    Node::Constant(Vec::new())
                }
            }
        }
    }
}

fn call(
    name: &str,
    arguments: Vec<Option<Node>>,
    position: usize,
    text: String,
) -> Result<Node, Failure> {
    let Some(function) = functions::find(name) else {
        return Err(unknown_function(name, position));
    };
    count_arguments(function, &arguments).map_err(|message| {
        Failure::new(message, position).cured_by(format!("write {}", function.signature()))
    })?;
    let prepared = match function.prepare {
        Some(prepare) => prepare(&arguments).map_err(|message| Failure::new(message, position))?,
        None => None,
    };
    Ok(Node::Call(Box::new(Call {
        function,
        arguments,
        prepared,
        position,
        text,
    })))
}

fn unknown_function(name: &str, position: usize) -> Failure {
    let failure = Failure::new(format!("there is no function {name}"), position);
    match did_you_mean(name, functions::ALL.iter().map(|function| function.name)) {
        Some(near) => failure.cured_by(format!("did you mean {near}?")),
        None => failure,
    }
}

fn count_arguments(function: &Function, arguments: &[Option<Node>]) -> Result<(), String> {
    let name = function.name;
    let is_open = function
        .parameters
        .last()
        .is_some_and(|last| last.presence == Presence::Repeated);
    if arguments.len() > function.parameters.len() && !is_open {
        return Err(format!(
            "{name} takes at most {} arguments, {} are given",
            function.parameters.len(),
            arguments.len()
        ));
    }
    for (index, parameter) in function.parameters.iter().enumerate() {
        let is_given = matches!(arguments.get(index), Some(Some(_)));
        if parameter.presence == Presence::Required && !is_given {
            return Err(format!(
                "{name} needs its argument {} ({})",
                index + 1,
                parameter.name
            ));
        }
    }
    Ok(())
}

/// Compiles a regular expression within [`MAX_REGEX_BYTES`].
///
/// # Errors
/// What is wrong with the pattern, in one line.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|fault| {
            let text = fault.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!(
                "the regular expression cannot be used: {}",
                last.trim_start_matches("error: ")
            )
        })
}

/// The text of a constant argument.
pub(crate) fn constant_text(arguments: &[Option<Node>], index: usize) -> Option<&str> {
    match arguments.get(index) {
        Some(Some(Node::Constant(values))) => values.first()?.as_text(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::parse::parse;

    fn mistakes(text: &str) -> Vec<String> {
        let failures = compile(&parse(text).unwrap(), &mut Slots::default()).unwrap_err();
        failures
            .into_iter()
            .map(|f| format!("{f}; {}", f.cure.clone().unwrap_or_default()))
            .collect()
    }

    #[test]
    fn all_mistakes_are_reported_with_a_cure() {
        assert_eq!(
            mistakes("Trm(Left([a]), %Nope%)"),
            [
                "there is no function Trm (at character 1); did you mean Trim?",
                "Left needs its argument 2 (length) (at character 5); write Left(source, length)",
                "there is no parameter %Nope% (at character 16); use %Domain.FQDN% or %Domain.Netbios%",
            ]
        );
        assert_eq!(
            mistakes("trim([a])"),
            ["there is no function trim (at character 1); did you mean Trim?"]
        );
        assert_eq!(
            mistakes("Trim([a], 1)"),
            ["Trim takes at most 1 arguments, 2 are given (at character 1); write Trim(source)"]
        );
        assert!(mistakes(r#"Replace([a],,"(?=x)",,"y")"#)[0].contains("look-around"));
    }

    #[test]
    fn slots_are_bound_in_one_pass_without_regard_to_case() {
        let mut slots = Slots::default();
        let (b, a, z) = (slots.slot("bB"), slots.slot("aa"), slots.slot("ZZ"));
        assert_eq!(slots.slot("BB"), b);
        let attributes: Attributes = [
            ("AA", vec![Value::from(1)]),
            ("Bb", vec![2.into()]),
            ("c", vec![3.into()]),
        ]
        .into_iter()
        .collect();
        let bound = slots.bind(&attributes);
        assert_eq!(bound[a], [Value::from(1)]);
        assert_eq!(bound[b], [Value::from(2)]);
        assert!(bound[z].is_empty());
    }
}
