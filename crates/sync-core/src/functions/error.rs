//! `Error`.

use super::prelude::*;

pub(super) static ERROR: Function = Function {
    name: "Error",
    origin: Origin::Both,
    parameters: &[required("message", Takes::Text)],
    manual: "Fails this attribute of the object with the message.",
    examples: &[
        (
            "Error(\"no account name\")",
            "error: Error: no account name",
        ),
        ("IIF(1 = 1, \"x\", Error(\"no\"))", "\"x\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let message = a.text(0)?;
    Err(a.fail(message.as_deref().unwrap_or_default()))
}
