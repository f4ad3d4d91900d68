//! `PadLeft`.

use super::prelude::*;
use super::texts::padding;

pub(super) static PAD_LEFT: Function = Function {
    name: "PadLeft",
    origin: Origin::Connect,
    parameters: &[
        required("source", Takes::Each),
        required("length", Takes::Integer),
        required("padCharacter", Takes::Text),
    ],
    manual: "Puts a character before the text until it has this length. A text that is long enough stays as it is.",
    examples: &[
        ("PadLeft(\"User\", 10, \"0\")", "\"000000User\""),
        ("PadLeft(\"User\", 3, \"0\")", "\"User\""),
        ("PadLeft(\"ä\", 2, \"€\")", "\"€ä\""),
        ("PadLeft([missing], 3, \"0\")", "NULL"),
        (
            "PadLeft(\"a\", 3, \"xy\")",
            "error: PadLeft: the padding is not one character",
        ),
        (
            "PadLeft(\"a\", 9999999, \"x\")",
            "error: PadLeft: the text would be longer than 1048576 bytes",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let mut padding = padding(a, &source)?;
    padding.push_str(&source);
    Ok(one(padding))
}
