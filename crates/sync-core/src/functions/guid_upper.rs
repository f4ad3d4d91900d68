//! `GUID`.

use super::prelude::*;
use crate::expression::random::Stream;

pub(super) static GUID_UPPER: Function = Function {
    name: "GUID",
    origin: Origin::Both,
    parameters: &[],
    manual: "A random GUID. The same object and attribute always get the same one, so that nothing changes when rules are evaluated again.",
    examples: &[
        ("Len(GUID())", "36"),
        ("IsGuid(GUID())", "True"),
        ("With($g, GUID(), Mid($g, 15, 1))", "\"4\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let bytes = a.random(Stream::bytes)?;
    let guid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(one(guid.to_string()))
}
