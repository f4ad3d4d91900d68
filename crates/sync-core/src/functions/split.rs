//! `Split`.

use super::prelude::*;
use crate::expression::MAX_VALUES;

pub(super) static SPLIT: Function = Function {
    name: "Split",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Text),
        required("delimiter", Takes::Text),
        optional("limit", Takes::Integer),
    ],
    manual: "The parts of a text between delimiters, as several values, without blanks around them. Empty parts are left out. With a limit there are at most so many, and the last one holds the rest.",
    examples: &[
        ("Count(Split(\"A, B\", \",\"))", "2"),
        ("Item(Split(\"A, B\", \",\"), 2)", "\"B\""),
        ("Item(Split(\"anna@canal.example\", \"@\"), 1)", "\"anna\""),
        ("Split([missing], \",\")", "NULL"),
        ("Item(Split(\"a,b,c\", \",\", 2), 2)", "\"b,c\""),
        (
            "Count(Split(\"SMTP:john.doe@contoso.example,smtp:jd@contoso.example\", \",\"))",
            "2",
        ),
        (
            "Split(\"a\", \",\", 0)",
            "error: Split: the limit is less than 1",
        ),
        ("Split(\"a\", \"\")", "error: Split: the delimiter is empty"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let delimiter = a.text(1)?.unwrap_or_default();
    if delimiter.is_empty() {
        return Err(a.fail("the delimiter is empty"));
    }
    let limit = match a.integer(2)? {
        None => MAX_VALUES + 1,
        Some(limit @ 1..) => usize::try_from(limit).unwrap_or(usize::MAX),
        Some(_) => return Err(a.fail("the limit is less than 1")),
    };
    let parts = source
        .splitn(limit.min(MAX_VALUES + 1), &*delimiter)
        .map(str::trim)
        .filter(|part| !part.is_empty());
    Ok(Operand::Owned(parts.map(Value::from).collect()))
}
