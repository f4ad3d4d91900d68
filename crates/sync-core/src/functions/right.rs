//! `Right`.

use super::prelude::*;

pub(super) static RIGHT: Function = Function {
    name: "Right",
    origin: Origin::Connect,
    parameters: &[
        required("source", Takes::Each),
        required("length", Takes::Integer),
    ],
    manual: "The last characters.",
    examples: &[
        ("Right(\"John Doe\", 3)", "\"Doe\""),
        ("Right(\"ab\", 5)", "\"ab\""),
        ("Right([missing], 1)", "NULL"),
        ("Right(\"äöü\", 2)", "\"öü\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let length = usize::try_from(a.integer(1)?.unwrap_or_default())
        .map_err(|_| a.fail("the length is negative"))?;
    let skipped = source.chars().count().saturating_sub(length);
    Ok(one(source.chars().skip(skipped).collect::<String>()))
}
