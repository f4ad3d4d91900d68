//! `LCase`.

use super::prelude::*;

pub(super) static LCASE: Function = Function {
    name: "LCase",
    origin: Origin::Connect,
    parameters: &[required("source", Takes::Each)],
    manual: "The text in lower case.",
    examples: &[
        ("LCase(\"TeSt\")", "\"test\""),
        ("LCase([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| Some(text.to_lowercase()))
}
