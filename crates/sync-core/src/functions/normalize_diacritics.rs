//! `NormalizeDiacritics`.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::prelude::*;

pub(super) static NORMALIZE_DIACRITICS: Function = Function {
    name: "NormalizeDiacritics",
    origin: Origin::Cloud,
    parameters: &[required("source", Takes::Each)],
    manual: "Latin letters without their marks: é becomes e, ß ss, æ ae, ø oe. Other scripts stay as they are.",
    examples: &[
        ("NormalizeDiacritics(\"Zoë Łuków\")", "\"Zoe Lukow\""),
        (
            "NormalizeDiacritics(\"Straße Æblegrød\")",
            "\"Strasse AEblegroed\"",
        ),
        ("NormalizeDiacritics(\"Жнй 김\")", "\"Жнй 김\""),
        ("NormalizeDiacritics(\"œuvre đ\")", "\"œuvre đ\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(without_marks)
}

/// The text without marks; `None`: there are none.
pub(crate) fn without_marks(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut is_latin = false;
    let mut characters = text.nfd().peekable();
    while let Some(c) = characters.next() {
        if is_combining_mark(c) && is_latin {
            continue;
        }
        let has_macron = characters.peek() == Some(&'\u{304}');
        let replacement = letters(c, has_macron);
        is_latin = c.is_ascii_alphabetic() || replacement.is_some();
        match replacement {
            Some(letters) => plain.push_str(letters),
            None => plain.push(c),
        }
    }
    Some(plain.nfc().collect())
}

/// Letters that do not decompose. Plain œ is not among them, œ with a macron is.
fn letters(c: char, has_macron: bool) -> Option<&'static str> {
    Some(match c {
        'æ' => "ae",
        'Æ' => "AE",
        'ø' => "oe",
        'Ø' => "OE",
        'œ' if has_macron => "oe",
        'Œ' if has_macron => "OE",
        'ß' => "ss",
        'ı' => "i",
        'ł' => "l",
        'Ł' => "L",
        _ => return None,
    })
}
