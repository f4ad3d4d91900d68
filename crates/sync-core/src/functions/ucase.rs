//! `UCase`.

use super::prelude::*;

pub(super) static UCASE: Function = Function {
    name: "UCase",
    origin: Origin::Connect,
    parameters: &[required("source", Takes::Each)],
    manual: "The text in upper case.",
    examples: &[
        ("UCase(\"TeSt\")", "\"TEST\""),
        ("UCase([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| Some(text.to_uppercase()))
}
