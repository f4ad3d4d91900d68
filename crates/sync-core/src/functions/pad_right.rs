//! `PadRight`.

use super::prelude::*;
use super::texts::padding;

pub(super) static PAD_RIGHT: Function = Function {
    name: "PadRight",
    origin: Origin::Connect,
    parameters: &[
        required("source", Takes::Each),
        required("length", Takes::Integer),
        required("padCharacter", Takes::Text),
    ],
    manual: "Puts a character after the text until it has this length. A text that is long enough stays as it is.",
    examples: &[
        ("PadRight(\"User\", 10, \"0\")", "\"User000000\""),
        ("PadRight(\"User\", 3, \"0\")", "\"User\""),
        ("PadRight(\"ä\", 2, \"€\")", "\"ä€\""),
        ("PadRight([missing], 3, \"0\")", "NULL"),
        (
            "PadRight(\"a\", 3, \"xy\")",
            "error: PadRight: the padding is not one character",
        ),
        (
            "PadRight(\"a\", 9999999, \"x\")",
            "error: PadRight: the text would be longer than 1048576 bytes",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let padding = padding(a, &source)?;
    let mut text = source.to_string();
    text.push_str(&padding);
    Ok(one(text))
}
