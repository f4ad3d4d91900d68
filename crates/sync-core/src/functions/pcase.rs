//! `PCase`.

use unicode_normalization::char::is_combining_mark;

use super::prelude::*;

pub(super) static PCASE: Function = Function {
    name: "PCase",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Each),
        optional("separators", Takes::Text),
    ],
    manual: "The first letter of each word in upper case, the rest in lower case. Without separators words end at blanks, punctuation (but not an apostrophe) and symbols; with separators at those only.",
    examples: &[
        (
            "PCase(\"PABLO GONSALVES (SECOND)\")",
            "\"Pablo Gonsalves (Second)\"",
        ),
        ("PCase(\"PINTO-DE'SILVA\", \" '-\")", "\"Pinto-De'Silva\""),
        ("PCase(\"o'neil\")", "\"O'neil\""),
        ("PCase([missing])", "NULL"),
        ("PCase(\"ab-cd\", \" \")", "\"Ab-cd\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let separators = a.text(1)?;
    a.change_text(|text| Some(title_case(text, separators.as_deref())))
}

fn title_case(text: &str, separators: Option<&str>) -> String {
    let ends_word = |c: char| match separators {
        Some(separators) => separators.contains(c),
        None => !(c.is_alphanumeric() || c == '\'' || is_combining_mark(c)),
    };
    let mut result = String::with_capacity(text.len());
    let mut is_in_word = false;
    for c in text.chars() {
        if is_in_word || !c.is_alphabetic() {
            result.extend(c.to_lowercase());
        } else {
            result.extend(c.to_uppercase());
        }
        is_in_word = !ends_word(c) && (is_in_word || c.is_alphabetic());
    }
    result
}
