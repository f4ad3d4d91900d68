//! `ToLower`.

use super::prelude::*;

pub(super) static TO_LOWER: Function = Function {
    name: "ToLower",
    origin: Origin::Cloud,
    parameters: &[
        required("source", Takes::Each),
        optional("culture", Takes::Text),
    ],
    manual: "The text in lower case. The culture is accepted and has no effect.",
    examples: &[
        ("ToLower(\"ÄB-C\")", "\"äb-c\""),
        ("ToLower(\"AB\", \"en-US\")", "\"ab\""),
        ("ToLower([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| Some(text.to_lowercase()))
}
