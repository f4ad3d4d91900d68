//! The syntax tree of an expression, and its canonical text.
//!
//! Never evaluated itself. Trap: `print` then `parse` gives the same tree; positions are not part of equality.

use std::fmt;

use super::position::Position;

/// An expression with the place it was read from.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What it is.
    pub kind: Kind,
    /// Where it begins; of an operator with two sides, where the operator stands.
    pub position: Position,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expression {
    /// The first part nested deeper than this many levels.
    pub fn first_below(&self, levels: usize) -> Option<Position> {
        let Some(inner) = levels.checked_sub(1) else {
            return Some(self.position);
        };
        let below = |part: &Self| part.first_below(inner);
        match &self.kind {
            Kind::Call(_, arguments) => arguments.iter().flatten().find_map(below),
            Kind::Unary(_, operand) => below(operand),
            Kind::Binary(_, left, right) => below(left).or_else(|| below(right)),
            _ => None,
        }
    }
}

impl From<Kind> for Expression {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            position: Position::START,
        }
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
    /// `$variable`.
    Variable(String),
    /// `Function(argument, , argument)`; a blank argument is `None`.
    Call(String, Vec<Option<Expression>>),
    /// `operator operand`.
    Unary(Sign, Box<Expression>),
    /// `left operator right`.
    Binary(Operator, Box<Expression>, Box<Expression>),
}

/// An operator before its operand; it binds tighter than all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `!`
    Not,
    /// `-`
    Minus,
}

impl Sign {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Minus => "-",
        }
    }
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
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

impl Operator {
    /// All of them, loosest first.
    pub const ALL: [Self; 13] = [
        Self::Or,
        Self::And,
        Self::Equal,
        Self::Unequal,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Concatenate,
        Self::Add,
        Self::Subtract,
        Self::Multiply,
        Self::Divide,
    ];

    /// How tightly it binds; higher is tighter.
    pub fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Concatenate => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply | Self::Divide => 6,
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
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    /// The operator written like this.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        let known = Self::ALL.into_iter();
        match symbol {
            "==" => Some(Self::Equal),
            symbol => known.clone().find(|operator| operator.symbol() == symbol),
        }
    }

    /// Whether it compares, or joins what is compared: whether it gives a truth value.
    pub fn is_logical(self) -> bool {
        self.strength() < Self::Concatenate.strength()
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
            Kind::Attribute(name) => write_attribute(f, name),
            Kind::Parameter(name) => write!(f, "%{name}%"),
            Kind::Variable(name) => write!(f, "${name}"),
            Kind::Call(name, arguments) => write_call(f, name, arguments),
            Kind::Unary(sign, operand) => write_unary(f, *sign, operand),
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

/// Brackets and backslashes are escaped, and blanks at the ends, which would not be part of the name.
fn write_attribute(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let first = name.len() - name.trim_start().len();
    let last = name.trim_end().len();
    f.write_str("[")?;
    for (at, c) in name.char_indices() {
        let is_end = at < first || at >= last;
        if matches!(c, '[' | ']' | '\\') || is_end {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("]")
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

/// A number after a minus stands in brackets: without them it would be one negative number.
fn write_unary(f: &mut fmt::Formatter<'_>, sign: Sign, operand: &Expression) -> fmt::Result {
    let symbol = sign.symbol();
    match &operand.kind {
        Kind::Binary(..) | Kind::Number(_) => write!(f, "{symbol}({operand})"),
        _ => write!(f, "{symbol}{operand}"),
    }
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
