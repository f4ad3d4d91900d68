//! Values that name objects: entryUUIDs, and names with something behind them.
//!
//! Never fails: what is not one is nothing. Trap: an entryUUID is in network order (RFC 4530) and becomes an anchor in the
//! order that shows the same text to people.

use sync_core::id::Anchor;

use super::names::Uuid;

/// The anchor of an entryUUID.
pub(super) fn anchor(uuid: Uuid) -> Anchor {
    Anchor::new(uuid::Uuid::from_bytes(uuid).to_bytes_le())
}

/// An entryUUID as its value spells it.
pub(super) fn uuid(text: &[u8]) -> Option<Uuid> {
    let text = std::str::from_utf8(text).ok()?;
    Some(uuid::Uuid::try_parse(text.trim()).ok()?.into_bytes())
}

/// The name in a value of a DN syntax: a unique member may carry an identifier behind it.
///
/// # Source
/// RFC 4517 §3.3.21 Name and Optional UID
pub(super) fn plain_name(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let plain = text
        .strip_suffix("'B")
        .and_then(|rest| rest.rsplit_once("#'"))
        .filter(|(_, bits)| bits.bytes().all(|bit| matches!(bit, b'0' | b'1')))
        .map_or(text, |(name, _)| name);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_shows_the_text_of_its_entry_uuid() {
        let text = "1d3da708-79a9-1041-9236-d5a32df7e08b";
        let bytes = uuid(text.as_bytes()).unwrap();
        assert_eq!(bytes[0], 0x1d);
        assert_eq!(anchor(bytes).guid_text(), text);
        assert_eq!(Anchor::from_guid_text(text), Some(anchor(bytes)));
        assert_eq!(uuid(b"nobody"), None);
    }

    #[test]
    fn a_unique_member_loses_its_identifier() {
        assert_eq!(plain_name(b"cn=a,dc=x#'0101'B"), Some("cn=a,dc=x"));
        assert_eq!(plain_name(b"cn=a#b,dc=x"), Some("cn=a#b,dc=x"));
        assert_eq!(plain_name(b"cn='B,dc=x"), Some("cn='B,dc=x"));
    }
}
