//! `$filter`: read, checked against the collection's properties, evaluated over JSON.
//!
//! Source: OData Version 4.01 Part 2: URL Conventions, §5.1.1; the comparison operators, `and`, `or`, `not`, and the functions
//! `contains`, `startswith` and `endswith`. Trap: a comparison with a property that has no value is false, but for `eq null`
//! and `ne`; and a property within a list holds if it holds for any element.

use serde_json::Value as Json;

use super::{
    Fault, Field, Kind,
    lexer::{Literal, Token, moment, tokens},
};

// LIMIT: bytes of a filter.
const LONGEST: usize = 8 * 1024;
// LIMIT: how deep parentheses and `not` may stand within each other.
const DEEPEST: usize = 32;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`.
    Equal,
    /// `ne`.
    NotEqual,
    /// `gt`.
    Greater,
    /// `ge`.
    GreaterOrEqual,
    /// `lt`.
    Less,
    /// `le`.
    LessOrEqual,
    /// `contains`.
    Contains,
    /// `startswith`.
    StartsWith,
    /// `endswith`.
    EndsWith,
}

impl Operator {
    fn comparison(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            _ => return None,
        })
    }

    fn function(word: &str) -> Option<Self> {
        Some(match word {
            "contains" => Self::Contains,
            "startswith" => Self::StartsWith,
            "endswith" => Self::EndsWith,
            _ => return None,
        })
    }

    /// The same with its sides exchanged.
    fn turned(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            same => same,
        }
    }

    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Contains | Self::StartsWith | Self::EndsWith => false,
        }
    }
}

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of these.
    And(Vec<Filter>),
    /// Any of these.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A property against a literal.
    Compare(Field, Operator, Literal),
}

/// What a filter surely asks for, for whoever can look it up quickly: a property, how it is compared, and with what.
pub struct Bound<'a> {
    /// The property.
    pub path: &'static str,
    /// How.
    pub operator: Operator,
    /// The literal as text.
    pub text: Option<&'a str>,
    /// The literal as unix ms.
    pub moment: Option<i64>,
}

impl Filter {
    /// Reads a filter over these properties.
    ///
    /// # Errors
    /// What is not supported or not understood, by name.
    pub fn read(text: &str, fields: &'static [Field]) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(format!("$filter has more than {LONGEST} bytes"));
        }
        let all = tokens(text)?;
        let mut parser = Parser {
            tokens: &all,
            at: 0,
            fields,
        };
        let filter = parser.any(0)?;
        match parser.peek() {
            None => Ok(filter),
            Some(token) => Err(format!("{} is not expected there in $filter", shown(token))),
        }
    }

    /// Whether it holds.
    pub fn holds(&self, json: &Json) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(json)),
            Self::Or(all) => all.iter().any(|one| one.holds(json)),
            Self::Not(one) => !one.holds(json),
            Self::Compare((path, kind), operator, literal) => {
                let mut found = Vec::new();
                reach(json, path, &mut found);
                match (operator, literal) {
                    (Operator::Equal, Literal::Null) => found.is_empty(),
                    (Operator::NotEqual, Literal::Null) => !found.is_empty(),
                    (_, Literal::Null) => false,
                    (Operator::NotEqual, literal) => !found
                        .iter()
                        .any(|one| compare(one, *kind, Operator::Equal, literal)),
                    (operator, literal) => found
                        .iter()
                        .any(|one| compare(one, *kind, *operator, literal)),
                }
            }
        }
    }

    /// What must hold whatever else does.
    pub fn bounds(&self) -> Vec<Bound<'_>> {
        match self {
            Self::And(all) => all.iter().flat_map(Self::bounds).collect(),
            Self::Compare((path, _), operator, literal) => {
                let text = match literal {
                    Literal::Text(text) | Literal::Guid(text) => Some(text.as_str()),
                    _ => None,
                };
                let moment = match literal {
                    Literal::Moment(at) => Some(*at),
                    Literal::Text(text) => moment(text),
                    _ => None,
                };
                vec![Bound {
                    path,
                    operator: *operator,
                    text,
                    moment,
                }]
            }
            Self::Or(_) | Self::Not(_) => Vec::new(),
        }
    }
}

/// The values at a path; lists on the way are gone through.
fn reach<'a>(json: &'a Json, path: &str, found: &mut Vec<&'a Json>) {
    if let Json::Array(all) = json {
        return all.iter().for_each(|one| reach(one, path, found));
    }
    match path.split_once('/') {
        _ if path.is_empty() => {
            if !json.is_null() {
                found.push(json);
            }
        }
        Some((first, rest)) => {
            if let Some(inner) = json.get(first) {
                reach(inner, rest, found);
            }
        }
        None => {
            if let Some(inner) = json.get(path) {
                reach(inner, "", found);
            }
        }
    }
}

/// Which of two items comes first by a property; one without it comes last.
pub(super) fn order(one: &Json, other: &Json, path: &str) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    let value = |json| {
        let mut found = Vec::new();
        reach(json, path, &mut found);
        found.into_iter().next()
    };
    match (value(one), value(other)) {
        (Some(Json::String(one)), Some(Json::String(other))) => one.cmp(other),
        (Some(Json::Bool(one)), Some(Json::Bool(other))) => one.cmp(other),
        (Some(one), Some(other)) => {
            let numbers = one.as_f64().zip(other.as_f64());
            numbers
                .and_then(|(one, other)| one.partial_cmp(&other))
                .unwrap_or(Ordering::Equal)
        }
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn compare(value: &Json, kind: Kind, operator: Operator, literal: &Literal) -> bool {
    match (kind, literal) {
        (Kind::Text, Literal::Text(wanted)) => value
            .as_str()
            .is_some_and(|have| text(have, operator, wanted)),
        // Ids are written in either case.
        (Kind::Text, Literal::Guid(wanted)) => value
            .as_str()
            .is_some_and(|have| text(&have.to_lowercase(), operator, wanted)),
        (Kind::Moment, Literal::Moment(wanted)) => {
            let have = value.as_str().and_then(moment);
            have.is_some_and(|have| operator.holds(have.cmp(wanted)))
        }
        (Kind::Number, Literal::Number(wanted)) => {
            let order = value.as_f64().and_then(|have| have.partial_cmp(wanted));
            order.is_some_and(|order| operator.holds(order))
        }
        (Kind::Boolean, Literal::Boolean(wanted)) => {
            let have = value.as_bool();
            have.is_some_and(|have| operator.holds(have.cmp(wanted)))
        }
        _ => false,
    }
}

fn text(have: &str, operator: Operator, wanted: &str) -> bool {
    match operator {
        Operator::Contains => have.contains(wanted),
        Operator::StartsWith => have.starts_with(wanted),
        Operator::EndsWith => have.ends_with(wanted),
        operator => operator.holds(have.cmp(wanted)),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    fields: &'static [Field],
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<&'a Token, Fault> {
        let token = self.peek().ok_or("$filter ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(word)) if word == wanted);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), Fault> {
        let token = self.next()?;
        match token == wanted {
            true => Ok(()),
            false => Err(format!(
                "{} stands in $filter where {} is expected",
                shown(token),
                shown(wanted)
            )),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Filter, Fault> {
        let mut all = vec![self.all(depth)?];
        while self.takes_word("or") {
            all.push(self.all(depth)?);
        }
        Ok(one_or(all, Filter::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, Fault> {
        let mut all = vec![self.one(depth)?];
        while self.takes_word("and") {
            all.push(self.one(depth)?);
        }
        Ok(one_or(all, Filter::And))
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Fault> {
        if depth > DEEPEST {
            return Err(format!("$filter is nested more than {DEEPEST} deep"));
        }
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        match self.next()? {
            Token::Open => {
                let inner = self.any(depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Token::Word(word) if self.peek() == Some(&Token::Open) => self.call(word),
            Token::Word(path) => {
                let field = self.field(path)?;
                let operator = self.operator()?;
                let literal = self.literal()?;
                fitting(field, operator, literal)
            }
            Token::Literal(literal) => {
                let operator = self.operator()?.turned();
                match self.next()? {
                    Token::Word(path) => fitting(self.field(path)?, operator, literal.clone()),
                    token => Err(format!(
                        "{} stands in $filter where a property is expected",
                        shown(token)
                    )),
                }
            }
            token => Err(format!("{} is not expected there in $filter", shown(token))),
        }
    }

    fn call(&mut self, name: &str) -> Result<Filter, Fault> {
        let operator = Operator::function(name).ok_or_else(|| {
            format!("the function {name} is not supported in $filter; supported: contains, startswith, endswith")
        })?;
        self.expect(&Token::Open)?;
        let field = match self.next()? {
            Token::Word(path) => self.field(path)?,
            token => {
                return Err(format!(
                    "{} stands in $filter where a property is expected",
                    shown(token)
                ));
            }
        };
        self.expect(&Token::Comma)?;
        let literal = self.literal()?;
        self.expect(&Token::Close)?;
        if field.1 != Kind::Text || !matches!(literal, Literal::Text(_)) {
            return Err(format!(
                "{name} compares texts; {} is none, or not compared with one",
                field.0
            ));
        }
        Ok(Filter::Compare(field, operator, literal))
    }

    fn operator(&mut self) -> Result<Operator, Fault> {
        match self.next()? {
            Token::Word(word) => Operator::comparison(word).ok_or_else(|| {
                format!("the operator {word} is not supported in $filter; supported: eq, ne, gt, ge, lt, le, and, or, not")
            }),
            token => Err(format!("{} stands in $filter where an operator is expected", shown(token))),
        }
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        match self.next()? {
            Token::Literal(literal) => Ok(literal.clone()),
            token => Err(format!(
                "{} stands in $filter where a value is expected; texts stand in single quotes",
                shown(token)
            )),
        }
    }

    fn field(&self, path: &str) -> Result<Field, Fault> {
        let found = self.fields.iter().find(|(name, _)| *name == path);
        found.copied().ok_or_else(|| {
            let known: Vec<&str> = self.fields.iter().map(|(name, _)| *name).collect();
            format!("{path} cannot be filtered by; known: {}", known.join(", "))
        })
    }
}

fn one_or(mut all: Vec<Filter>, several: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match (all.len(), all.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            all.extend(last);
            several(all)
        }
    }
}

/// A comparison whose literal is of the property's kind.
fn fitting(field: Field, operator: Operator, literal: Literal) -> Result<Filter, Fault> {
    let literal = match (field.1, literal) {
        (Kind::Moment, Literal::Text(text)) => moment(&text).map(Literal::Moment),
        (Kind::Boolean, Literal::Text(text)) => text.parse().ok().map(Literal::Boolean),
        (Kind::Text, Literal::Text(text)) => Some(Literal::Text(text)),
        (Kind::Text, Literal::Guid(id)) => Some(Literal::Guid(id)),
        (Kind::Moment, Literal::Moment(at)) => Some(Literal::Moment(at)),
        (Kind::Number, Literal::Number(number)) => Some(Literal::Number(number)),
        (Kind::Boolean, Literal::Boolean(truth)) => Some(Literal::Boolean(truth)),
        (_, Literal::Null) if matches!(operator, Operator::Equal | Operator::NotEqual) => {
            Some(Literal::Null)
        }
        _ => None,
    };
    let literal = literal.ok_or_else(|| {
        let kind = match field.1 {
            Kind::Text => "a text in single quotes",
            Kind::Moment => "a time such as 2026-01-31T12:00:00Z",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
        };
        format!("{} is compared with {kind}", field.0)
    })?;
    Ok(Filter::Compare(field, operator, literal))
}

fn shown(token: &Token) -> String {
    match token {
        Token::Open => "(".into(),
        Token::Close => ")".into(),
        Token::Comma => ",".into(),
        Token::Word(word) => word.clone(),
        Token::Literal(Literal::Text(text)) => format!("'{text}'"),
        Token::Literal(Literal::Number(number)) => number.to_string(),
        Token::Literal(Literal::Boolean(truth)) => truth.to_string(),
        Token::Literal(Literal::Null) => "null".into(),
        Token::Literal(Literal::Guid(id)) => id.clone(),
        Token::Literal(Literal::Moment(_)) => "a time".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIELDS: &[Field] = &[
        ("name", Kind::Text),
        ("at", Kind::Moment),
        ("ms", Kind::Number),
        ("is", Kind::Boolean),
        ("source/id", Kind::Text),
        ("many/id", Kind::Text),
    ];

    fn check(text: &str) -> bool {
        let json = json!({
            "name": "Ada O'Neill", "at": "2026-01-02T03:04:05.678Z", "ms": 12, "is": true, "none": null,
            "source": { "id": "6c409270-f78a-4bc6-af23-7cf3ab6482fe" }, "many": [{ "id": "a" }, { "id": "b" }],
        });
        Filter::read(text, FIELDS)
            .unwrap_or_else(|fault| panic!("{text}: {fault}"))
            .holds(&json)
    }

    #[test]
    fn operators_hold_as_odata_has_them() {
        for text in [
            "name eq 'Ada O''Neill'",
            "not (name eq 'ada o''neill')",
            "at gt 2026-01-02 and at lt 2026-01-03T00:00:00Z",
            "at ge 2026-01-02T03:04:05.678Z and at le 2026-01-02T03:04:05.678Z",
            "ms gt 11.5 and ms lt 13 and 12 eq ms and 20 gt ms",
            "is eq true and is ne false",
            "contains(name,'O''N') and startswith(name, 'Ada') and endswith(name,'ill')",
            "source/id eq 6C409270-F78A-4BC6-AF23-7CF3AB6482FE",
            "source/id eq '6c409270-f78a-4bc6-af23-7cf3ab6482fe'",
            "many/id eq 'b'",
            "name eq 'x' or ms eq 12",
            "name eq 'x' and ms eq 1 or is eq true",
            "name ne null",
            "at gt '2026-01-01T00:00:00Z'",
        ] {
            assert!(check(text), "{text}");
        }
        for text in [
            "name eq 'ada o''neill'",
            "name eq null",
            "(name eq 'x' or ms eq 12) and is eq false",
            "many/id eq 'c'",
            "many/id ne 'a'",
            "12 gt ms",
        ] {
            assert!(!check(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (text, named) in [
            ("name has 'x'", "operator has"),
            ("name in ('a','b')", "operator in"),
            ("ms add 1 eq 2", "operator add"),
            ("tolower(name) eq 'a'", "function tolower"),
            ("many/any(m:m/id eq 'a')", "function many/any"),
            ("nome eq 'x'", "nome cannot be filtered by"),
            ("name eq 5", "a text in single quotes"),
            ("name eq Ada", "Ada stands in $filter"),
            ("at gt 'soon'", "a time such as"),
            ("contains(ms,'1')", "contains compares texts"),
            ("name eq 'a' name", "name is not expected there"),
            ("name eq", "ends too early"),
            ("(name eq 'a'", "ends too early"),
            ("", "ends too early"),
        ] {
            let fault = Filter::read(text, FIELDS).unwrap_err();
            assert!(fault.contains(named), "{text}: {fault}");
        }
        let deep = format!("{}name eq 'a'{}", "(".repeat(40), ")".repeat(40));
        assert!(Filter::read(&deep, FIELDS).unwrap_err().contains("32 deep"));
    }

    #[test]
    fn what_surely_holds_can_be_looked_up() {
        let filter = Filter::read(
            "name eq 'a' and (at gt 2026-01-01 and (ms eq 1 or is eq true))",
            FIELDS,
        )
        .unwrap();
        let bounds = filter.bounds();
        assert_eq!(bounds.len(), 2);
        assert_eq!((bounds[0].path, bounds[0].text), ("name", Some("a")));
        assert_eq!(bounds[1].moment, Some(1_767_225_600_000));
    }
}
