//! `Trim`.

use super::prelude::*;

pub(super) static TRIM: Function = Function {
    name: "Trim",
    origin: Origin::Both,
    parameters: &[required("source", Takes::Values)],
    manual: "The text without white space at both ends. Of several values, each; numbers and bytes stay as they are.",
    examples: &[
        ("Trim(\"  a b \")", "\"a b\""),
        ("Trim([missing])", "NULL"),
        ("Trim(\"   \")", "\"\""),
        ("Join(\"|\", Trim([description]))", "\"one|two\""),
        ("Trim(5)", "5"),
    ],
    call: run,
    keeps_null: true,
    keeps_clean_text: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    let is_clean = |value: &Value| match value {
        Value::Text(text) => has_clean_ends(text),
        _ => true,
    };
    if values.iter().all(is_clean) {
        return Ok(values);
    }
    let trimmed = values.iter().map(|value| match value {
        Value::Text(text) => Value::from(text.trim()),
        other => other.clone(),
    });
    Ok(Operand::Owned(trimmed.collect()))
}

/// Whether nothing is to be trimmed. The ends of most texts are ASCII, which is quickly seen.
/// Whether a text begins and ends without white space; of most, two bytes tell.
pub(crate) fn has_clean_ends(text: &str) -> bool {
    let is_plain = |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii_graphic());
    let bytes = text.as_bytes();
    (is_plain(bytes.first()) && is_plain(bytes.last())) || text.trim().len() == text.len()
}
