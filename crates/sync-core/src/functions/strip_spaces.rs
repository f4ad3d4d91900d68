//! `StripSpaces`.

use super::prelude::*;

pub(super) static STRIP_SPACES: Function = Function {
    name: "StripSpaces",
    parameters: &[required("source", Takes::Text)],
    manual: "The text without any blanks (U+0020).",
    examples: &[
        ("StripSpaces(\"a b  c\")", "\"abc\""),
        ("StripSpaces([missing])", "NULL"),
    ],
    call: run,
    prepare: None,
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.each_text(|text| text.contains(' ').then(|| text.replace(' ', "")))
}
