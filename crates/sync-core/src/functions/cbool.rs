//! `CBool`.

use super::prelude::*;

pub(super) static CBOOL: Function = Function {
    name: "CBool",
    origin: Origin::Both,
    parameters: &[required("expression", Takes::Boolean)],
    manual: "The truth of a comparison, a number (0 is false) or the words true and false. Unknown stays null.",
    examples: &[
        ("CBool([department] = \"Sales\")", "True"),
        ("CBool(0)", "False"),
        ("CBool(\"TRUE\")", "True"),
        ("CBool([missing] = \"x\")", "NULL"),
        (
            "CBool(\"maybe\")",
            "error: CBool: \"maybe\" is no truth value",
        ),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(truth_or_null(a.truth(0)?))
}
