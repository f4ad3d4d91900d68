//! Small things about text that several functions share. Never allocates for comparison by bytes.
//!
//! Trap: positions are counted in characters, not bytes.

use crate::{
    expression::evaluate::{Arguments, Halt},
    value::Value,
};

/// How two texts are compared.
#[derive(Clone, Copy)]
pub(super) enum Comparison {
    Binary,
    Text,
}

impl Comparison {
    /// The comparison an argument asks for; by bytes if it is blank.
    pub(super) fn of(a: &Arguments<'_>, index: usize) -> Result<Self, Halt> {
        match a.text(index)?.as_deref() {
            None | Some("vbBinaryCompare" | "0") => Ok(Self::Binary),
            Some("vbTextCompare" | "1") => Ok(Self::Text),
            Some(other) => Err(a.fail(format!(
                "there is no comparison {other}: use vbTextCompare or vbBinaryCompare"
            ))),
        }
    }

    /// The number of characters before the first occurrence.
    pub(super) fn find(self, text: &str, wanted: &str) -> Option<usize> {
        let characters_before = |text: &str, at: usize| text.get(..at).map(|s| s.chars().count());
        match self {
            Self::Binary => characters_before(text, text.find(wanted)?),
            Self::Text => {
                let folded: Vec<String> =
                    text.chars().map(|c| c.to_lowercase().collect()).collect();
                let wanted = wanted.to_lowercase();
                let mut offsets = folded.iter().scan(0, |sum, c| {
                    let at = *sum;
                    *sum += c.len();
                    Some(at)
                });
                let at = folded.concat().find(&wanted)?;
                offsets.position(|offset| offset >= at)
            }
        }
    }
}

/// A position counted from 1.
pub(super) fn index_from_1(index: usize) -> i64 {
    i64::try_from(index + 1).unwrap_or(i64::MAX)
}

/// Whether there is no value, or nothing but empty texts.
pub(super) fn is_null_or_empty(values: &[Value]) -> bool {
    values
        .iter()
        .all(|value| matches!(value, Value::Text(text) if text.is_empty()))
}
