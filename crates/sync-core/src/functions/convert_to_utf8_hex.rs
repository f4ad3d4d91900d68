//! `ConvertToUTF8Hex`.

use super::prelude::*;

pub(super) static CONVERT_TO_UTF8_HEX: Function = Function {
    name: "ConvertToUTF8Hex",
    parameters: &[required("source", Takes::Text)],
    manual: "The UTF-8 bytes of the text in hexadecimal, upper case.",
    examples: &[
        (
            "ConvertToUTF8Hex(\"Hello world!\")",
            "\"48656C6C6F20776F726C6421\"",
        ),
        ("ConvertToUTF8Hex(NULL)", "NULL"),
    ],
    call: run,
    prepare: None,
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.each_text(|text| Some(text.bytes().map(|byte| format!("{byte:02X}")).collect()))
}
