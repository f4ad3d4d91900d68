//! `StringFromGuid`.

use super::prelude::*;
use crate::id::Anchor;

pub(super) static STRING_FROM_GUID: Function = Function {
    name: "StringFromGuid",
    origin: Origin::Connect,
    parameters: &[required("guid", Takes::Values)],
    manual: "The text form of the 16 bytes of a GUID, lower case.",
    examples: &[
        (
            "StringFromGuid([objectGUID])",
            "\"03020100-0504-0706-0809-0a0b0c0d0e0f\"",
        ),
        ("StringFromGuid([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    match a.values(0)?.first() {
        None => Ok(null()),
        Some(Value::Binary(bytes)) => Ok(one(Anchor::new(&**bytes).guid_text())),
        Some(Value::Text(text)) => Ok(one(Value::Text(text.clone()))),
        Some(_) => Err(a.fail("this is not a GUID")),
    }
}
