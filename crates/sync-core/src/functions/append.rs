//! `Append`.

use super::prelude::*;

pub(super) static APPEND: Function = Function {
    name: "Append",
    origin: Origin::Cloud,
    parameters: &[
        required("source", Takes::Each),
        required("suffix", Takes::Text),
    ],
    manual: "Puts the suffix after the source. A null source stays null.",
    examples: &[
        ("Append(\"anna\", \".test\")", "\"anna.test\""),
        ("Append(NULL, \"x\")", "NULL"),
        ("Append(\"a\", NULL)", "\"a\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let mut text = source.to_string();
    if let Some(suffix) = a.text(1)? {
        push_bounded(&mut text, &suffix).map_err(|message| a.fail(message))?;
    }
    Ok(one(text))
}
