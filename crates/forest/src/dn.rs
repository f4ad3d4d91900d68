//! Distinguished names in their text form (RFC 4514), as AD reads and writes them.
//!
//! A name is a list of single-valued RDNs, leaf first. It never compares by text: [`fold`] gives the
//! key that names are compared by. The trap: a deleted object's name holds a line feed, written `\0A`.

use thiserror::Error;

/// A name that cannot be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("name {0:?} is not a distinguished name; escape special characters with a backslash")]
pub struct DnError(pub String);

/// One part of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdn {
    /// Attribute type as written.
    pub attribute: String,
    /// Value without escapes.
    pub value: String,
}

/// The key under which names are compared: case does not matter.
pub fn fold(value: &str) -> String {
    value.to_lowercase()
}

/// Has the value this folded key?
pub fn is_same(value: &str, folded: &str) -> bool {
    if value.is_ascii() {
        return folded.is_ascii() && value.eq_ignore_ascii_case(folded);
    }
    value == folded || fold(value) == folded
}

/// Reads a name into its parts, leaf first. The empty name has none.
pub fn parse(text: &str) -> Result<Vec<Rdn>, DnError> {
    let refuse = || DnError(text.to_owned());
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut parts = Vec::new();
    for piece in split(text).ok_or_else(refuse)? {
        let (attribute, value) = piece.split_once('=').ok_or_else(refuse)?;
        let attribute = attribute.trim();
        let is_type = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if attribute.is_empty() || !attribute.chars().all(is_type) {
            return Err(refuse());
        }
        let value = unescape(value).ok_or_else(refuse)?;
        if value.is_empty() {
            return Err(refuse());
        }
        parts.push(Rdn {
            attribute: attribute.to_owned(),
            value,
        });
    }
    Ok(parts)
}

/// Cuts at unescaped, unquoted commas and semicolons; `None` when an escape or quote is left open.
fn split(text: &str) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let (mut start, mut is_escaped, mut is_quoted) = (0, false, false);
    for (place, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '+' if !is_quoted => return None,
            ',' | ';' if !is_quoted => {
                pieces.push(text.get(start..place)?);
                start = place + 1;
            }
            _ => {}
        }
    }
    if is_escaped || is_quoted {
        return None;
    }
    pieces.push(text.get(start..)?);
    Some(pieces)
}

fn unescape(raw: &str) -> Option<String> {
    let raw = raw.trim_start();
    let bytes = raw.as_bytes();
    let mut value = Vec::with_capacity(bytes.len());
    // Blanks at the end count only if escaped or quoted.
    let (mut kept, mut place) = (0, 0);
    while let Some(&byte) = bytes.get(place) {
        place += 1;
        match byte {
            b'"' => kept = value.len(),
            b'\\' => {
                let pair = bytes.get(place..place + 2).and_then(hex);
                match (pair, bytes.get(place)) {
                    (Some(code), _) => {
                        value.push(code);
                        place += 2;
                    }
                    (None, Some(&next)) => {
                        value.push(next);
                        place += 1;
                    }
                    (None, None) => return None,
                }
                kept = value.len();
            }
            _ => {
                value.push(byte);
                if byte != b' ' {
                    kept = value.len();
                }
            }
        }
    }
    value.truncate(kept);
    String::from_utf8(value).ok()
}

fn hex(pair: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(pair).ok()?;
    if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(text, 16).ok()
}

/// Writes one value so that [`parse`] gives it back.
pub fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 4);
    write_escaped(value, &mut text);
    text
}

/// Writes one value, escaped, at the end of `text`.
pub fn write_escaped(value: &str, text: &mut String) {
    let is_special = |byte: u8| !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b' ' | b'\'' | 0x80..);
    let is_framed = value.starts_with([' ', '#']) || value.ends_with(' ');
    if !is_framed && !value.bytes().any(is_special) {
        text.push_str(value);
        return;
    }
    let last = value.chars().count().saturating_sub(1);
    for (place, c) in value.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => {
                text.push('\\');
                text.push(c);
            }
            '#' if place == 0 => text.push_str("\\#"),
            ' ' if place == 0 || place == last => text.push_str("\\ "),
            '\n' => text.push_str("\\0A"),
            '\r' => text.push_str("\\0D"),
            '\0' => text.push_str("\\00"),
            _ => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_values_survive_the_round_trip() {
        for value in [
            "O'Neil, Zoë",
            " lead",
            "trail ",
            "#hash",
            "a=b+c",
            "\"q\"\\",
            "x\nDEL:1",
            "مرحبا",
            "🦀",
            " ",
        ] {
            let parsed = parse(&format!("CN={},OU=x", escape(value))).unwrap();
            assert_eq!(parsed[0].value, value);
            assert_eq!(parsed.len(), 2);
        }
    }

    #[test]
    fn hexadecimal_pairs_are_octets_of_utf8() {
        assert_eq!(parse("CN=Zo\\C3\\AB, DC=x").unwrap()[0].value, "Zoë");
        assert_eq!(parse("CN=\"a, b\",DC=x").unwrap()[0].value, "a, b");
    }

    #[test]
    fn broken_names_are_refused() {
        for text in [
            "nonsense",
            "CN=",
            "CN=a,",
            "CN=a\\",
            "=a",
            "CN=\"a",
            "CN=a+OU=b,DC=x",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
