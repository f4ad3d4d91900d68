//! `IsGuid`.

use super::cguid::guid_bytes;
use super::prelude::*;

pub(super) static IS_GUID: Function = Function {
    name: "IsGuid",
    origin: Origin::Connect,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is one value and CGuid can read it.",
    examples: &[
        ("IsGuid(\"00001111-aaaa-2222-bbbb-3333cccc4444\")", "True"),
        ("IsGuid(\"{00001111-aaaa-2222-bbbb-3333cccc4444}\")", "True"),
        ("IsGuid(\"00001111aaaa2222bbbb3333cccc4444\")", "False"),
        ("IsGuid([missing])", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    let is_guid = |value: &Value| text_of(value).is_ok_and(|text| guid_bytes(&text).is_some());
    Ok(one(matches!(values.as_ref(), [value] if is_guid(value))))
}
