//! Distinguished names as people type them: split, unescaped and folded, so that spelling does not matter.
//!
//! Never used for anything that is written. Trap: a comma inside a value is escaped, as `\,` or as `\2C`.
//!
//! Source: RFC 4514 §2.4 Converting an AttributeValue from ASN.1 to a String

/// The RDNs of a name, leftmost first, each folded by [`fold_rdn`]. `None` if it is not a name.
pub(crate) fn split(dn: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut characters = dn.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                part.push('\\');
                part.push(characters.next()?);
            }
            ',' => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    parts.push(part);
    let is_rdn = |part: &String| part.contains('=');
    parts
        .iter()
        .all(is_rdn)
        .then(|| parts.iter().map(|part| fold_rdn(part)).collect())
}

/// One RDN without escapes, outer blanks and case.
pub(crate) fn fold_rdn(rdn: &str) -> String {
    let mut bytes = Vec::with_capacity(rdn.len());
    let mut rest = rdn.trim_start().as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let (byte, tail) = match (byte, tail) {
            (b'\\', [a, b, more @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                (hexadecimal(*a) << 4 | hexadecimal(*b), more)
            }
            (b'\\', [escaped, more @ ..]) => (*escaped, more),
            (byte, more) => (byte, more),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).trim_end().to_lowercase()
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10) & 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_equal() {
        let a = split(r"CN=Müller\, Jo,OU=A\2BB,DC=x").unwrap();
        let b = split(r"cn=MÜLLER\2C Jo, ou=a\+b ,dc=X").unwrap();
        assert_eq!(a, b);
        assert_eq!(a.len(), 3);
    }

    #[test]
    fn what_is_no_name_is_none_and_nothing_panics() {
        assert_eq!(split("someone@example.com"), None);
        assert_eq!(split(r"CN=a\"), None);
        assert_eq!(fold_rdn(r"CN=\"), r"cn=\");
    }
}
