//! Security identifiers: from bytes to text, and which of them name an account of some domain.
//!
//! Never asks anybody whose account it is. Trap: every domain also has stand-ins for well-known identifiers
//! (`S-1-5-11`, everybody who signed in), and these are nobody's account.

/// The class of objects that stand for an account of another forest.
///
/// # Source
/// MS-ADTS §6.1.1.4.11 Foreign Security Principals Container
pub const FOREIGN_CLASS: &str = "foreignSecurityPrincipal";

/// The attribute that carries the identifier.
pub const ATTRIBUTE: &str = "objectSid";

/// The text form (`S-1-…`) of the bytes of an identifier.
///
/// # Source
/// MS-DTYP §2.4.2.2 SID--Packet Representation
pub fn text(bytes: &[u8]) -> Option<String> {
    let [1, count, a, b, c, d, e, f, rest @ ..] = bytes else {
        return None;
    };
    if rest.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]);
    let mut text = String::with_capacity(MOST_CHARACTERS);
    text.push_str("S-1");
    push_part(&mut text, authority);
    let (parts, _) = rest.as_chunks();
    for part in parts {
        push_part(&mut text, u32::from_le_bytes(*part).into());
    }
    Some(text)
}

/// Characters of an identifier of an account at most, so that its text is made in one place.
const MOST_CHARACTERS: usize = 48;

fn push_part(text: &mut String, number: u64) {
    let mut digits = [b'0'; 20];
    let mut rest = number;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        // A remainder by ten is a digit.
        *digit += u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    text.push('-');
    let shown = digits.get(digits.len() - count..).unwrap_or_default();
    text.extend(shown.iter().map(|digit| char::from(*digit)));
}

/// Whether a text is the identifier of an account that some domain gave it.
///
/// # Source
/// MS-DTYP §2.4.2.4 Well-Known SID Structures (`S-1-5-21-<domain>-<RID>`)
pub fn names_account(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("S-1-5-21-") else {
        return false;
    };
    let is_number = |part: &str| part.parse::<u32>().is_ok();
    rest.split('-').count() == 4 && rest.split('-').all(is_number)
}

/// The account an object of [`FOREIGN_CLASS`] stands for: its name is the identifier (`CN=S-1-5-21-…`).
pub fn of_foreign(rdn: &str) -> Option<&str> {
    let (_, sid) = rdn.split_once('=')?;
    names_account(sid).then_some(sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_accounts_of_domains_are_stood_for() {
        let rdn = "CN=S-1-5-21-1-2-3-1104";
        assert_eq!(of_foreign(rdn), Some("S-1-5-21-1-2-3-1104"));
        for other in [
            "CN=S-1-5-11",
            "CN=S-1-5-21-1-2-3",
            "CN=Ada",
            "S-1-5-21-1-2-3-4",
        ] {
            assert_eq!(of_foreign(other), None, "{other}");
        }
    }

    #[test]
    fn bytes_become_text_or_nothing() {
        let bytes = [1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 4, 0, 0, 0];
        assert_eq!(text(&bytes).as_deref(), Some("S-1-5-21-4"));
        assert_eq!(text(&bytes[..15]), None);
        let largest = [1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
        let wanted = "S-1-281474976710655-4294967295";
        assert_eq!(text(&largest).as_deref(), Some(wanted));
        assert_eq!(text(&[1, 0, 0, 0, 0, 0, 0, 0]).as_deref(), Some("S-1-0"));
        assert_eq!(text(&[]), None);
    }
}
