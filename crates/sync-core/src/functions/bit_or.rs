//! `BitOr`.

use super::prelude::*;

pub(super) static BIT_OR: Function = Function {
    name: "BitOr",
    origin: Origin::Connect,
    parameters: &[
        required("value1", Takes::Integer),
        required("value2", Takes::Integer),
    ],
    manual: "The bits set in either integer. Null if one of them is.",
    examples: &[("BitOr(5, 2)", "7"), ("BitOr(NULL, 2)", "NULL")],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(match (a.integer(0)?, a.integer(1)?) {
        (Some(left), Some(right)) => one(left | right),
        _ => null(),
    })
}
