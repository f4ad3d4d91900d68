//! `Mid`.

use super::prelude::*;

pub(super) static MID: Function = Function {
    name: "Mid",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Each),
        required("start", Takes::Integer),
        optional("length", Takes::Integer),
    ],
    manual: "Characters from a position on, counted from 1; to the end without a length or with one that is too long. The whole text if the position is not within it or the length is negative.",
    examples: &[
        ("Mid(\"John Doe\", 3, 5)", "\"hn Do\""),
        ("Mid(\"John Doe\", 6)", "\"Doe\""),
        ("Mid(\"ab\", 9, 2)", "\"ab\""),
        ("Mid(\"ab\", 0, 1)", "\"ab\""),
        ("Mid(\"ab\", 1, -1)", "\"ab\""),
        ("Mid(\"ab\", 2, 0)", "\"\""),
        ("Mid([missing], 1, 2)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let start = a.integer(1)?.unwrap_or_default();
    let length = a.integer(2)?.unwrap_or(i64::MAX);
    let skipped = start
        .checked_sub(1)
        .and_then(|start| usize::try_from(start).ok());
    let (Some(skipped), Ok(length)) = (skipped, usize::try_from(length)) else {
        return Ok(one(Value::Text(source)));
    };
    let Some((offset, _)) = source.char_indices().nth(skipped) else {
        return Ok(one(Value::Text(source)));
    };
    let rest = source.get(offset..).unwrap_or_default();
    Ok(one(rest.chars().take(length).collect::<String>()))
}
