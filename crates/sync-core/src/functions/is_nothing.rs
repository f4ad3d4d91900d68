//! `IsNothing`.

use super::prelude::*;

pub(super) static IS_NOTHING: Function = Function {
    name: "IsNothing",
    origin: Origin::Cloud,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is no value: the same as IsNull.",
    examples: &[
        ("IsNothing([missing])", "True"),
        ("IsNothing(\"\")", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(a.values(0)?.is_empty()))
}
