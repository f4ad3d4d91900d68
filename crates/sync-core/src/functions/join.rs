//! `Join`.

use super::prelude::*;

pub(super) static JOIN: Function = Function {
    name: "Join",
    parameters: &[
        required("separator", Takes::Text),
        repeated("source", Takes::Values),
    ],
    manual: "Puts all values of all arguments after the first into one text, with the separator between them. Null and empty values contribute nothing; if nothing is left the result is null.",
    examples: &[
        ("Join(\", \", \"\", \"Doe\", \"John\")", "\"Doe, John\""),
        (
            "Join(\"@\", [sAMAccountName], %Domain.FQDN%)",
            "\"anna@canal.example\"",
        ),
        ("Join(\";\", Split(\"a,b\", \",\"), \"c\")", "\"a;b;c\""),
        ("Join(\",\", [missing], \"\")", "NULL"),
    ],
    call: run,
    prepare: None,
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let separator = a.text(0)?.unwrap_or_default();
    let mut joined = String::new();
    for index in 1..a.len() {
        for value in a.values(index)?.iter() {
            let text = text_of(value).map_err(|message| a.fail(message))?;
            if text.is_empty() {
                continue;
            }
            let glue = if joined.is_empty() { "" } else { &*separator };
            push_bounded(&mut joined, glue).map_err(|message| a.fail(message))?;
            push_bounded(&mut joined, &text).map_err(|message| a.fail(message))?;
        }
    }
    Ok(match joined.is_empty() {
        true => null(),
        false => one(joined),
    })
}
