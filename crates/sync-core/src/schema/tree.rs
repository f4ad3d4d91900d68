//! Expressions in the tree form of the schema, both ways: type, name, text and parameters.
//!
//! Never evaluates. Trap: where a source carries its text, the text is what counts and the tree is not looked at; operators,
//! `%parameters%` and `$variables`, which the originals do not write as trees, are functions of that name here.

use std::fmt::Write as _;

use serde_json::Map;

use super::read::{Member, Source, SourceParameter};
use crate::{
    expression::{
        Failure, MAX_EXPRESSION_BYTES, MAX_EXPRESSION_DEPTH,
        ast::{Expression, Kind, Operator, Sign},
        parse,
        position::Position,
    },
    functions::{self, Function, Presence},
};

/// The expression of a source: its text if there is one, else its tree. `depth` is 0 for whoever calls.
///
/// # Errors
/// The first mistake.
pub fn expression(source: &Source, depth: usize) -> Result<Expression, Failure> {
    if depth > MAX_EXPRESSION_DEPTH {
        return Err(Failure::new("the tree is nested too deep", Position::START));
    }
    let expression = node(source, depth)?;
    match depth {
        0 => within_limits(expression),
        _ => Ok(expression),
    }
}

/// Pieces that are small by themselves could make up something that is not.
fn within_limits(expression: Expression) -> Result<Expression, Failure> {
    let refuse = |message: String| Err(Failure::new(message, Position::START));
    if expression.first_below(MAX_EXPRESSION_DEPTH).is_some() {
        return refuse(format!(
            "the expression is nested deeper than {MAX_EXPRESSION_DEPTH}"
        ));
    }
    if write!(Room(MAX_EXPRESSION_BYTES), "{expression}").is_err() {
        return refuse(format!(
            "the expression is longer than {MAX_EXPRESSION_BYTES} bytes"
        ));
    }
    Ok(expression)
}

/// Takes text as long as there is room, and keeps none of it.
struct Room(usize);

impl std::fmt::Write for Room {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(std::fmt::Error)?;
        Ok(())
    }
}

fn node(source: &Source, depth: usize) -> Result<Expression, Failure> {
    let name = source.name.text();
    match source.r#type.text() {
        "Attribute" if !name.is_empty() => Ok(Kind::Attribute(name.to_owned()).into()),
        "Constant" => Ok(constant(source).into()),
        "Function" | "" | "Attribute" => match source.expression.text() {
            "" if !name.is_empty() => function(source, depth).map(Into::into),
            "" => {
                Err(Failure::new("the source is empty", Position::START).cured_by("set expression"))
            }
            text => parse::parse(text),
        },
        other => Err(
            Failure::new(format!("there is no source type {other}"), Position::START)
                .cured_by("use Attribute, Constant or Function"),
        ),
    }
}

/// What the text says, if it is a literal; else the name as text.
fn constant(source: &Source) -> Kind {
    let text = source.expression.get().map(|text| parse::parse(text));
    match text.map(|parsed| parsed.map(|expression| expression.kind)) {
        Some(Ok(kind @ (Kind::Text(_) | Kind::Number(_) | Kind::Truth(_) | Kind::Null))) => kind,
        _ => Kind::Text(source.name.text().to_owned()),
    }
}

fn function(source: &Source, depth: usize) -> Result<Kind, Failure> {
    let name = source.name.text();
    let bare = |mark: char| name.strip_prefix(mark).filter(|name| !name.is_empty());
    if let Some(variable) = bare('$') {
        return Ok(Kind::Variable(variable.to_owned()));
    }
    if let Some(parameter) = bare('%').and_then(|name| name.strip_suffix('%')) {
        return Ok(Kind::Parameter(parameter.to_owned()));
    }
    let operands = || given(source, depth);
    if let Some(sign) = [Sign::Not, Sign::Minus]
        .into_iter()
        .find(|sign| sign.symbol() == name)
        && source.parameters.list().len() == 1
    {
        return match operands()?.into_iter().next().flatten() {
            Some(operand) => Ok(Kind::Unary(sign, Box::new(operand))),
            None => Err(missing(name)),
        };
    }
    if let Some(operator) = Operator::from_symbol(name) {
        return match <[_; 2]>::try_from(operands()?) {
            Ok([Some(left), Some(right)]) => {
                Ok(Kind::Binary(operator, Box::new(left), Box::new(right)))
            }
            _ => Err(missing(name)),
        };
    }
    let arguments = match functions::find(name) {
        Some(function) => named(source, function, depth)?,
        None => given(source, depth)?,
    };
    Ok(Kind::Call(name.to_owned(), arguments))
}

fn missing(name: &str) -> Failure {
    Failure::new(
        format!("the operator {name} lacks an operand"),
        Position::START,
    )
}

fn argument(parameter: &SourceParameter, depth: usize) -> Result<Option<Expression>, Failure> {
    let value = parameter.value.get();
    value.map(|value| expression(value, depth + 1)).transpose()
}

/// Arguments in the order in which they stand.
fn given(source: &Source, depth: usize) -> Result<Vec<Option<Expression>>, Failure> {
    let all = source.parameters.list().iter();
    all.map(|parameter| argument(parameter, depth)).collect()
}

/// Arguments stand under the names of parameters; those left out are blank.
fn named(
    source: &Source,
    function: &Function,
    depth: usize,
) -> Result<Vec<Option<Expression>>, Failure> {
    let mut rest: Vec<&SourceParameter> = source.parameters.list().iter().collect();
    let fixed = function.parameters.iter();
    let fixed = fixed.filter(|parameter| parameter.presence != Presence::Repeated);
    let mut all = Vec::new();
    // Places of required parameters that are not named at all.
    let mut open = Vec::new();
    for parameter in fixed {
        let is_named = |p: &&SourceParameter| p.key.text().eq_ignore_ascii_case(parameter.name);
        let at = rest.iter().position(is_named);
        if at.is_none() && parameter.presence == Presence::Required {
            open.push(all.len());
        }
        all.push(match at {
            Some(at) => argument(rest.remove(at), depth)?,
            None => None,
        });
    }
    // What is left has names of its own (repeated parameters, or names of another version): it fills those places in order.
    let mut open = open.into_iter();
    for parameter in rest {
        let value = argument(parameter, depth)?;
        match open.next().and_then(|at| all.get_mut(at)) {
            Some(place) => *place = value,
            None => all.push(value),
        }
    }
    while all.last().is_some_and(Option::is_none) {
        all.pop();
    }
    Ok(all)
}

/// The tree form of an expression, each part with its text.
pub fn source(expression: &Expression) -> Source {
    let (kind, name, parameters) = match &expression.kind {
        Kind::Attribute(name) => ("Attribute", name.clone(), Vec::new()),
        Kind::Text(text) => ("Constant", text.clone(), Vec::new()),
        Kind::Number(_) | Kind::Truth(_) | Kind::Null => {
            ("Constant", expression.to_string(), Vec::new())
        }
        Kind::Parameter(_) | Kind::Variable(_) => ("Function", expression.to_string(), Vec::new()),
        Kind::Unary(sign, operand) => {
            let operand = parameter("operand", Some(operand));
            ("Function", sign.symbol().to_owned(), vec![operand])
        }
        Kind::Binary(operator, left, right) => {
            let sides = vec![
                parameter("left", Some(left)),
                parameter("right", Some(right)),
            ];
            ("Function", operator.symbol().to_owned(), sides)
        }
        Kind::Call(name, arguments) => ("Function", name.clone(), parameters(name, arguments)),
    };
    Source {
        r#type: Member::Set(kind.to_owned()),
        name: Member::Set(name),
        expression: Member::Set(expression.to_string()),
        parameters: Member::Set(parameters),
        extra: Map::new(),
    }
}

/// Blank arguments are left out, except where only their place says which they are.
fn parameters(name: &str, arguments: &[Option<Expression>]) -> Vec<SourceParameter> {
    let known = functions::find(name).map_or(&[][..], |function| function.parameters);
    let mut all = Vec::new();
    for (index, argument) in arguments.iter().enumerate() {
        let named = known.get(index).or(known
            .last()
            .filter(|last| last.presence == Presence::Repeated));
        let is_optional = named.is_some_and(|named| named.presence == Presence::Optional);
        if argument.is_none() && is_optional {
            continue;
        }
        let key = named.map_or_else(|| format!("argument{}", index + 1), |p| p.name.to_owned());
        all.push(parameter(&key, argument.as_ref()));
    }
    all
}

fn parameter(key: &str, value: Option<&Expression>) -> SourceParameter {
    SourceParameter {
        key: Member::Set(key.to_owned()),
        value: match value {
            Some(value) => Member::Set(Box::new(source(value))),
            None => Member::Null,
        },
        extra: Map::new(),
    }
}
