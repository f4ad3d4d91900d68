//! `Mid`.

use super::prelude::*;

pub(super) static MID: Function = Function {
    name: "Mid",
    parameters: &[
        required("source", Takes::Text),
        required("start", Takes::Integer),
        optional("length", Takes::Integer),
    ],
    manual: "Characters from a position on, counted from 1; to the end without a length or with one that is too long.",
    examples: &[
        ("Mid(\"John Doe\", 3, 5)", "\"hn Do\""),
        ("Mid(\"John Doe\", 6)", "\"Doe\""),
        ("Mid(\"ab\", 9, 2)", "\"\""),
        ("Mid([missing], 1, 2)", "NULL"),
        ("Mid(\"ab\", 0, 1)", "error: Mid: positions begin at 1"),
    ],
    call: run,
    prepare: None,
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let start = a.integer(1)?.unwrap_or_default();
    let skipped = usize::try_from(start - 1).map_err(|_| a.fail("positions begin at 1"))?;
    let length = match a.integer(2)? {
        None => usize::MAX,
        Some(length) => usize::try_from(length).map_err(|_| a.fail("the length is negative"))?,
    };
    Ok(one(source
        .chars()
        .skip(skipped)
        .take(length)
        .collect::<String>()))
}
