//! `Word`.

use super::prelude::*;

pub(super) static WORD: Function = Function {
    name: "Word",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Each),
        required("number", Takes::Integer),
        required("delimiters", Takes::Text),
    ],
    manual: "The n-th word, from 1, of a text whose words are separated by any of the delimiting characters; an empty text if there is none.",
    examples: &[
        ("Word(\"The quick brown fox\", 3, \" \")", "\"brown\""),
        (
            "Word(\"This,string!has&many separators\", 3, \",!&#\")",
            "\"has\"",
        ),
        ("Word(\"a\", 2, \" \")", "\"\""),
        ("Word(\"a\", 0, \" \")", "\"\""),
        ("Word([missing], 1, \" \")", "\"\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (Some(source), Some(number)) = (a.text(0)?, a.integer(1)?) else {
        return Ok(one(""));
    };
    let delimiters = a.text(2)?.unwrap_or_default();
    let mut words = source
        .split(|c| delimiters.contains(c))
        .filter(|word| !word.is_empty());
    let word = usize::try_from(number.saturating_sub(1))
        .ok()
        .and_then(|index| words.nth(index));
    Ok(one(word.unwrap_or_default()))
}
