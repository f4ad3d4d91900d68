//! Reading: what objects look like from outside, and paging through them.
//!
//! Never waits for the writer: every call sees the last committed state, in one snapshot. Trap: a page token belongs
//! to the listing it came from; objects made meanwhile may or may not appear in later pages.

mod list;
mod lookup;
mod references;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rusqlite::Row;
use uuid::Uuid;

use crate::fault::Fault;
use crate::schema::Kind;
use crate::value::Attributes;
use crate::values::Values;

pub use list::{Counts, Filter};
pub use lookup::{Lookup, LookupKey, Match};
pub use references::ObjectReference;

/// The most entries of one page; larger requests get this many.
pub const MAX_PAGE_SIZE: usize = 5_000;

/// Whether an object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It lives.
    Live,
    /// A user in the bin.
    SoftDeleted {
        /// Since when.
        at: Timestamp,
    },
}

/// One object with its attributes; references are read separately.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its id, opaque and never used twice.
    pub id: Uuid,
    /// What it is.
    pub kind: Kind,
    /// Whether it lives.
    pub state: State,
    /// The directory-wide sequence number of its last change.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// The application that changed it last; none for the administrator.
    pub changed_by: Option<Uuid>,
    /// What it holds.
    pub attributes: Attributes,
}

impl Object {
    /// The text of an attribute, if it has one.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes
            .get(attribute)
            .and_then(crate::Value::as_text)
    }

    /// Whether it lives.
    pub fn is_live(&self) -> bool {
        self.state == State::Live
    }
}

/// Where the next page begins; opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(String);

impl PageToken {
    /// The token as handed to a client.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn after_row(row: i64) -> PageToken {
        PageToken(URL_SAFE_NO_PAD.encode(row.to_be_bytes()))
    }

    fn after_key(key: &[u8]) -> PageToken {
        PageToken(URL_SAFE_NO_PAD.encode(key))
    }

    fn bytes(&self) -> Result<Vec<u8>, Fault> {
        URL_SAFE_NO_PAD
            .decode(&self.0)
            .map_err(|_| Fault::InvalidPageToken)
    }

    fn row(&self) -> Result<i64, Fault> {
        let bytes: [u8; 8] = self
            .bytes()?
            .try_into()
            .map_err(|_| Fault::InvalidPageToken)?;
        Ok(i64::from_be_bytes(bytes))
    }
}

impl From<&str> for PageToken {
    fn from(text: &str) -> Self {
        PageToken(text.to_owned())
    }
}

/// Part of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where to go on; none at the end.
    pub next: Option<PageToken>,
}

/// The row a token stands for, or the beginning.
fn start(token: Option<&PageToken>) -> Result<i64, Fault> {
    token.map_or(Ok(0), PageToken::row)
}

fn page_limit(size: usize) -> usize {
    size.clamp(1, MAX_PAGE_SIZE)
}

fn sql_limit(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(crate) fn timestamp(milliseconds: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| Fault::Unreadable { place: "a time" })
}

/// The columns [`object`] reads, of `object o` joined with `principal p`.
const OBJECT: &str = "SELECT o.uuid, o.kind, o.state, o.version, o.created_at, o.changed_at, o.deleted_at, o.attributes, \
                      p.app_id, o.id FROM object o LEFT JOIN principal p ON p.id = o.changed_by";

/// Position of the row number in [`OBJECT`].
const ROW: usize = 9;

fn object(row: &Row<'_>) -> Result<Object, Fault> {
    let state = match (row.get::<_, i64>(2)?, row.get::<_, Option<i64>>(6)?) {
        (0, _) => State::Live,
        (_, at) => State::SoftDeleted {
            at: timestamp(at.unwrap_or_default())?,
        },
    };
    let blob = row.get_ref(7)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Object {
        id: Uuid::from_bytes(row.get(0)?),
        kind: kind(row.get(1)?)?,
        state,
        version: row.get::<_, i64>(3)?.unsigned_abs(),
        created_at: timestamp(row.get(4)?)?,
        changed_at: timestamp(row.get(5)?)?,
        changed_by: row.get::<_, Option<[u8; 16]>>(8)?.map(Uuid::from_bytes),
        attributes: Values::decode(blob)?.into_attributes(),
    })
}

pub(crate) fn kind(number: i64) -> Result<Kind, Fault> {
    Kind::from_number(number).ok_or(Fault::Unreadable {
        place: "the kind of an object",
    })
}
