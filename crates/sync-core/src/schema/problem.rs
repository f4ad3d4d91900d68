//! A mistake in rules, with the place, and what cures it.
//!
//! Never a panic, never only the first. Trap: the path is a JSON path, counted from 0, as tools expect it.

use crate::code::Code;

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
