//! Syntax tree → something that runs: functions found, arguments counted, attributes turned into slots.
//!
//! All mistakes of an expression are reported, not only the first. Trap: a [`Node`] is meaningful only together with the
//! [`Slots`] it was compiled with.

use std::cmp::Ordering;

use regex::Regex;

use super::{
    Failure,
    ast::{Expression, Kind, Operator, Sign},
    did_you_mean,
    pattern::Pattern,
    position::Position,
};
use crate::{
    functions::{self, Function, Place, Presence},
    schema::check::PSEUDO_ATTRIBUTES,
    value::{Attributes, Name, Value},
};

/// An expression ready to run.
#[derive(Clone, Debug)]
pub enum Node {
    /// Fixed values; none: null.
    Constant(Vec<Value>),
    /// The values in this slot.
    Attribute(usize),
    /// The values of the variable bound at this depth.
    Variable(usize),
    /// A parameter of the job.
    Parameter(Parameter),
    /// A call.
    Call(Box<Call>),
    /// An operator before its operand.
    Unary(Box<Unary>),
    /// An operator between its operands.
    Binary(Box<Binary>),
}

/// A call of a function.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// Its arguments; `None`: blank.
    pub arguments: Vec<Option<Node>>,
    /// What could be prepared once.
    pub(crate) prepared: Prepared,
    /// Where it stands.
    pub position: Position,
    /// The call as text, for traces.
    pub text: String,
}

/// What a function prepares once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prepared {
    /// The regular expression among its arguments.
    pub(crate) pattern: Option<Pattern>,
    /// Whether it is meant in the other of its two forms.
    pub(crate) is_other_form: bool,
}

/// An operator before its operand.
#[derive(Clone, Debug)]
pub struct Unary {
    /// The operator.
    pub sign: Sign,
    /// The operand.
    pub operand: Node,
    /// Where it stands.
    pub position: Position,
    /// All of it as text, for traces.
    pub text: String,
}

/// An operator between its operands.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The operator.
    pub operator: Operator,
    /// Left operand.
    pub left: Node,
    /// Right operand.
    pub right: Node,
    /// Where the operator stands.
    pub position: Position,
    /// All of it as text, for traces.
    pub text: String,
}

impl Node {
    /// Whether it can give nothing but truth values.
    pub(crate) fn is_logical(&self) -> bool {
        match self {
            Self::Constant(values) => matches!(values.as_slice(), [Value::Boolean(_)]),
            Self::Call(call) => call.function.is_test,
            Self::Unary(unary) => unary.sign == Sign::Not,
            Self::Binary(binary) => binary.operator.is_logical(),
            Self::Attribute(_) | Self::Variable(_) | Self::Parameter(_) => false,
        }
    }

    /// The attribute it hands on, if it does nothing else.
    pub(crate) fn passage(&self) -> Option<Passage> {
        match self {
            Self::Attribute(slot) => Some(Passage {
                slot: *slot,
                keeps_clean_text: true,
            }),
            Self::Call(call) if call.function.keeps_null => match call.arguments.as_slice() {
                [Some(argument)] => {
                    let mut passage = argument.passage()?;
                    passage.keeps_clean_text &= call.function.keeps_clean_text;
                    Some(passage)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The parts it consists of.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Call(call) => call.arguments.iter().flatten().collect(),
            Self::Unary(unary) => vec![&unary.operand],
            Self::Binary(binary) => vec![&binary.left, &binary.right],
            _ => Vec::new(),
        }
    }
}

/// An attribute that an expression hands on: null as null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The attribute.
    pub slot: usize,
    /// Whether one text without white space at its ends comes out as it is.
    pub keeps_clean_text: bool,
}

/// `%Name%`: what an expression may know of the job besides the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `%Domain.FQDN%`, `%DomainFQDN%`.
    DomainFqdn,
    /// `%Domain.Netbios%`, `%DomainNetbios%`.
    DomainNetbios,
    /// `%Domain.LDAP%`, `%DomainLDAP%`.
    DomainLdap,
}

impl Parameter {
    const NAMES: [(&'static str, Self); 6] = [
        ("Domain.FQDN", Self::DomainFqdn),
        ("Domain.Netbios", Self::DomainNetbios),
        ("Domain.LDAP", Self::DomainLdap),
        ("DomainFQDN", Self::DomainFqdn),
        ("DomainNetbios", Self::DomainNetbios),
        ("DomainLDAP", Self::DomainLdap),
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
    // INVARIANT: one for each of `names`, sorted by folded name, which is the order of `Attributes`.
    by_name: Vec<Known>,
    // INVARIANT: the slots of `PSEUDO_ATTRIBUTES`, as far as they have one.
    pseudo: [Option<usize>; 4],
}

/// A name in use, to be compared with others.
#[derive(Clone, Debug)]
struct Known {
    /// The first bytes of the folded name: most names differ there, and one comparison of numbers tells.
    start: u64,
    folded: Box<str>,
    slot: usize,
}

impl Known {
    /// Compares with a name of which the start is known, in the order of `compare_names`.
    fn compare(&self, start: u64, name: &str) -> Ordering {
        match self.start.cmp(&start) {
            // Names that begin alike are mostly the same.
            Ordering::Equal if self.folded.eq_ignore_ascii_case(name) => Ordering::Equal,
            Ordering::Equal => compare_folded(&self.folded, name),
            order => order,
        }
    }
}

/// The first eight bytes of a name, folded, as a number that has the order of names. Shorter names are filled up with zeros.
fn start_of(name: &str) -> u64 {
    let start = match name.as_bytes().first_chunk() {
        Some(start) => *start,
        None => {
            let mut start = [0; 8];
            for (place, byte) in start.iter_mut().zip(name.bytes()) {
                *place = byte;
            }
            start
        }
    };
    folded_start(u64::from_be_bytes(start))
}

/// Eight bytes with every capital letter of ASCII made small, all at once: a byte from `A` to `Z` is one that with
/// `0x80 - 'A'` added reaches the highest bit, and with `0x7f - 'Z'` added does not.
fn folded_start(start: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    let low = start & !HIGH;
    let from_a = low + (0x80 - u64::from(b'A')) * EACH;
    let beyond_z = low + (0x7f - u64::from(b'Z')) * EACH;
    let capitals = from_a & !beyond_z & !start & HIGH;
    start | (capitals >> 2)
}

impl Slots {
    /// The slot of this attribute, made if need be.
    pub fn slot(&mut self, name: &str) -> usize {
        let start = start_of(name);
        let found = self
            .by_name
            .binary_search_by(|known| known.compare(start, name));
        match found {
            Ok(at) => self.by_name.get(at).map_or(0, |known| known.slot),
            Err(at) => {
                let slot = self.names.len();
                self.names.push(name.into());
                let folded = name.to_ascii_lowercase().into();
                let known = Known {
                    start,
                    folded,
                    slot,
                };
                self.by_name.insert(at, known);
                let is_it = |pseudo: &&str| pseudo.eq_ignore_ascii_case(name);
                let places = self.pseudo.iter_mut().zip(&PSEUDO_ATTRIBUTES);
                for (place, _) in places.filter(|(_, pseudo)| is_it(pseudo)) {
                    *place = Some(slot);
                }
                slot
            }
        }
    }

    /// The attribute of this slot.
    pub fn name(&self, slot: usize) -> &str {
        self.names.get(slot).map_or("", |name| name)
    }

    /// The slot of this attribute, if rules use it.
    pub fn find(&self, name: &str) -> Option<usize> {
        let start = start_of(name);
        let order = |known: &Known| known.compare(start, name);
        let at = self.by_name.binary_search_by(order).ok()?;
        self.by_name.get(at).map(|known| known.slot)
    }

    /// The slots of [`PSEUDO_ATTRIBUTES`], in their order.
    pub(crate) fn pseudo(&self) -> [Option<usize>; 4] {
        self.pseudo
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
            let start = start_of(name);
            while let Some(known) = wanted.peek() {
                match known.compare(start, name) {
                    Ordering::Less => _ = wanted.next(),
                    Ordering::Greater => break,
                    Ordering::Equal => {
                        if let Some(place) = values.get_mut(known.slot) {
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
fn compare_folded(folded: &str, name: &str) -> Ordering {
    folded
        .bytes()
        .cmp(name.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Compiles an expression, taking slots as needed.
///
/// # Errors
/// All mistakes, in order of position.
pub fn compile(expression: &Expression, slots: &mut Slots) -> Result<Node, Vec<Failure>> {
    let mut builder = Builder {
        slots,
        variables: Vec::new(),
        failures: Vec::new(),
    };
    let node = builder.build(expression, Place::Top);
    let mut failures = builder.failures;
    if failures.is_empty() {
        return Ok(node);
    }
    failures.sort_by_key(|failure| failure.position);
    Err(failures)
}

struct Builder<'b> {
    slots: &'b mut Slots,
    /// Variables in sight, the outermost first.
    variables: Vec<String>,
    failures: Vec<Failure>,
}

impl Builder<'_> {
    fn build(&mut self, expression: &Expression, place: Place) -> Node {
        let position = expression.position;
        match &expression.kind {
            Kind::Text(text) => Node::Constant(vec![text.as_str().into()]),
            Kind::Number(number) => Node::Constant(vec![(*number).into()]),
            Kind::Truth(truth) => Node::Constant(vec![(*truth).into()]),
            Kind::Null => Node::Constant(Vec::new()),
            Kind::Attribute(name) => Node::Attribute(self.slots.slot(name)),
            Kind::Variable(name) => self.variable(name, position),
            Kind::Parameter(name) => self.parameter(name, position),
            Kind::Unary(sign, operand) => Node::Unary(Box::new(Unary {
                sign: *sign,
                operand: self.build(operand, Place::Inside),
                position,
                text: expression.to_string(),
            })),
            Kind::Binary(operator, left, right) => Node::Binary(Box::new(Binary {
                operator: *operator,
                left: self.build(left, Place::Inside),
                right: self.build(right, Place::Inside),
                position,
                text: expression.to_string(),
            })),
            Kind::Call(name, arguments) => {
                let call = self.call(name, arguments, place, expression);
                call.unwrap_or_else(|failure| self.mistake(failure))
            }
        }
    }

    /// Notes a mistake; what is returned is never run.
    fn mistake(&mut self, failure: Failure) -> Node {
        self.failures.push(failure);
        Node::Constant(Vec::new())
    }

    fn variable(&mut self, name: &str, position: Position) -> Node {
        let bound = self.variables.iter().rposition(|have| have == name);
        match bound {
            Some(index) => Node::Variable(index),
            None => {
                let failure = Failure::new(format!("there is no variable ${name} here"), position);
                let near = did_you_mean(name, self.variables.iter().map(String::as_str));
                let cure = match near {
                    Some(near) => format!("did you mean ${near}?"),
                    None => "Select, Where and With bind a variable for their last argument".into(),
                };
                self.mistake(failure.cured_by(cure))
            }
        }
    }

    fn parameter(&mut self, name: &str, position: Position) -> Node {
        if let Some(parameter) = Parameter::from_name(name) {
            return Node::Parameter(parameter);
        }
        let known = Parameter::NAMES.iter().map(|(known, _)| *known);
        let cure = match did_you_mean(name, known) {
            Some(near) => format!("did you mean %{near}%?"),
            None => "use %Domain.FQDN%, %Domain.Netbios% or %Domain.LDAP%".into(),
        };
        let failure = Failure::new(format!("there is no parameter %{name}%"), position);
        self.mistake(failure.cured_by(cure))
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &[Option<Expression>],
        place: Place,
        expression: &Expression,
    ) -> Result<Node, Failure> {
        let position = expression.position;
        let Some(function) = functions::find(name) else {
            // What is inside is looked through nevertheless, so that its mistakes are told too.
            for argument in arguments.iter().flatten() {
                self.build(argument, Place::Inside);
            }
            return Err(unknown_function(name, position));
        };
        let arguments = match arguments {
            [
                Some(Expression {
                    kind: Kind::Text(name),
                    ..
                }),
            ] if function.names_attribute => vec![Some(Node::Attribute(self.slots.slot(name)))],
            _ if function.binds => self.bound_arguments(arguments, function)?,
            _ => self.arguments(arguments),
        };
        let signature = |message| {
            Failure::new(message, position).cured_by(format!("write {}", function.signature()))
        };
        count_arguments(function, &arguments).map_err(signature)?;
        if function.place == Place::Top && place != Place::Top {
            let message = format!(
                "{} may stand only at the outside of an expression",
                function.name
            );
            return Err(Failure::new(message, position));
        }
        let prepared = match function.prepare {
            Some(prepare) => {
                prepare(&arguments).map_err(|message| Failure::new(message, position))?
            }
            None => Prepared::default(),
        };
        Ok(Node::Call(Box::new(Call {
            function,
            arguments,
            prepared,
            position,
            text: expression.to_string(),
        })))
    }

    fn arguments(&mut self, arguments: &[Option<Expression>]) -> Vec<Option<Node>> {
        arguments
            .iter()
            .map(|argument| argument.as_ref().map(|a| self.build(a, Place::Inside)))
            .collect()
    }

    /// Arguments of a function that binds its first one, a variable, within the last one.
    fn bound_arguments(
        &mut self,
        arguments: &[Option<Expression>],
        function: &Function,
    ) -> Result<Vec<Option<Node>>, Failure> {
        let Some((first, rest)) = arguments.split_first() else {
            return Ok(Vec::new());
        };
        let Some(first) = first else {
            return Ok(std::iter::once(None).chain(self.arguments(rest)).collect());
        };
        let Kind::Variable(name) = &first.kind else {
            let message = format!("{} needs a variable as its first argument", function.name);
            let cure = format!("write {}", function.signature());
            return Err(Failure::new(message, first.position).cured_by(cure));
        };
        let mut all = vec![Some(Node::Constant(Vec::new()))];
        for (index, argument) in rest.iter().enumerate() {
            let is_body = index > 0;
            if is_body {
                self.variables.push(name.clone());
            }
            all.push(argument.as_ref().map(|a| self.build(a, Place::Inside)));
            if is_body {
                self.variables.pop();
            }
        }
        Ok(all)
    }
}

fn unknown_function(name: &str, position: Position) -> Failure {
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

/// Compiles a regular expression within the limits of expressions.
///
/// # Errors
/// What is wrong with the pattern, in one line.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    Pattern::new(pattern).map(Pattern::into_regex)
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
    fn slots_are_found_whatever_names_have_in_common() {
        let names = [
            "cn",
            "CNx",
            "extensionAttribute1",
            "extensionAttribute10",
            "extensionAttribute2",
            "mail",
            "mailNickname",
            "mailnick",
            "a",
            "",
            "é",
            "department",
            "departmentNumber",
        ];
        let mut slots = Slots::default();
        let made: Vec<usize> = names.iter().map(|name| slots.slot(name)).collect();
        for (name, slot) in names.iter().zip(&made) {
            assert_eq!(
                slots.find(&name.to_ascii_uppercase()),
                Some(*slot),
                "{name}"
            );
            assert_eq!(slots.slot(name), *slot, "{name}");
        }
        assert_eq!(slots.find("extensionAttribute3"), None);
        let all: Attributes = names
            .iter()
            .map(|name| (*name, vec![Value::from(*name)]))
            .chain([("extensionAttribute", vec!["other".into()])])
            .collect();
        for (slot, values) in made.iter().zip(slots.bind(&all)) {
            assert_eq!(values, [Value::from(slots.name(*slot))]);
        }
    }

    #[test]
    fn beginnings_of_names_are_folded_all_at_once_as_letter_by_letter() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut bytes = *b"aZ[@`{9\x80";
                bytes[at] = byte;
                let folded = folded_start(u64::from_be_bytes(bytes));
                assert_eq!(folded.to_be_bytes(), bytes.map(|b| b.to_ascii_lowercase()));
            }
        }
        for name in ["", "C", "cn", "GivenNa", "GivenNam", "GivenName"] {
            let mut wanted = [0; 8];
            for (place, byte) in wanted.iter_mut().zip(name.bytes()) {
                *place = byte.to_ascii_lowercase();
            }
            assert_eq!(start_of(name).to_be_bytes(), wanted, "{name}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_with_a_cure() {
        assert_eq!(
            mistakes("Trm(Left([a]), %Nope%)"),
            [
                "there is no function Trm (at character 1); did you mean Trim?",
                "Left needs its argument 2 (length) (at character 5); write Left(source, length)",
                "there is no parameter %Nope% (at character 16); use %Domain.FQDN%, %Domain.Netbios% or %Domain.LDAP%",
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
