//! The syntax tree of an expression, and its canonical text.
//!
//! Never evaluated itself. Trap: `print` then `parse` gives the same tree; spans are not part of equality.

use std::fmt;

/// An expression with the place it was read from.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What it is.
    pub kind: Kind,
    /// Byte offset in the text, from 0.
    pub position: usize,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `"text"`.
    Text(String),
    /// `42`, `&H2A`.
    Number(i64),
    /// `True`, `False`.
    Truth(bool),
    /// `NULL`.
    Null,
    /// `[attribute]`.
    Attribute(String),
    /// `%Parameter%`.
    Parameter(String),
    /// `Function(argument, , argument)`; a blank argument is `None`.
    Call(String, Vec<Option<Expression>>),
    /// `left operator right`.
    Binary(Operator, Box<Expression>, Box<Expression>),
}

/// A binary operator, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `=`
    Equal,
    /// `<>`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `&` (concatenation)
    Concatenate,
}

impl Operator {
    /// How tightly it binds; higher is tighter.
    pub fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Concatenate => 4,
            _ => 3,
        }
    }

    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Concatenate => "&",
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Text(text) => write_quoted(f, text),
            Kind::Number(number) => write!(f, "{number}"),
            Kind::Truth(true) => f.write_str("True"),
            Kind::Truth(false) => f.write_str("False"),
            Kind::Null => f.write_str("NULL"),
            Kind::Attribute(name) => write!(f, "[{name}]"),
            Kind::Parameter(name) => write!(f, "%{name}%"),
            Kind::Call(name, arguments) => write_call(f, name, arguments),
            Kind::Binary(operator, left, right) => {
                write_operand(f, left, operator.strength())?;
                write!(f, " {} ", operator.symbol())?;
                write_operand(f, right, operator.strength() + 1)
            }
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn write_call(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    arguments: &[Option<Expression>],
) -> fmt::Result {
    write!(f, "{name}(")?;
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        if let Some(argument) = argument {
            write!(f, "{argument}")?;
        }
    }
    f.write_str(")")
}

fn write_operand(
    f: &mut fmt::Formatter<'_>,
    operand: &Expression,
    least_strength: u8,
) -> fmt::Result {
    match &operand.kind {
        Kind::Binary(operator, ..) if operator.strength() < least_strength => {
            write!(f, "({operand})")
        }
        _ => write!(f, "{operand}"),
    }
}
