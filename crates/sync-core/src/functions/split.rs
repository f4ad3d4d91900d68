//! `Split`.

use super::prelude::*;
use crate::expression::MAX_VALUES;

pub(super) static SPLIT: Function = Function {
    name: "Split",
    parameters: &[
        required("source", Takes::Text),
        required("delimiter", Takes::Text),
    ],
    manual: "The parts of a text between delimiters, as several values, without blanks around them. Empty parts are left out.",
    examples: &[
        ("Count(Split(\"A, B\", \",\"))", "2"),
        ("Item(Split(\"A, B\", \",\"), 2)", "\"B\""),
        ("Item(Split(\"anna@canal.example\", \"@\"), 1)", "\"anna\""),
        ("Split([missing], \",\")", "NULL"),
        ("Split(\"a\", \"\")", "error: Split: the delimiter is empty"),
    ],
    call: run,
    prepare: None,
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let delimiter = a.text(1)?.unwrap_or_default();
    if delimiter.is_empty() {
        return Err(a.fail("the delimiter is empty"));
    }
    let parts = source
        .split(&*delimiter)
        .map(str::trim)
        .filter(|part| !part.is_empty());
    Ok(Operand::Owned(
        parts.take(MAX_VALUES + 1).map(Value::from).collect(),
    ))
}
