//! `StringFromSid`.

use super::prelude::*;
use crate::sid;

pub(super) static STRING_FROM_SID: Function = Function {
    name: "StringFromSid",
    origin: Origin::Both,
    parameters: &[required("sid", Takes::Values)],
    manual: "The text form (S-1-…) of the bytes of a security identifier.",
    examples: &[
        ("StringFromSid([objectSid])", "\"S-1-5-21-1-2-3-1104\""),
        ("StringFromSid([missing])", "NULL"),
        (
            "StringFromSid([objectGUID])",
            "error: StringFromSid: these bytes are no security identifier",
        ),
    ],
    call: run,
    keeps_null: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    match a.values(0)?.first() {
        None => Ok(null()),
        Some(Value::Binary(bytes)) => sid::text(bytes)
            .map(one)
            .ok_or_else(|| a.fail("these bytes are no security identifier")),
        Some(Value::Text(text)) => Ok(one(Value::Text(text.clone()))),
        Some(_) => Err(a.fail("this is no security identifier")),
    }
}
