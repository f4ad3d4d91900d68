//! `ConvertToUTF8Hex`.

use super::prelude::*;

pub(super) static CONVERT_TO_UTF8_HEX: Function = Function {
    name: "ConvertToUTF8Hex",
    origin: Origin::Both,
    parameters: &[required("source", Takes::Each)],
    manual: "The UTF-8 bytes of the text in hexadecimal, upper case.",
    examples: &[
        (
            "ConvertToUTF8Hex(\"Hello world!\")",
            "\"48656C6C6F20776F726C6421\"",
        ),
        ("ConvertToUTF8Hex(NULL)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| Some(text.bytes().map(|byte| format!("{byte:02X}")).collect()))
}
