//! `ReplaceChars`.

use super::prelude::*;
use crate::expression::compile::{Node, Prepared, constant_text};
use std::collections::BTreeMap;

pub(super) static REPLACE_CHARS: Function = Function {
    name: "ReplaceChars",
    origin: Origin::Connect,
    parameters: &[
        required("source", Takes::Each),
        required("pattern", Takes::Text),
    ],
    manual: "Replaces single characters: the pattern is a list of character:text, separated by commas, and an empty text removes the character. Blanks in the pattern are disregarded; a comma and a colon cannot be replaced.",
    examples: &[
        (
            "ReplaceChars(\"Räksmörgås\", \"’:,Å:A,Ä:A,Ö:O,å:a,ä:a,ö:o\")",
            "\"Raksmorgas\"",
        ),
        ("ReplaceChars(\"O’Neil\", \"’:,Å:A\")", "\"ONeil\""),
        (
            "ReplaceChars(\"Straße ö\", \"ß:ss, ö:oe\")",
            "\"Strasse oe\"",
        ),
        ("ReplaceChars([missing], \"a:b\")", "NULL"),
        (
            "ReplaceChars(\"a\", \"ab\" & \":c\")",
            "error: ReplaceChars: \"ab:c\" does not begin with one character and a colon",
        ),
    ],
    call: run,
    prepare: Some(prepare),
    ..PLAIN
};

fn prepare(arguments: &[Option<Node>]) -> Result<Prepared, String> {
    if let Some(pattern) = constant_text(arguments, 1) {
        pairs(pattern)?;
    }
    Ok(Prepared::default())
}

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let pattern = a.text(1)?.unwrap_or_default();
    let pairs = pairs(&pattern).map_err(|message| a.fail(message))?;
    let mut text = String::new();
    for c in source.chars() {
        let written = match pairs.get(&c) {
            Some(new) => push_bounded(&mut text, new),
            None => push_bounded(&mut text, c.encode_utf8(&mut [0; 4])),
        };
        written.map_err(|message| a.fail(message))?;
    }
    Ok(one(text))
}

fn pairs(pattern: &str) -> Result<BTreeMap<char, String>, String> {
    let plain: String = pattern.chars().filter(|c| !c.is_whitespace()).collect();
    let mut all = BTreeMap::new();
    for entry in plain.split(',').filter(|entry| !entry.is_empty()) {
        let mut characters = entry.chars();
        let from = characters.next();
        match (from, characters.next()) {
            (Some(from), Some(':')) => all.insert(from, characters.as_str().to_owned()),
            _ => {
                return Err(format!(
                    "{entry:?} does not begin with one character and a colon"
                ));
            }
        };
    }
    Ok(all)
}
