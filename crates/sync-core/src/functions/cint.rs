//! `CInt`.

use super::prelude::*;

pub(super) static CINT: Function = Function {
    name: "CInt",
    origin: Origin::Own,
    parameters: &[required("value", Takes::Integer)],
    manual: "The value as an integer: the same as CNum.",
    examples: &[("CInt(\"42\")", "42"), ("CInt(NULL)", "NULL")],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(a.integer(0)?.map_or_else(null, one))
}
