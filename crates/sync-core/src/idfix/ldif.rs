//! Corrections as LDIF change records.
//!
//! Pure. Every value is taken away and put anew, never replaced: if it changed since it was looked at, the record is refused and
//! nothing is overwritten; only what is too long to be compared is. Trap: a value with blanks around it is only kept whole in Base64.
//!
//! Source: RFC 2849 LDIF

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Values longer than this are longer than their attributes may be, and are overwritten without being compared.
const LONGEST_COMPARED: usize = 256;

/// One correction of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction<'a> {
    /// Distinguished name of the object.
    pub dn: &'a str,
    /// Attribute.
    pub attribute: &'a str,
    /// The value that is wrong.
    pub value: &'a str,
    /// What takes its place; `None`: nothing.
    pub update: Option<&'a str>,
}

/// A record per object.
pub fn of<'a>(corrections: impl IntoIterator<Item = Correction<'a>>) -> String {
    let mut objects: BTreeMap<&str, Vec<Correction<'_>>> = BTreeMap::new();
    for correction in corrections {
        objects.entry(correction.dn).or_default().push(correction);
    }
    let mut text = String::from("version: 1\n");
    for (dn, corrections) in objects {
        text.push('\n');
        line(&mut text, "dn", dn);
        text.push_str("changetype: modify\n");
        for correction in corrections {
            if is_too_long(&correction) {
                overwrite(&mut text, &correction);
                continue;
            }
            change(&mut text, "delete", correction.attribute, correction.value);
            if let Some(update) = correction.update {
                change(&mut text, "add", correction.attribute, update);
            }
        }
    }
    text
}

/// Whether a server refuses to compare the value at all. Only the addresses may be several.
fn is_too_long(correction: &Correction<'_>) -> bool {
    correction.attribute != "proxyAddresses" && correction.value.chars().count() > LONGEST_COMPARED
}

fn overwrite(text: &mut String, correction: &Correction<'_>) {
    let attribute = correction.attribute;
    text.push_str(&format!("replace: {attribute}\n"));
    if let Some(update) = correction.update {
        line(text, attribute, update);
    }
    text.push_str("-\n");
}

fn change(text: &mut String, act: &str, attribute: &str, value: &str) {
    text.push_str(&format!("{act}: {attribute}\n"));
    line(text, attribute, value);
    text.push_str("-\n");
}

fn line(text: &mut String, name: &str, value: &str) {
    match is_safe(value) {
        true => text.push_str(&format!("{name}: {value}\n")),
        false => text.push_str(&format!("{name}:: {}\n", STANDARD.encode(value))),
    }
}

/// Whether a value may stand as it is (RFC 2849, SAFE-STRING, and no blank at its end).
fn is_safe(value: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii() && !matches!(b, 0 | b'\n' | b'\r');
    !value.is_empty()
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ')
        && value.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_of_an_object_stand_together_and_odd_values_are_base64() {
        let correction = |attribute, value, update| Correction {
            dn: "CN=Adä,DC=x",
            attribute,
            value,
            update,
        };
        let text = of([
            correction("mail", " a@x.com", Some("a@x.com")),
            correction("proxyAddresses", "smtp:a@x.com", None),
        ]);
        let expected = "version: 1\n\ndn:: Q049QWTDpCxEQz14\nchangetype: modify\n\
            delete: mail\nmail:: IGFAeC5jb20=\n-\nadd: mail\nmail: a@x.com\n-\n\
            delete: proxyAddresses\nproxyAddresses: smtp:a@x.com\n-\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_too_long_to_be_compared_is_overwritten() {
        let value = "n".repeat(257);
        let text = of([Correction {
            dn: "CN=Ada",
            attribute: "displayName",
            value: &value,
            update: Some("n"),
        }]);
        assert!(
            text.ends_with("replace: displayName\ndisplayName: n\n-\n"),
            "{text}"
        );
    }
}
