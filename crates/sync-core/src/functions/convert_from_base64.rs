//! `ConvertFromBase64`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::prelude::*;

pub(super) static CONVERT_FROM_BASE64: Function = Function {
    name: "ConvertFromBase64",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Each),
        optional("encoding", Takes::Text),
    ],
    manual: "The text that Base64 text stands for, in encoding Unicode (UTF-16LE, the default), ASCII or UTF8.",
    examples: &[
        (
            "ConvertFromBase64(\"SGVsbG8gd29ybGQh\", UTF8)",
            "\"Hello world!\"",
        ),
        ("ConvertFromBase64(\"SABpAA==\")", "\"Hi\""),
        (
            "ConvertFromBase64(\"?\")",
            "error: ConvertFromBase64: this is not Base64",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let bytes = BASE64
        .decode(source.trim())
        .map_err(|_| a.fail("this is not Base64"))?;
    let encoding = a.text(1)?;
    let text = match encoding.as_deref().unwrap_or("Unicode") {
        "Unicode" => utf16(&bytes),
        "ASCII" if bytes.is_ascii() => String::from_utf8(bytes).ok(),
        "UTF8" => String::from_utf8(bytes).ok(),
        "ASCII" => None,
        other => {
            return Err(a.fail(format!(
                "there is no encoding {other}: use Unicode, ASCII or UTF8"
            )));
        }
    };
    text.map(one)
        .ok_or_else(|| a.fail("the bytes are not text in this encoding"))
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| <[u8; 2]>::try_from(pair).ok().map(u16::from_le_bytes))
        .collect::<Option<_>>()?;
    String::from_utf16(&units).ok()
}
