//! LDAP values as typed values.
//!
//! Never fails: bytes that do not fit the schema's type are kept as they are (text, or binary if not UTF-8). Trap: with
//! extended distinguished names on, every value of DN syntax carries a GUID and a SID in front.

use ldap::dn;
use sync_core::{id::Anchor, object::AttributeType, value::Value};

use crate::ldap::values as shared;

/// One value of this type; a reference without what an extended distinguished name carries in front.
pub(super) fn typed(kind: AttributeType, bytes: &[u8]) -> Value {
    match (kind, std::str::from_utf8(bytes)) {
        (AttributeType::Reference, Ok(text)) => Value::text(dn::split_extended(text).2),
        _ => shared::typed(kind, bytes),
    }
}

/// The object an extended distinguished name points to.
pub(super) fn reference(bytes: &[u8]) -> Option<Anchor> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (guid, _, _) = dn::split_extended(text);
    Anchor::from_guid_text(guid?)
}

/// As [`reference`], unless that object is deleted: with the recycle bin on, Samba goes on showing such links, Windows hides
/// them.
pub(super) fn living_reference(bytes: &[u8]) -> Option<Anchor> {
    let text = std::str::from_utf8(bytes).ok()?;
    match names_deleted(dn::split_extended(text).2) {
        true => None,
        false => reference(bytes),
    }
}

/// Whether a distinguished name is the mangled name of a deleted object.
///
/// # Source
/// MS-ADTS §3.1.1.5.5.1.1 Tombstone Requirements
pub(super) fn names_deleted(name: &str) -> bool {
    let (rdn, _) = dn::split_first(name);
    rdn.contains("\\0ADEL:") || rdn.contains("\nDEL:")
}

/// A GUID value.
pub(super) fn guid(bytes: &[u8]) -> Option<Anchor> {
    (bytes.len() == 16).then(|| Anchor::new(bytes))
}

/// Seconds since 1970 of a generalized time (`20261121001615.0Z`).
pub(super) fn generalized_time(text: &str) -> Option<i64> {
    let digits = text.get(..14)?;
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i8>().ok();
    let date = jiff::civil::DateTime::new(
        digits.get(..4)?.parse().ok()?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
        0,
    )
    .ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    text.ends_with('Z').then(|| zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shown_as_plain_names() {
        let kind = AttributeType::Reference;
        assert_eq!(typed(kind, b"<GUID=9fd2>;CN=x"), Value::text("CN=x"));
        assert_eq!(typed(kind, b"\xff"), Value::binary(&b"\xff"[..]));
        assert_eq!(typed(AttributeType::Integer, b"-5"), Value::Integer(-5));
    }

    #[test]
    fn references_become_anchors_in_ad_byte_order() {
        let value = b"<GUID=05d9f29f-8b48-4d7f-90f1-6838c7b54c58>;<SID=S-1-5-21-1>;CN=G1,DC=x";
        let anchor = reference(value).unwrap();
        assert_eq!(anchor.as_bytes()[..4], [0x9f, 0xf2, 0xd9, 0x05]);
        assert_eq!(reference(b"CN=G1,DC=x"), None);
        assert_eq!(living_reference(value), reference(value));
        let gone =
            b"<GUID=05d9f29f-8b48-4d7f-90f1-6838c7b54c58>;CN=G1\\0ADEL:05d9,CN=Deleted Objects";
        assert_eq!(living_reference(gone), None);
    }

    #[test]
    fn generalized_time_is_read() {
        assert_eq!(generalized_time("20261121001615.0Z"), Some(1_795_220_175));
        assert_eq!(generalized_time("19700101000000Z"), Some(0));
        assert_eq!(generalized_time("yesterday"), None);
    }
}
