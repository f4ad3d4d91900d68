//! The contract of a source connector.
//!
//! Never writes to the foreign system. Every request has a time-out. Trap: pages must be sent in order, and the caller may
//! refuse one (somebody else reads now): then the read ends at once, or is dropped where it stands.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sync_core::{
    code::Code,
    id::Anchor,
    object::{AttributeInfo, Entry, ReadSpec},
    operation::Refusal,
    value::Name,
};

/// Opaque read position of a source, in the connector's own versioned envelope.
pub type Watermark = Vec<u8>;

/// How to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadMode {
    /// Everything inside the spec, from nothing.
    Full,
    /// What changed since this position.
    Delta(Watermark),
    /// Everything again, to be merged only: nothing is judged absent from it (a changed read spec).
    Backfill,
}

/// One page on its way to the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Counts from 0 within a read.
    pub number: u32,
    /// The entries, parents before children where the source can.
    pub entries: Vec<Entry>,
    /// The position after this page, where the source gives one per page.
    pub watermark: Option<Watermark>,
}

/// Where pages go.
#[async_trait]
pub trait PageSink: Send {
    /// Hands over the next page. It may be stored later than this returns, in its order, so that reading goes on meanwhile; only
    /// the end of the read tells that all of them were.
    ///
    /// # Errors
    /// The reader must stop and pass the refusal on.
    async fn page(&mut self, page: Page) -> Result<(), Refusal>;
}

/// How a read ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadEnd {
    /// Complete: the position to continue from, and how many objects of each class the source showed.
    Complete {
        /// The position.
        watermark: Watermark,
        /// Objects seen whole or as part, by class.
        seen: BTreeMap<Name, u64>,
        /// Whether a delta named everything that is there, changed or not ([`sync_core::object::EntryKind::Present`]), so that
        /// what it did not name is absent (RFC 4533 §3.3.2, the present phase). Means nothing for the other modes.
        is_census: bool,
        /// By which mechanism changes were found.
        method: ReadMethod,
    },
    /// The position cannot be continued (with the reason: cookie refused, replica reset, too old, spec changed); nothing was read.
    NeedsFullRead(Refusal),
}

/// The mechanism a source finds changes by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadMethod {
    /// `DirSync`, `uSNChanged`, `RFC 4533`, `modifyTimestamp`.
    pub name: String,
    /// The server that answered.
    pub server: String,
    /// What is weaker than with the best mechanism and what would cure it, if this is not the best. Deltas of a weaker
    /// mechanism do not see every deletion: a full comparison has to follow from time to time.
    pub weaker: Option<Refusal>,
}

/// How a watch ended without a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchEnd {
    /// The source cannot tell of changes (with the reason); ask by the clock.
    Unsupported(Refusal),
    /// The source ended it; watch again.
    Ended,
}

/// The doorbell: told that something changed, never what.
pub trait Bell: Send + Sync {
    /// The source took the request: every change from now on rings. What changed before may have been missed.
    fn armed(&self);
    /// Something changed.
    fn ring(&self);
}

/// What a source says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// The realm objects' anchors are unique in (AD: the forest's or domain's DNS name, lower case).
    pub realm: String,
    /// The naming context read.
    pub naming_context: String,
    /// DNS name of the domain (`canal.example`).
    pub domain_fqdn: String,
    /// NetBIOS name of the domain.
    pub domain_netbios: String,
    /// The server that answered.
    pub server: String,
    /// The server's replica id (AD: invocationId), as GUID text.
    pub replica: String,
    /// Vendor and version, as far as it says.
    pub product: String,
    /// Attributes of the schema.
    pub attributes: Vec<AttributeInfo>,
    /// Seconds deletions stay visible as tombstones.
    pub tombstone_lifetime_seconds: i64,
}

/// How an object is named in a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectName {
    /// By anchor.
    Anchor(Anchor),
    /// By distinguished name.
    Dn(String),
    /// By user principal name.
    UserPrincipalName(String),
    /// By account name.
    AccountName(String),
}

/// What is known of one object asked for by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadOne {
    /// It lives; its whole state and its distinguished name.
    Live {
        /// Whole state.
        entry: Box<Entry>,
        /// Distinguished name now.
        dn: String,
        /// What its references lead to that belongs to others, without the rest of them: [`EntryKind::Elsewhere`].
        elsewhere: Vec<Entry>,
    },
    /// A tombstone proves that it was deleted.
    Deleted(Anchor),
    /// Neither it nor a tombstone of it is there, and the base is readable.
    NotFound,
}

/// A plain enumeration for judges (`verify`, `preview`): entries as they are, apart from any delta logic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Whole state.
    pub entry: Entry,
    /// Distinguished name.
    pub dn: String,
}

/// A container for choosing a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Anchor.
    pub anchor: Anchor,
    /// Distinguished name.
    pub dn: String,
}

/// A refusal or fault of the foreign system, as a code with arguments (server, operation, text).
pub type SourceError = Refusal;

/// The contract. Methods take `&mut self`: a host has one instance per lease.
#[async_trait]
pub trait Source: Send {
    /// Connects, authenticates, and says what the source is. Also the connection test.
    async fn discover(&mut self) -> Result<SourceInfo, SourceError>;

    /// Reads, page after page, into the sink.
    ///
    /// # Errors
    /// By code; a read that did not end with [`ReadEnd::Complete`] has not happened, whatever pages were sent.
    async fn read(
        &mut self,
        spec: &ReadSpec,
        mode: ReadMode,
        sink: &mut dyn PageSink,
    ) -> Result<ReadEnd, SourceError>;

    /// Says where the last read ended, before a full read, a backfill, a listing, or a question about one object or the
    /// containers: nothing older than that may be shown, whichever server answers. Holds for the next call only.
    fn not_older_than(&mut self, _position: Watermark) {}

    /// Reads one object with all values inside the spec, or finds its tombstone.
    async fn read_one(
        &mut self,
        spec: &ReadSpec,
        name: &ObjectName,
    ) -> Result<ReadOne, SourceError>;

    /// Lists objects of the spec by plain search into `each` (never by the delta mechanism). `each` returns false to stop.
    async fn enumerate(
        &mut self,
        spec: &ReadSpec,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError>;

    /// Watches for changes inside the spec and rings for them, until the source or the connection ends it. One ring may stand
    /// for many changes, and a ring may be about nothing. `watermark` is where the last read ended, if there was one.
    ///
    /// # Errors
    /// By code, if the source cannot be reached or refuses.
    async fn watch(
        &mut self,
        _spec: &ReadSpec,
        _watermark: Option<Watermark>,
        _bell: &dyn Bell,
    ) -> Result<WatchEnd, SourceError> {
        let why = Refusal::new(Code::RequestInvalid)
            .with("text", "this kind of source does not tell of changes");
        Ok(WatchEnd::Unsupported(why))
    }

    /// The containers objects can be scoped by.
    async fn containers(&mut self) -> Result<Vec<Container>, SourceError>;
}

/// A refusal with the server and operation that every source error names.
pub fn source_error(
    code: Code,
    server: &str,
    operation: &str,
    text: impl Into<String>,
) -> SourceError {
    Refusal::new(code)
        .with("server", server)
        .with("operation", operation)
        .with("text", text)
}
