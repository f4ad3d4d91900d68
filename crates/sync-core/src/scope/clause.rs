//! One condition on one attribute.
//!
//! Never fails: what cannot be compared is unknown. Trap: of several values one has to satisfy a positive operator, and all a
//! negative one.

use regex::Regex;

use super::ClauseResult;
use crate::{
    expression::compare::truth,
    value::{Name, Value},
};

/// Longest value shown in an explanation, in characters.
const MAX_SHOWN_CHARACTERS: usize = 100;
/// Most values shown in an explanation.
const MAX_SHOWN_VALUES: usize = 5;

/// An operator of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Equal, with regard to case.
    Equals,
    /// Not equal.
    NotEquals,
    /// True.
    IsTrue,
    /// False.
    IsFalse,
    /// No value.
    IsNull,
    /// Some value.
    IsNotNull,
    /// Matches a regular expression.
    RegexMatch,
    /// Does not.
    NotRegexMatch,
    /// An integer above another.
    GreaterThan,
    /// An integer not below another.
    GreaterThanOrEquals,
    /// Contains a text.
    Includes,
    /// Ends with a text.
    EndsWith,
    /// Is one of a list.
    InList,
    /// Is none of a list.
    NotInList,
    /// Begins with a text (an extension).
    StartsWith,
    /// Has one of the bits of an integer (an extension).
    HasBits,
    /// The number of links is not below an integer (an extension).
    CountAtLeast,
}

impl Operator {
    /// Every name an operator is known by; the first of each is written in explanations.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("EQUALS", Self::Equals),
        ("NOT EQUALS", Self::NotEquals),
        ("IS TRUE", Self::IsTrue),
        ("IS FALSE", Self::IsFalse),
        ("IS NULL", Self::IsNull),
        ("IS NOT NULL", Self::IsNotNull),
        ("PRESENT", Self::IsNotNull),
        ("REGEX MATCH", Self::RegexMatch),
        ("NOT REGEX MATCH", Self::NotRegexMatch),
        ("GREATER THAN", Self::GreaterThan),
        ("GREATER THAN OR EQUALS", Self::GreaterThanOrEquals),
        ("INCLUDES", Self::Includes),
        ("ENDS WITH", Self::EndsWith),
        ("&", Self::InList),
        ("!&", Self::NotInList),
        ("!&L", Self::NotInList),
        ("STARTS WITH", Self::StartsWith),
        ("HAS BITS", Self::HasBits),
        ("COUNT GREATER THAN OR EQUALS", Self::CountAtLeast),
    ];

    /// The operator of this name; case, `_` and blank do not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().replace('_', " ").to_uppercase();
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, operator)| *operator)
    }

    /// What to do instead of an operator of the originals that is none here.
    pub fn instead_of(name: &str) -> Option<&'static str> {
        match name.trim().replace('_', " ").to_uppercase().as_str() {
            "IS MEMBER OF" | "ISMEMBEROF" | "IS NOT MEMBER OF" => {
                Some("name the groups in groupFilter.includedGroups")
            }
            "VALID CERT MATCH" => Some("use IS NOT NULL: certificates are not looked into"),
            "CONTAINS" => Some("use Includes"),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, operator)| *operator == self);
        found.map_or("", |(name, _)| name)
    }

    /// How many operands it takes: none, one, or a list.
    pub fn operands(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::IsTrue | Self::IsFalse | Self::IsNull | Self::IsNotNull => 0..=0,
            Self::InList | Self::NotInList => 1..=usize::MAX,
            _ => 1..=1,
        }
    }

    /// Whether its operand must be an integer.
    pub fn takes_integer(self) -> bool {
        matches!(
            self,
            Self::GreaterThan | Self::GreaterThanOrEquals | Self::HasBits | Self::CountAtLeast
        )
    }

    /// Whether its operand is a regular expression.
    pub fn takes_regex(self) -> bool {
        matches!(self, Self::RegexMatch | Self::NotRegexMatch)
    }
}

/// A checked clause.
#[derive(Clone, Debug)]
pub struct Clause {
    pub(crate) attribute: Name,
    pub(crate) slot: usize,
    pub(crate) operator: Operator,
    pub(crate) operands: Vec<String>,
    // INVARIANT: set if the operator takes a regular expression.
    pub(crate) regex: Option<Regex>,
    // INVARIANT: the operand, if the operator takes an integer.
    pub(crate) integer: i64,
}

/// What clauses see of an object.
pub struct Seen<'a> {
    /// Values per slot.
    pub values: &'a [&'a [Value]],
    /// Number of links per linked attribute.
    pub link_counts: &'a [(Name, u64)],
}

impl Clause {
    pub(super) fn counted_link(&self) -> Option<&Name> {
        (self.operator == Operator::CountAtLeast).then_some(&self.attribute)
    }

    fn count(&self, seen: &Seen<'_>) -> u64 {
        let counts = seen.link_counts.iter();
        let mut counts = counts.filter(|(name, _)| name.eq_ignore_ascii_case(&self.attribute));
        counts.next().map_or(0, |(_, count)| *count)
    }

    fn values<'a>(&self, seen: &Seen<'a>) -> &'a [Value] {
        seen.values.get(self.slot).copied().unwrap_or_default()
    }

    /// The truth of the clause; `None`: unknown.
    pub fn truth(&self, seen: &Seen<'_>) -> Option<bool> {
        if self.operator == Operator::CountAtLeast {
            return Some(i64::try_from(self.count(seen)).unwrap_or(i64::MAX) >= self.integer);
        }
        let values = self.values(seen);
        match self.operator {
            Operator::IsNull => return Some(values.is_empty()),
            Operator::IsNotNull => return Some(!values.is_empty()),
            _ if values.is_empty() => return None,
            _ => {}
        }
        let is_negative = matches!(
            self.operator,
            Operator::NotEquals | Operator::NotRegexMatch | Operator::NotInList
        );
        let mut any = Some(false);
        for value in values {
            match self.holds(value) {
                Some(true) => {
                    any = Some(true);
                    break;
                }
                Some(false) => {}
                None => any = None,
            }
        }
        any.map(|any| any != is_negative)
    }

    /// The positive form of the operator on one value.
    fn holds(&self, value: &Value) -> Option<bool> {
        let operand = self.operands.first().map_or("", String::as_str);
        match self.operator {
            Operator::Equals | Operator::NotEquals | Operator::InList | Operator::NotInList => {
                Some(self.operands.iter().any(|operand| is_equal(value, operand)))
            }
            Operator::IsTrue => truth(value),
            Operator::IsFalse => truth(value).map(|truth| !truth),
            Operator::GreaterThan => value.as_integer().map(|number| number > self.integer),
            Operator::GreaterThanOrEquals => {
                value.as_integer().map(|number| number >= self.integer)
            }
            Operator::HasBits => value.as_integer().map(|number| number & self.integer != 0),
            Operator::RegexMatch | Operator::NotRegexMatch => {
                let regex = self.regex.as_ref()?;
                text(value).map(|text| regex.is_match(&text))
            }
            Operator::Includes => text(value).map(|text| text.contains(operand)),
            Operator::StartsWith => text(value).map(|text| text.starts_with(operand)),
            Operator::EndsWith => text(value).map(|text| text.ends_with(operand)),
            Operator::IsNull | Operator::IsNotNull | Operator::CountAtLeast => None,
        }
    }

    pub(super) fn result(&self, seen: &Seen<'_>) -> ClauseResult {
        let values = match self.operator {
            Operator::CountAtLeast => vec![self.count(seen).to_string()],
            _ => self
                .values(seen)
                .iter()
                .take(MAX_SHOWN_VALUES)
                .map(shown)
                .collect(),
        };
        let mut clause = format!("{} {}", self.attribute, self.operator.name());
        if !self.operands.is_empty() {
            clause.push(' ');
            clause.push_str(&self.operands.join(", "));
        }
        ClauseResult {
            clause,
            values,
            truth: self.truth(seen),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Binary(bytes) => format!("({} bytes)", bytes.len()),
        other => other.display().chars().take(MAX_SHOWN_CHARACTERS).collect(),
    }
}

fn text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(std::borrow::Cow::Borrowed(text)),
        Value::Binary(_) => None,
        other => Some(other.display().into()),
    }
}

fn is_equal(value: &Value, operand: &str) -> bool {
    match value {
        Value::Text(text) => **text == *operand,
        Value::Integer(number) => operand.trim().parse() == Ok(*number),
        Value::Boolean(_) => value.display().eq_ignore_ascii_case(operand.trim()),
        Value::Binary(_) => value.display() == operand,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(operator: &str, operands: &[&str]) -> Clause {
        let operator = Operator::from_name(operator).unwrap();
        let first = operands.first().copied().unwrap_or_default();
        Clause {
            attribute: "a".into(),
            slot: 0,
            operator,
            operands: operands.iter().map(|o| (*o).to_owned()).collect(),
            regex: operator.takes_regex().then(|| Regex::new(first).unwrap()),
            integer: first.parse().unwrap_or_default(),
        }
    }

    fn truth_of(operator: &str, operands: &[&str], values: &[Value]) -> Option<bool> {
        let counts = [("a".into(), 3)];
        clause(operator, operands).truth(&Seen {
            values: &[values],
            link_counts: &counts,
        })
    }

    #[test]
    fn a_missing_value_is_unknown_to_every_operator_but_the_null_tests() {
        for (name, operator) in Operator::NAMES {
            let expected = match operator {
                Operator::IsNull => Some(true),
                Operator::IsNotNull => Some(false),
                Operator::CountAtLeast => continue,
                _ => None,
            };
            assert_eq!(truth_of(name, &["1"], &[]), expected, "{name}");
        }
    }

    #[test]
    fn operators_hold_as_documented() {
        let (yes, no) = (Some(true), Some(false));
        type Case<'a> = (&'a str, &'a [&'a str], &'a [Value], Option<bool>);
        let cases: &[Case<'_>] = &[
            ("EQUALS", &["Sales"], &["Sales".into()], yes),
            ("EQUALS", &["sales"], &["Sales".into()], no),
            ("EQUALS", &["2"], &[2.into()], yes),
            ("EQUALS", &["true"], &[true.into()], yes),
            ("NOT EQUALS", &["x"], &["Sales".into()], yes),
            ("NOT EQUALS", &["a"], &["b".into(), "a".into()], no),
            ("IS TRUE", &[], &[true.into()], yes),
            ("IS TRUE", &[], &["TRUE".into()], yes),
            ("IS TRUE", &[], &["perhaps".into()], None),
            ("IS FALSE", &[], &[false.into()], yes),
            ("IS NULL", &[], &["x".into()], no),
            ("regex_match", &["^[1-9][0-9]$"], &[42.into()], yes),
            ("NOT REGEX MATCH", &["^a"], &["b".into()], yes),
            ("NOT REGEX MATCH", &["^a"], &["b".into(), "ab".into()], no),
            ("Greater_Than", &["5"], &[6.into()], yes),
            ("Greater_Than", &["5"], &["x".into()], None),
            ("Greater_Than_OR_EQUALS", &["5"], &[5.into()], yes),
            ("Includes", &["ale"], &["Sales".into()], yes),
            ("ENDS_WITH", &["les"], &["Sales".into()], yes),
            ("STARTS WITH", &["AAD_"], &["AAD_1".into()], yes),
            ("&", &["a", "b"], &["b".into()], yes),
            ("!&", &["a", "b"], &["c".into()], yes),
            ("HAS BITS", &["2"], &[514.into()], yes),
            ("HAS BITS", &["2"], &[512.into()], no),
            ("COUNT GREATER THAN OR EQUALS", &["3"], &[], yes),
            ("COUNT GREATER THAN OR EQUALS", &["4"], &[], no),
            ("INCLUDES", &["x"], &[Value::binary([0_u8])], None),
        ];
        for (operator, operands, values, expected) in cases {
            assert_eq!(
                truth_of(operator, operands, values),
                *expected,
                "{values:?} {operator} {operands:?}"
            );
        }
    }
}
