//! `StripSpaces`.

use super::prelude::*;

pub(super) static STRIP_SPACES: Function = Function {
    name: "StripSpaces",
    origin: Origin::Cloud,
    parameters: &[required("source", Takes::Each)],
    manual: "The text without any blanks (U+0020).",
    examples: &[
        ("StripSpaces(\"a b  c\")", "\"abc\""),
        ("StripSpaces([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| text.contains(' ').then(|| text.replace(' ', "")))
}
