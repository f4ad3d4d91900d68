//! Identifiers, each with its kind, so that one cannot be passed for another.
//!
//! Never holds state. Trap: an AD objectGUID is little-endian in its first three fields; only [`Anchor::guid_text`] knows.

use serde::{Deserialize, Serialize};

/// The immutable key of an object within its realm, as raw bytes (AD: the 16 bytes of objectGUID).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Anchor(Box<[u8]>);

impl Anchor {
    /// An anchor of these raw bytes.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text form of a 16-byte AD GUID (`xxxxxxxx-xxxx-…`, lower case); hexadecimal for any other length.
    ///
    /// # Source
    /// MS-DTYP §2.3.4.2 GUID--Packet Representation
    pub fn guid_text(&self) -> String {
        match <[u8; 16]>::try_from(&*self.0) {
            Ok(bytes) => uuid::Uuid::from_bytes_le(bytes).to_string(),
            Err(_) => self.0.iter().map(|b| format!("{b:02x}")).collect(),
        }
    }

    /// Reads the text form that [`Anchor::guid_text`] writes: a GUID, with or without braces. `None` if it is not one.
    pub fn from_guid_text(text: &str) -> Option<Self> {
        let id = uuid::Uuid::try_parse(text.trim()).ok()?;
        Some(Self(Box::new(id.to_bytes_le())))
    }

    /// Base64 of the raw bytes: the default source anchor (24 characters for a GUID).
    pub fn base64(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&self.0)
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
pub struct TargetId(pub String);

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
