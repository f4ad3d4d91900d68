//! `ConvertFromUTF8Hex`.

use super::prelude::*;

pub(super) static CONVERT_FROM_UTF8_HEX: Function = Function {
    name: "ConvertFromUTF8Hex",
    origin: Origin::Connect,
    parameters: &[required("source", Takes::Each)],
    manual: "The text that hexadecimal UTF-8 bytes stand for.",
    examples: &[
        (
            "ConvertFromUTF8Hex(\"48656C6C6F20776F726C6421\")",
            "\"Hello world!\"",
        ),
        ("ConvertFromUTF8Hex(ConvertToUTF8Hex(\"ä€\"))", "\"ä€\""),
        ("ConvertFromUTF8Hex(NULL)", "NULL"),
        (
            "ConvertFromUTF8Hex(\"4\")",
            "error: ConvertFromUTF8Hex: these are not the bytes of a text",
        ),
        (
            "ConvertFromUTF8Hex(\"FF\")",
            "error: ConvertFromUTF8Hex: these are not the bytes of a text",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let text = bytes(&source).and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(one)
        .ok_or_else(|| a.fail("these are not the bytes of a text"))
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}
