//! `ConvertToBase64`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::prelude::*;

pub(super) static CONVERT_TO_BASE64: Function = Function {
    name: "ConvertToBase64",
    origin: Origin::Both,
    parameters: &[required("source", Takes::Values)],
    manual: "Base64 of bytes as they are, or of text in UTF-16LE.",
    examples: &[
        (
            "ConvertToBase64(\"Hello world!\")",
            "\"SABlAGwAbABvACAAdwBvAHIAbABkACEA\"",
        ),
        (
            "ConvertToBase64([objectGUID])",
            "\"AAECAwQFBgcICQoLDA0ODw==\"",
        ),
        ("ConvertToBase64([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    if let [Value::Binary(bytes)] = &*values {
        return Ok(one(BASE64.encode(bytes)));
    }
    let encoded = values.iter().map(|value| {
        Value::from(match value {
            Value::Binary(bytes) => BASE64.encode(bytes),
            other => {
                let units = other
                    .display()
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<_>>();
                BASE64.encode(units)
            }
        })
    });
    Ok(Operand::Owned(encoded.collect()))
}
