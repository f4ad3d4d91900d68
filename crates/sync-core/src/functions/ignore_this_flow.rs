//! `IgnoreThisFlow`.

use super::prelude::*;
use crate::expression::evaluate::Halt;

pub(super) static IGNORE_THIS_FLOW: Function = Function {
    name: "IgnoreThisFlow",
    origin: Origin::Connect,
    parameters: &[],
    manual: "Leaves the attribute as it is in the target. The word may stand without brackets.",
    examples: &[
        (
            "IIF([department] = \"Sales\", IgnoreThisFlow, \"x\")",
            "ignored",
        ),
        ("IIF([department] = \"IT\", IgnoreThisFlow, \"x\")", "\"x\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(_: &Arguments<'e>) -> Outcome<'e> {
    Err(Halt::Ignore)
}
