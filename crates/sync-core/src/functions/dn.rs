//! Distinguished names taken apart, and values escaped for them.
//!
//! Never judges whether a name is valid. Trap: what is taken apart is the text form of RFC 4514, in which a backslash stands
//! before a character or before two hexadecimal digits.

/// The relative names from left to right, each with its type and its value, escapes undone.
pub(super) fn parts(dn: &str) -> Vec<(&str, String)> {
    split(dn)
        .into_iter()
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim(), unescape(trim(value)))
        })
        .collect()
}

fn split(dn: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, c) in dn.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ',' => {
                parts.push(dn.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(dn.get(start..).unwrap_or_default());
    parts
}

/// The value without blanks at its ends, unless the last one is escaped.
fn trim(value: &str) -> &str {
    let value = value.trim_start();
    let trimmed = value.trim_end();
    let backslashes = trimmed.bytes().rev().take_while(|b| *b == b'\\').count();
    match backslashes % 2 {
        0 => trimmed,
        _ => {
            let blank = value
                .get(trimmed.len()..)
                .and_then(|rest| rest.chars().next());
            let end = trimmed.len() + blank.map_or(0, char::len_utf8);
            value.get(..end).unwrap_or(trimmed)
        }
    }
}

/// Undoes the escapes of RFC 4514 §2.4.
fn unescape(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        let literal = match c {
            '\\' => match escaped_byte(rest) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = rest.get(2..).unwrap_or_default();
                    continue;
                }
                // The character after a plain backslash is taken as it is.
                None => {
                    let Some(next) = rest.chars().next() else {
                        break;
                    };
                    rest = rest.get(next.len_utf8()..).unwrap_or_default();
                    next
                }
            },
            other => other,
        };
        bytes.extend_from_slice(literal.encode_utf8(&mut [0; 4]).as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escaped_byte(text: &str) -> Option<u8> {
    let digits = text.get(..2)?;
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hexadecimal.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// A value with everything escaped that a distinguished name does not allow.
///
/// # Source
/// RFC 4514 §2.4 Converting an AttributeValue from ASN.1 to a String
pub(super) fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (at, c) in value.char_indices() {
        let is_special = match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            '#' => at == 0,
            ' ' => at == 0 || at == last,
            _ => false,
        };
        match c {
            '\0' => text.push_str("\\00"),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    text.push_str(&format!("\\{byte:02X}"));
                }
            }
            c => {
                if is_special {
                    text.push('\\');
                }
                text.push(c);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_reads_back() {
        for value in [
            "Doe, John",
            " a ",
            "#x",
            "a#",
            "\\",
            "a\\",
            "\u{0}\n",
            "ä\\C3",
            "x\\ ",
            "+\"<>;=",
            " ",
            "",
        ] {
            let dn = format!("CN={},OU=x", escape(value));
            assert_eq!(
                parts(&dn),
                [("CN", value.to_owned()), ("OU", "x".into())],
                "{dn}"
            );
        }
    }

    #[test]
    fn damaged_names_are_taken_as_they_are() {
        for dn in ["", "=", ",", "CN", "CN=a\\", "\\", "CN=\\é,\\C3"] {
            let _ = parts(dn);
        }
        assert_eq!(parts("CN=\\C3\\A9"), [("CN", "é".to_owned())]);
        assert_eq!(
            parts(" cn = a , b = c "),
            [("cn", "a".into()), ("b", "c".to_owned())]
        );
    }
}
