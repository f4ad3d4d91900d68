//! `IsNumeric`.

use super::prelude::*;

pub(super) static IS_NUMERIC: Function = Function {
    name: "IsNumeric",
    origin: Origin::Connect,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is one value and CNum can read it.",
    examples: &[
        ("IsNumeric(\"-7\")", "True"),
        ("IsNumeric(5)", "True"),
        ("IsNumeric(\"x\")", "False"),
        ("IsNumeric([missing])", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    Ok(one(
        matches!(values.as_ref(), [value] if value.as_integer().is_some()),
    ))
}
