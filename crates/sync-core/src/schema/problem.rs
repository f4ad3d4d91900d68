//! A mistake in rules, with the place, and what cures it.
//!
//! Never a panic, never only the first. Trap: the path is a JSON path, counted from 0, as tools expect it.

use super::limits::MAX_SUGGESTIONS;
use crate::{code::Code, expression::did_you_mean};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}{}", .cure.as_ref().map_or(String::new(), |cure| format!("; {cure}")))]
pub struct Problem {
    /// JSON path (`$.synchronizationRules[0].objectMappings[1].scope`).
    pub path: String,
    /// The code.
    pub code: Code,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What would cure it, where that is known.
    pub cure: Option<String>,
}

/// Suggestions, of which only so many are made: each compares a word with every known one.
#[derive(Default)]
pub(super) struct Suggestions(usize);

impl Suggestions {
    /// "did you mean …?", if a known word is near.
    pub fn cure<'a>(
        &mut self,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        if self.0 >= MAX_SUGGESTIONS {
            return None;
        }
        self.0 += 1;
        did_you_mean(word, known).map(|near| format!("did you mean {near}?"))
    }
}
