//! `Prepend`.

use super::prelude::*;

pub(super) static PREPEND: Function = Function {
    name: "Prepend",
    origin: Origin::Cloud,
    parameters: &[
        required("source", Takes::Each),
        required("prefix", Takes::Text),
    ],
    manual: "Puts the prefix before the source. A null source stays null.",
    examples: &[
        ("Prepend(\"anna\", \"t-\")", "\"t-anna\""),
        ("Prepend([missing], \"x\")", "NULL"),
        ("Prepend(\"a\", NULL)", "\"a\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let mut text = a.text(1)?.unwrap_or_default().to_string();
    push_bounded(&mut text, &source).map_err(|message| a.fail(message))?;
    Ok(one(text))
}
