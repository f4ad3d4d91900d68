//! `CNum`.

use super::prelude::*;

pub(super) static CNUM: Function = Function {
    name: "CNum",
    origin: Origin::Connect,
    parameters: &[required("value", Takes::Integer)],
    manual: "The value as an integer; text must be a decimal number.",
    examples: &[
        ("CNum(\"-7\")", "-7"),
        ("CNum(True)", "1"),
        ("CNum(\"x\")", "error: CNum: argument 1 is no integer"),
        ("CNum(NULL)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(a.integer(0)?.map_or_else(null, one))
}
