//! `CGuid`.

use super::prelude::*;

pub(super) static CGUID: Function = Function {
    name: "CGuid",
    origin: Origin::Connect,
    parameters: &[required("guid", Takes::Each)],
    manual: "The 16 bytes of a GUID in text form, with or without braces, in the order Active Directory stores them.",
    examples: &[
        (
            "ConvertToBase64(CGuid(\"03020100-0504-0706-0809-0a0b0c0d0e0f\"))",
            "\"AAECAwQFBgcICQoLDA0ODw==\"",
        ),
        ("CGuid([missing])", "NULL"),
        (
            "StringFromGuid(CGuid(\"{03020100-0504-0706-0809-0A0B0C0D0E0F}\"))",
            "\"03020100-0504-0706-0809-0a0b0c0d0e0f\"",
        ),
        ("CGuid(\"x\")", "error: CGuid: this is no GUID"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(text) = a.text(0)? else {
        return Ok(null());
    };
    let bytes = guid_bytes(&text).ok_or_else(|| a.fail("this is no GUID"))?;
    Ok(one(Value::binary(bytes)))
}

/// The bytes of a GUID in text form; `None`: it is none.
pub(super) fn guid_bytes(text: &str) -> Option<[u8; 16]> {
    let bare = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let is_hyphenated = bare.len() == 36;
    is_hyphenated
        .then(|| uuid::Uuid::parse_str(bare).ok())?
        .map(|guid| guid.to_bytes_le())
}
