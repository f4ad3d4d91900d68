//! `LTrim`.

use super::prelude::*;

pub(super) static LTRIM: Function = Function {
    name: "LTrim",
    origin: Origin::Connect,
    parameters: &[required("source", Takes::Each)],
    manual: "The text without white space at its beginning.",
    examples: &[
        ("LTrim(\" Test \")", "\"Test \""),
        ("LTrim([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| Some(text.trim_start().to_owned()))
}
