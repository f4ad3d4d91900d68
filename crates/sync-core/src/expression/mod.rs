//! The language of mapping expressions: text → [`ast::Expression`] → [`compile::Node`] → value.
//!
//! Evaluation is total: any input gives a value, or "leave this attribute alone", or a failure with a position; never a
//! panic, never an endless run. Every bound has a name below. Trap: there are no null values inside a list; null is the
//! empty list.

pub mod arithmetic;
pub mod ast;
pub mod compare;
pub mod compile;
pub mod evaluate;
mod lexer;
pub mod operand;
pub mod parse;
pub mod pattern;
pub mod position;
pub mod random;
pub mod steps;
pub mod trial;

use position::Position;

use crate::{code::Code, operation::Refusal};

// LIMIT: the originals allow 10 000 characters, which are at most 40 000 bytes of UTF-8.
/// Longest text of an expression, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 40_000;
// LIMIT: bounds the recursion of everything that walks an expression.
/// Deepest nesting of an expression.
pub const MAX_EXPRESSION_DEPTH: usize = 64;
// LIMIT: larger than any attribute of text a directory holds.
/// Largest text an expression may produce, in bytes.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
// LIMIT: larger than any attribute of several values that is not a link.
/// Largest number of values an expression may produce.
pub const MAX_VALUES: usize = 100_000;
// LIMIT: bounds time and memory of one evaluation together: every value that is looked at costs 1 and every 64 bytes of it
// 1, every value that is made 1 and every 16 bytes of it 1, and a search in a text what it may have to look at.
/// Most work one evaluation may do.
pub const MAX_WORK: u32 = 10_000_000;
// LIMIT: no pattern of a person is longer; compiling it takes time and memory in proportion to it.
/// Longest text of a regular expression, in bytes.
pub const MAX_PATTERN_BYTES: usize = 4_000;
// LIMIT: a search takes time in proportion to the product of the text and this.
/// Largest compiled size of a regular expression, in bytes.
pub const MAX_REGEX_BYTES: usize = 1 << 20;
// LIMIT: a search may look at the whole rest of the text for each match.
/// Longest text a regular expression searches, in bytes.
pub const MAX_SEARCHED_BYTES: usize = 1 << 16;
// LIMIT: an explanation is read by a person.
/// Largest number of steps kept in a trace.
pub const MAX_TRACE_STEPS: usize = 1_000;
// LIMIT: the values of all steps together.
/// Largest number of values kept in a trace.
pub const MAX_TRACE_VALUES: usize = 10_000;

/// A mistake in an expression, or a failure of one for an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({position})")]
pub struct Failure {
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where in the expression's text.
    pub position: Position,
    /// What would cure it, where that is known.
    pub cure: Option<String>,
}

impl Failure {
    /// A failure at this place.
    pub fn new(message: impl Into<String>, position: Position) -> Self {
        Self {
            message: message.into(),
            position,
            cure: None,
        }
    }

    /// With a cure.
    #[must_use]
    pub fn cured_by(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }
}

// LIMIT: mistakes told of one expression.
const MAX_MISTAKES_TOLD: usize = 10;

/// The refusal of an expression with these mistakes.
pub fn refusal(failures: &[Failure]) -> Refusal {
    let mut refusal = Refusal::new(Code::ExpressionInvalid);
    for (index, failure) in failures.iter().take(MAX_MISTAKES_TOLD).enumerate() {
        let name = match index {
            0 => "mistake".to_owned(),
            index => format!("mistake {}", index + 1),
        };
        let text = match &failure.cure {
            Some(cure) => format!("{failure}; {cure}"),
            None => failure.to_string(),
        };
        refusal = refusal.with(&name, text);
    }
    if let Some(first) = failures.first() {
        refusal = refusal
            .with("line", first.position.line.to_string())
            .with("character", first.position.column.to_string());
    }
    refusal
}

/// The known word nearest to `word`, if one is near enough to be meant.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_lowercase();
    let limit = 1 + folded.chars().count() / 4;
    known
        .into_iter()
        .map(|candidate| (edit_distance(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance; words longer than 100 characters are simply far apart.
fn edit_distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 100;
    let b: Vec<char> = b.chars().take(LONGEST + 1).collect();
    if b.len() > LONGEST || a.chars().nth(LONGEST).is_some() {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.windows(2)) {
            let [diagonal, up] = above else { continue };
            left = (left + 1).min(up + 1).min(diagonal + usize::from(x != *y));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_is_offered_only_when_near() {
        let known = ["Trim", "Left", "NormalizeDiacritics"];
        assert_eq!(did_you_mean("trim", known), Some("Trim"));
        assert_eq!(did_you_mean("Lfet", known), Some("Left"));
        assert_eq!(did_you_mean("Lookup", known), None);
        assert_eq!(
            did_you_mean("NormalizeDiacritcs", known),
            Some("NormalizeDiacritics")
        );
        assert_eq!(did_you_mean(&"x".repeat(500), known), None);
    }
}
