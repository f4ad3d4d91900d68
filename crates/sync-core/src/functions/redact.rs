//! `Redact`.

use super::prelude::*;

pub(super) static REDACT: Function = Function {
    name: "Redact",
    origin: Origin::Cloud,
    parameters: &[required("value", Takes::Values)],
    manual: "The value itself, which flows, but shows as \"[Redact]\" wherever the evaluation is explained.",
    examples: &[
        ("Redact(\"secret\")", "\"secret\""),
        ("Redact([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    if let Some(steps) = a.environment().steps {
        steps.borrow_mut().hide();
    }
    a.values(0)
}
