//! Small things about text that several functions share. Never allocates for comparison by bytes.
//!
//! Trap: positions are counted in characters, not bytes.

use crate::{
    expression::{
        MAX_TEXT_BYTES,
        evaluate::{Arguments, Halt},
    },
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
            None | Some("vbBinaryCompare" | "CaseSensitive" | "0") => Ok(Self::Binary),
            Some("vbTextCompare" | "CaseInsensitive" | "1") => Ok(Self::Text),
            Some(other) => Err(a.fail(format!(
                "there is no comparison {other}: use vbTextCompare or vbBinaryCompare"
            ))),
        }
    }

    /// The number of characters before the first occurrence.
    pub(super) fn find(self, text: &str, wanted: &str) -> Option<usize> {
        match self {
            Self::Binary => characters_before(text, text.find(wanted)?),
            Self::Text => folded(text, |text| text.find(&wanted.to_lowercase())),
        }
    }

    /// The number of characters before the last occurrence.
    pub(super) fn find_last(self, text: &str, wanted: &str) -> Option<usize> {
        match self {
            Self::Binary => characters_before(text, text.rfind(wanted)?),
            Self::Text => folded(text, |text| text.rfind(&wanted.to_lowercase())),
        }
    }
}

fn characters_before(text: &str, at: usize) -> Option<usize> {
    text.get(..at).map(|before| before.chars().count())
}

/// The number of characters before what is found in the text in lower case, which may have other lengths.
fn folded(text: &str, find: impl FnOnce(&str) -> Option<usize>) -> Option<usize> {
    let lower: Vec<String> = text.chars().map(|c| c.to_lowercase().collect()).collect();
    let at = find(&lower.concat())?;
    let mut ends = lower.iter().scan(0, |sum, c| {
        *sum += c.len();
        Some(*sum)
    });
    ends.position(|end| end > at).or(Some(lower.len()))
}

/// What has to be put to a text so that it has the length in argument 1, made of the character in argument 2.
pub(super) fn padding(a: &Arguments<'_>, source: &str) -> Result<String, Halt> {
    let wanted = a.integer(1)?.unwrap_or_default();
    let wanted = usize::try_from(wanted).unwrap_or_default();
    let character = a.text(2)?.unwrap_or_default();
    if character.chars().count() != 1 {
        return Err(a.fail("the padding is not one character"));
    }
    let missing = wanted.saturating_sub(source.chars().count());
    match missing.checked_mul(character.len()) {
        Some(bytes) if bytes + source.len() <= MAX_TEXT_BYTES => Ok(character.repeat(missing)),
        _ => Err(a.fail(format!(
            "the text would be longer than {MAX_TEXT_BYTES} bytes"
        ))),
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
