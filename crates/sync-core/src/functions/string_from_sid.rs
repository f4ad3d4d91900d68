//! `StringFromSid`.

use std::fmt::Write as _;

use super::prelude::*;

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
        Some(Value::Binary(bytes)) => sid_text(bytes)
            .map(one)
            .ok_or_else(|| a.fail("these bytes are no security identifier")),
        Some(Value::Text(text)) => Ok(one(Value::Text(text.clone()))),
        Some(_) => Err(a.fail("this is no security identifier")),
    }
}

/// # Source
/// MS-DTYP §2.4.2.2 SID--Packet Representation
fn sid_text(bytes: &[u8]) -> Option<String> {
    let [1, count, a, b, c, d, e, f, rest @ ..] = bytes else {
        return None;
    };
    if rest.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
    let mut text = format!("S-1-{authority}");
    for part in rest.chunks_exact(4) {
        let part = <[u8; 4]>::try_from(part).ok()?;
        write!(text, "-{}", u32::from_le_bytes(part)).ok()?;
    }
    Some(text)
}
