//! `IsString`.

use super::prelude::*;

pub(super) static IS_STRING: Function = Function {
    name: "IsString",
    origin: Origin::Both,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is one value and it can be read as text.",
    examples: &[
        ("IsString(\"a\")", "True"),
        ("IsString([objectSid])", "False"),
        ("IsString([missing])", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(
        matches!(a.values(0)?.as_ref(), [value] if text_of(value).is_ok()),
    ))
}
