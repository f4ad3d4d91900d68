//! Objects on their way from a source: the contents of frames.
//!
//! Compact (postcard), so the order of fields and variants is the form: nothing here may be moved, removed or inserted.
//! Trap: no `serde(tag)`, `skip` or `default` here; the compact form does not know them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use sync_core::value::shared;

use super::control::RefusalText;
use crate::bytes::Bytes;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// UTF-8 text.
    Text(#[serde(deserialize_with = "shared::text")] Arc<str>),
    /// Integer.
    Integer(i64),
    /// Truth value.
    Boolean(bool),
    /// Bytes.
    Binary(Bytes),
}

/// The values of one attribute.
pub type Values = SmallVec<[Value; 1]>;

/// How much an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The whole state.
    Whole,
    /// What changed.
    Part,
    /// Class, parent and RDN only.
    Skeleton,
    /// Positive evidence of deletion.
    Deleted,
    /// There, and not changed.
    Present,
    /// Named by a reference, and of another naming context.
    Elsewhere,
}

/// A change of a linked attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The attribute.
    pub attribute: Arc<str>,
    /// Whether `added` is the complete set.
    pub complete: bool,
    /// Anchors added.
    pub added: Vec<Bytes>,
    /// Anchors removed.
    pub removed: Vec<Bytes>,
}

/// The replica and sequence number an entry was read at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Replica.
    pub replica: [u8; 16],
    /// Sequence number.
    pub usn: i64,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Anchor.
    pub anchor: Bytes,
    /// How much it says.
    pub kind: Kind,
    /// Class.
    #[serde(deserialize_with = "shared::optional")]
    pub class: Option<Arc<str>>,
    /// Parent's anchor.
    pub parent: Option<Bytes>,
    /// Relative distinguished name.
    pub rdn: Option<Box<str>>,
    /// Attributes; without values: cleared.
    #[serde(deserialize_with = "shared::named")]
    pub attributes: Vec<(Arc<str>, Values)>,
    /// Linked attributes.
    pub links: Vec<Links>,
    /// Version.
    pub version: Option<Version>,
}

/// A page of a read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Id of the read.
    pub read: i64,
    /// Number within the read.
    pub number: u32,
    /// Entries.
    pub entries: Vec<Entry>,
    /// Position after this page.
    pub watermark: Option<Bytes>,
}

/// The mechanism changes were found by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// The server that answered.
    pub server: String,
    /// What is weaker than with the best one.
    pub weaker: Option<RefusalText>,
}

/// The end of a read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadEnd {
    /// Complete: the position, and how many objects of each class were seen.
    Complete {
        /// Position.
        watermark: Bytes,
        /// Objects seen by class.
        seen: Vec<(Arc<str>, u64)>,
        /// Whether a delta named everything that is there.
        is_census: bool,
        /// How changes were found.
        method: Method,
    },
    /// The position cannot be continued.
    NeedsFullRead(RefusalText),
    /// The read failed.
    Failed(RefusalText),
}

/// An entry of a plain listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Whole state.
    pub entry: Entry,
    /// Distinguished name.
    pub dn: String,
}

/// A chunk of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Number within the listing, from 0.
    pub number: u32,
    /// Entries.
    pub entries: Vec<Listed>,
}

/// Type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeKind {
    /// Text.
    Text,
    /// Integer.
    Integer,
    /// Boolean.
    Boolean,
    /// Bytes.
    Binary,
    /// Windows file time.
    FileTime,
    /// Generalized time.
    Time,
    /// Reference.
    Reference,
}

/// An attribute of a source's schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Name.
    pub name: Arc<str>,
    /// Type.
    pub kind: AttributeKind,
    /// Whether it may hold several values.
    pub is_multivalued: bool,
}

/// What a source says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Realm.
    pub realm: String,
    /// Naming context.
    pub naming_context: String,
    /// DNS name of the domain.
    pub domain_fqdn: String,
    /// NetBIOS name of the domain.
    pub domain_netbios: String,
    /// Server that answered.
    pub server: String,
    /// Its replica id.
    pub replica: String,
    /// Vendor and version.
    pub product: String,
    /// Schema.
    pub attributes: Vec<Attribute>,
    /// Seconds deletions stay visible.
    pub tombstone_lifetime_seconds: i64,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Anchor.
    pub anchor: Bytes,
    /// Distinguished name.
    pub dn: String,
}

/// Answer to work of the call lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The work failed, or is not known.
    Refused(RefusalText),
    /// To `Discover`.
    Source(SourceFacts),
    /// To `Containers`.
    Containers(Vec<Container>),
    /// To `ReadOne`: it lives.
    Live {
        /// Whole state.
        entry: Box<Entry>,
        /// Distinguished name.
        dn: String,
    },
    /// To `ReadOne`: a tombstone proves its deletion.
    Deleted(Bytes),
    /// To `ReadOne`: neither it nor a tombstone is there.
    NotFound,
    /// To `Enumerate`: every chunk has been sent.
    ListingEnd {
        /// How many chunks.
        chunks: u32,
    },
    /// To `Watch`: the source ended it, or cannot do it and says why.
    WatchEnd {
        /// Why the source cannot tell of changes.
        unsupported: Option<RefusalText>,
    },
    /// To `Examine`, `Trace` and `Logs`: an [`Examination`](super::Examination), a [`Traced`](super::Traced), or what was
    /// [`Collected`](super::Collected), as JSON.
    Examined {
        /// The text.
        report: String,
    },
    /// To `ReadOne`: it lives, and its references lead to objects of others. Only to a server that asked for it.
    LiveAmongOthers {
        /// Whole state.
        entry: Box<Entry>,
        /// Distinguished name.
        dn: String,
        /// What is known of those: their kind is `Elsewhere`.
        others: Vec<Entry>,
    },
}

/// The doorbell rang, or is armed from now on. One ring may stand for many changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// Number within the watch, from 0.
    pub number: u32,
    /// Whether it says that the source took the request, and not that something changed.
    pub is_armed: bool,
}
