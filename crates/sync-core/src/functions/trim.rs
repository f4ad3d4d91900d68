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
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    let is_clean = |value: &Value| match value {
        Value::Text(text) => text.trim().len() == text.len(),
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
