//! `RTrim`.

use super::prelude::*;

pub(super) static RTRIM: Function = Function {
    name: "RTrim",
    origin: Origin::Connect,
    parameters: &[required("source", Takes::Each)],
    manual: "The text without white space at its end.",
    examples: &[
        ("RTrim(\" Test \")", "\" Test\""),
        ("RTrim([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| Some(text.trim_end().to_owned()))
}
