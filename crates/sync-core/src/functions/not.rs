//! `Not`.

use super::prelude::*;
use crate::expression::compare;

pub(super) static NOT: Function = Function {
    name: "Not",
    origin: Origin::Cloud,
    parameters: &[required("source", Takes::Boolean)],
    manual: "False for true; true for everything else, null included.",
    examples: &[
        ("Not(True)", "False"),
        ("Not(\"True\")", "False"),
        ("Not(False)", "True"),
        ("Not([missing])", "True"),
        ("Not(\"x\")", "True"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    Ok(one(
        !matches!(values.as_ref(), [value] if compare::truth(value) == Some(true)),
    ))
}
