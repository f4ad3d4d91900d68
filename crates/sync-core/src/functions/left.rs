//! `Left`.

use super::prelude::*;

pub(super) static LEFT: Function = Function {
    name: "Left",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Each),
        required("length", Takes::Integer),
    ],
    manual: "The first characters. A negative length gives the whole text.",
    examples: &[
        ("Left(\"John Doe\", 3)", "\"Joh\""),
        ("Left(\"ab\", 5)", "\"ab\""),
        ("Left(\"ab\", 0)", "\"\""),
        ("Left(\"ab\", -1)", "\"ab\""),
        ("Left([missing], 3)", "NULL"),
        ("Left(\"äöü\", 2)", "\"äö\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let length = a.integer(1)?.unwrap_or(-1);
    let Ok(length) = usize::try_from(length) else {
        return a.values(0);
    };
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    Ok(match source.char_indices().nth(length) {
        None => one(Value::Text(source)),
        Some((end, _)) => one(source.get(..end).unwrap_or_default()),
    })
}
