//! `SelectUniqueValue`.

use super::{Place, prelude::*};
use crate::expression::evaluate::Halt;

// LIMIT: each candidate is a question to the target.
const MAX_CANDIDATES: usize = 100;

pub(super) static SELECT_UNIQUE_VALUE: Function = Function {
    name: "SelectUniqueValue",
    origin: Origin::Cloud,
    parameters: &[
        required("uniqueValueRule1", Takes::Text),
        required("uniqueValueRule2", Takes::Text),
        repeated("uniqueValueRule", Takes::Text),
    ],
    manual: "The first of the candidates, in order, that no object of the target holds. It may only stand at the outside of an expression, is used when an object is created, and leaves objects alone that are in the target already. If none is free the object waits.",
    examples: &[
        (
            "SelectUniqueValue(\"a.b\", \"a.b1\")",
            "Split(\"a.b,a.b1\", \",\")",
        ),
        (
            "SelectUniqueValue([mail], [missing], \"\", \"x\")",
            "Split(\"anna@canal.example,x\", \",\")",
        ),
        ("SelectUniqueValue([missing], \"\")", "NULL"),
    ],
    call: run,
    place: Place::Top,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    if a.environment().held.is_some() {
        return Err(Halt::Ignore);
    }
    if a.len() > MAX_CANDIDATES {
        return Err(a.fail(format!("more than {MAX_CANDIDATES} candidates")));
    }
    a.environment().is_choice.set(true);
    let mut all: Vec<Value> = Vec::new();
    for index in 0..a.len() {
        if let Some(text) = a.text(index)?.filter(|text| !text.is_empty()) {
            let candidate = Value::Text(text);
            if !all.contains(&candidate) {
                all.push(candidate);
            }
        }
    }
    Ok(Operand::Owned(all))
}
