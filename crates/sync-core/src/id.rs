//! Identifiers, each with its kind, so that one cannot be passed for another.
//!
//! Never holds state. Trap: an AD objectGUID is little-endian in its first three fields; only [`Anchor::guid_text`] knows.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The immutable key of an object within its realm, as raw bytes (AD: the 16 bytes of objectGUID).
#[derive(Clone)]
pub struct Anchor(Key);

/// Nearly every anchor is a GUID, of which a directory has as many as it has objects and links: it needs no memory of its own.
// INVARIANT: sixteen bytes are always `Guid`, though nothing compares the variants.
#[derive(Clone)]
enum Key {
    Guid([u8; 16]),
    Other(Box<[u8]>),
}

impl Anchor {
    /// An anchor of these raw bytes.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        match bytes.try_into() {
            Ok(guid) => Self(Key::Guid(guid)),
            Err(_) => Self(Key::Other(bytes.into())),
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Key::Guid(guid) => guid,
            Key::Other(bytes) => bytes,
        }
    }

    /// The text form of a 16-byte AD GUID (`xxxxxxxx-xxxx-…`, lower case); hexadecimal for any other length.
    ///
    /// # Source
    /// MS-DTYP §2.3.4.2 GUID--Packet Representation
    pub fn guid_text(&self) -> String {
        match &self.0 {
            Key::Guid(bytes) => uuid::Uuid::from_bytes_le(*bytes).to_string(),
            Key::Other(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        }
    }

    /// Reads the text form that [`Anchor::guid_text`] writes: a GUID, with or without braces. `None` if it is not one.
    pub fn from_guid_text(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text.trim()).ok()?;
        Some(Self(Key::Guid(id.to_bytes_le())))
    }

    /// Base64 of the raw bytes: the default source anchor (24 characters for a GUID).
    pub fn base64(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(self.as_bytes())
    }
}

impl PartialEq for Anchor {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Anchor {}

impl PartialOrd for Anchor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Anchor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Anchor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl Serialize for Anchor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_bytes().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Anchor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(Self::new)
    }
}

impl std::fmt::Debug for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.guid_text())
    }
}

impl std::fmt::Display for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.guid_text())
    }
}

/// The opaque id a target gives its object (tenant directory and Graph: a UUID; SCIM: any text).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetId(
    /// Shared: a member of many groups is known by one text.
    #[serde(deserialize_with = "crate::value::shared::text")]
    pub Arc<str>,
);

impl From<&str> for TargetId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for TargetId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for TargetId {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl std::fmt::Display for TargetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! row_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub i64);
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
        }
    )*};
}

row_ids! {
    /// Row of a connector.
    ConnectorId;
    /// Row of a job.
    JobId;
    /// Row of an object in a connector space.
    ObjectId;
    /// Row of a link (one job, one object).
    LinkId;
    /// Row of a run (one iteration of a job, or one read of a connector).
    RunId;
    /// Row of a read of a connector: the pages of one read belong together.
    ReadId;
    /// Row of an agent.
    AgentId;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_anchor_is_its_bytes_however_long_they_are() {
        let texts: [&[u8]; 5] = [b"", b"a", &[7; 16], &[7; 17], b"b"];
        let all: BTreeSet<Anchor> = texts.iter().rev().map(Anchor::new).collect();
        let sorted: BTreeSet<&[u8]> = texts.into();
        assert!(all.iter().map(Anchor::as_bytes).eq(sorted));
        for anchor in all {
            // The form it is stored in is that of its bytes.
            let stored = postcard::to_stdvec(&anchor).unwrap();
            assert_eq!(stored, postcard::to_stdvec(anchor.as_bytes()).unwrap());
            assert_eq!(postcard::from_bytes::<Anchor>(&stored).unwrap(), anchor);
        }
    }
}
