//! `Join`.

use super::prelude::*;
use crate::expression::compile::{Node, Prepared, constant_text};

pub(super) static JOIN: Function = Function {
    name: "Join",
    origin: Origin::Both,
    parameters: &[
        required("separator", Takes::Values),
        repeated("source", Takes::Values),
    ],
    manual: "Puts all values of all arguments after the first into one text, with the separator between them. Null and empty values contribute nothing; if nothing is left the result is null. The other form, Join(values, separator), is understood where the last of two arguments is a constant text and the first is not, and Join(values) separates by blanks.",
    examples: &[
        ("Join(\", \", \"\", \"Doe\", \"John\")", "\"Doe, John\""),
        (
            "Join(\"@\", [sAMAccountName], %Domain.FQDN%)",
            "\"anna@canal.example\"",
        ),
        ("Join(\";\", Split(\"a,b\", \",\"), \"c\")", "\"a;b;c\""),
        ("Join(\",\", [missing], \"\")", "NULL"),
        ("Join([description], \"|\")", "\" one|two \""),
        ("Join(Split(\"a,b\", \",\"))", "\"a b\""),
    ],
    call: run,
    prepare: Some(prepare),
    ..PLAIN
};

/// Which of the two forms is meant: nobody joins one constant.
fn prepare(arguments: &[Option<Node>]) -> Result<Prepared, String> {
    let is_other_form = match arguments {
        [Some(_)] => true,
        [Some(_), Some(_)] => {
            constant_text(arguments, 0).is_none() && constant_text(arguments, 1).is_some()
        }
        _ => false,
    };
    Ok(Prepared {
        is_other_form,
        ..Prepared::default()
    })
}

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (separator, sources) = match (a.is_other_form(), a.len()) {
        (false, count) => (a.text(0)?.unwrap_or_default(), 1..count),
        (true, 1) => (" ".into(), 0..1),
        (true, _) => (a.text(1)?.unwrap_or_default(), 0..1),
    };
    let mut joined = String::new();
    for index in sources {
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
