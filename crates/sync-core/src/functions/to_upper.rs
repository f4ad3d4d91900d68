//! `ToUpper`.

use super::prelude::*;

pub(super) static TO_UPPER: Function = Function {
    name: "ToUpper",
    origin: Origin::Cloud,
    parameters: &[
        required("source", Takes::Each),
        optional("culture", Takes::Text),
    ],
    manual: "The text in upper case. The culture is accepted and has no effect.",
    examples: &[
        ("ToUpper(\"äb-c\")", "\"ÄB-C\""),
        ("ToUpper([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| Some(text.to_uppercase()))
}
