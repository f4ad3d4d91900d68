//! `RandomString`.

use super::prelude::*;
use crate::expression::{evaluate::Halt, random::Stream};

// LIMIT: that of the originals.
const MAX_LENGTH: usize = 256;

const KINDS: [(&str, &str); 4] = [
    ("digit", "0123456789"),
    ("special character", "!#$%&()*+,-./:;<=>?@[]^_{|}~"),
    ("capital letter", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("small letter", "abcdefghijklmnopqrstuvwxyz"),
];

pub(super) static RANDOM_STRING: Function = Function {
    name: "RandomString",
    origin: Origin::Cloud,
    parameters: &[
        required("length", Takes::Integer),
        required("minimumNumbers", Takes::Integer),
        required("minimumSpecialCharacters", Takes::Integer),
        required("minimumCapital", Takes::Integer),
        required("minimumLowerCase", Takes::Integer),
        optional("charactersToAvoid", Takes::Text),
    ],
    manual: "A random text of this length with at least so many digits, special characters, capital and small letters, without the characters to avoid. The same object and attribute always get the same one.",
    examples: &[
        ("Len(RandomString(6, 3, 0, 0, 3))", "6"),
        ("Len(RandomString(10, 2, 2, 2, 1, \"?,\"))", "10"),
        (
            "Len(RegexReplace(RandomString(40, 10, 0, 0, 0), \"[0-9]\", \"\")) <= 30",
            "True",
        ),
        (
            "RegexReplace(RandomString(5, 5, 0, 0, 0, \"012345678\"), \"9\", \"x\")",
            "\"xxxxx\"",
        ),
        (
            "RandomString(5, 3, 3, 0, 0)",
            "error: RandomString: the length is less than the minima together",
        ),
        (
            "RandomString(300, 0, 0, 0, 0)",
            "error: RandomString: the length is not between 1 and 256",
        ),
        (
            "RandomString(2, 1, 0, 0, 0, \"0123456789\")",
            "error: RandomString: no digit is left to choose from",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let length = number(a, 0)?;
    if !(1..=MAX_LENGTH).contains(&length) {
        return Err(a.fail(format!("the length is not between 1 and {MAX_LENGTH}")));
    }
    let avoided = a.text(5)?.unwrap_or_default();
    let mut wanted = Vec::new();
    let mut any = Vec::new();
    for (index, (name, characters)) in KINDS.iter().enumerate() {
        let allowed: Vec<char> = characters
            .chars()
            .filter(|c| !avoided.contains(*c))
            .collect();
        let least = number(a, index + 1)?;
        if least > 0 && allowed.is_empty() {
            return Err(a.fail(format!("no {name} is left to choose from")));
        }
        any.extend(&allowed);
        wanted.push((least, allowed));
    }
    let rest = length.checked_sub(wanted.iter().map(|(least, _)| least).sum());
    let rest = rest.ok_or_else(|| a.fail("the length is less than the minima together"))?;
    if any.is_empty() {
        return Err(a.fail("no character is left to choose from"));
    }
    wanted.push((rest, any));
    Ok(one(a.random(|stream| draw(stream, &wanted))?))
}

fn number(a: &Arguments<'_>, index: usize) -> Result<usize, Halt> {
    let number = a.integer(index)?.unwrap_or_default();
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= MAX_LENGTH + 44)
        .ok_or_else(|| a.fail(format!("argument {} is negative or too large", index + 1)))
}

/// So many characters of each kind, in random order.
fn draw(stream: &mut Stream, wanted: &[(usize, Vec<char>)]) -> String {
    let mut pick = |count: usize| usize::try_from(stream.below(count as u64)).unwrap_or_default();
    let mut all: Vec<char> = Vec::new();
    for (count, characters) in wanted {
        for _ in 0..*count {
            all.extend(characters.get(pick(characters.len())));
        }
    }
    for left in (1..all.len()).rev() {
        all.swap(left, pick(left + 1));
    }
    all.into_iter().collect()
}
