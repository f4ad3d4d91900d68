//! `Len`.

use super::prelude::*;

pub(super) static LEN: Function = Function {
    name: "Len",
    origin: Origin::Connect,
    parameters: &[required("source", Takes::Each)],
    manual: "The number of characters; 0 for null.",
    examples: &[("Len(\"äöü\")", "3"), ("Len([missing])", "0")],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let length = a.text(0)?.map_or(0, |text| text.chars().count());
    Ok(one(i64::try_from(length).unwrap_or(i64::MAX)))
}
