//! Distinguished names as rules write them: compared as names, not as texts.
//!
//! Never decides about scope: containers and groups are known by anchor. Trap: the comparison knows blanks and case, not the
//! syntax of each attribute; two spellings of one name that differ in escapes count as two.
//!
//! # Source
//! RFC 4514 §3 Parsing a String Back to a Distinguished Name

/// Whether a text has the form of a distinguished name: every part is an attribute and a value.
pub fn is_name(text: &str) -> bool {
    let is_part = |part: &str| {
        part.split_once('=').is_some_and(|(attribute, value)| {
            let attribute = attribute.trim();
            let is_letter =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            !attribute.is_empty() && attribute.bytes().all(is_letter) && !value.trim().is_empty()
        })
    };
    !text.trim().is_empty() && parts(text).all(is_part)
}

/// The name in one spelling: lower case, no blanks around parts.
pub fn fold(text: &str) -> String {
    let part = |part: &str| match part.split_once('=') {
        Some((attribute, value)) => format!("{}={}", attribute.trim(), value.trim()),
        None => part.trim().to_owned(),
    };
    let all: Vec<String> = parts(text).map(part).collect();
    all.join(",").to_lowercase()
}

/// Whether two names are the same.
pub fn is_same(a: &str, b: &str) -> bool {
    a == b || fold(a) == fold(b)
}

/// The parts of a name, the object's own first.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    text.split(move |letter| {
        let is_end = letter == ',' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_end
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised_and_compared_without_blanks_and_case() {
        for name in ["OU=Sales,DC=x", "cn=a\\,b , dc=x", "2.5.4.3=a,DC=x", "dc=x"] {
            assert!(is_name(name), "{name}");
        }
        for text in [
            "",
            " ",
            "Sales",
            "OU=,DC=x",
            "OU=a,,DC=x",
            "=a,DC=x",
            "O U=a",
        ] {
            assert!(!is_name(text), "{text}");
        }
        assert!(is_same("OU=Sales, DC=X", "ou=sales,dc=x"));
        assert!(!is_same("OU=a\\,b,DC=x", "OU=a,b,DC=x"));
        assert_eq!(fold(" OU = A\\, b , DC=X "), "ou=a\\, b,dc=x");
    }
}
