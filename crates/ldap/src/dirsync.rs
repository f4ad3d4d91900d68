//! The DirSync control of AD: everything in a naming context, or what changed in it since a cookie.
//!
//! One [`DirSync`] is one round: entries, then the new cookie and whether more wait. It never judges a cookie. Trap: the
//! flags are a signed 32-bit number on the wire, so INCREMENTAL_VALUES is negative.
//!
//! # Source
//! MS-ADTS §3.1.1.3.4.1.3 LDAP_SERVER_DIRSYNC_OID

use ldap3_proto::control::LdapControl;

use crate::{
    ber::{INTEGER, OCTETS, Reader, SEQUENCE},
    connection::Connection,
    error::Error,
    message::Entry,
    search::{Item, Query, Search},
};

/// The control's object identifier.
pub const DIRSYNC: &str = "1.2.840.113556.1.4.841";
const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";

/// What is to be told, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirSyncFlags(u32);

impl DirSyncFlags {
    /// Show what the caller may read; without it the right "Replicating Directory Changes" is needed.
    pub const OBJECT_SECURITY: Self = Self(0x1);
    /// Parents before children.
    pub const ANCESTORS_FIRST: Self = Self(0x800);
    /// Of linked attributes only the values added and removed.
    pub const INCREMENTAL_VALUES: Self = Self(0x8000_0000);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The end of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Where to continue.
    pub cookie: Vec<u8>,
    /// Whether more waits right now.
    pub has_more: bool,
}

/// A step of a round.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// An object.
    Entry(Entry),
    /// The end.
    End(Round),
}

/// A running round.
pub struct DirSync(Search);

impl Connection {
    /// Starts a round; an empty cookie begins from nothing. The query's base must be the root of a naming context.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn dirsync(
        &self,
        query: &Query,
        flags: DirSyncFlags,
        max_bytes: u32,
        cookie: &[u8],
    ) -> Result<DirSync, Error> {
        let query = query.clone().control(LdapControl::AdDirsync {
            flags: i64::from(flags.0.cast_signed()),
            max_bytes: i64::from(i32::try_from(max_bytes).unwrap_or(i32::MAX)),
            cookie: Some(cookie.to_vec()),
        });
        self.search_as("DirSync search", &query).map(DirSync)
    }
}

impl DirSync {
    /// The next object, or the end of the round.
    ///
    /// # Errors
    /// [`Error::Refused`] (the caller judges the code), [`Error::Incomplete`] if no new cookie came, silence, or a broken
    /// connection.
    pub async fn next(&mut self) -> Result<Step, Error> {
        loop {
            match self.0.next().await? {
                Item::Entry(entry) => return Ok(Step::Entry(entry)),
                Item::Reference(_) => {}
                Item::Done(outcome) => {
                    let outcome = self.0.succeeded(outcome)?;
                    let value = outcome.control(DIRSYNC).and_then(|c| c.value.as_deref());
                    let round = value
                        .and_then(round)
                        .ok_or_else(|| self.0.incomplete("a cookie"))?;
                    return Ok(Step::End(round));
                }
            }
        }
    }
}

pub(crate) fn round(value: &[u8]) -> Option<Round> {
    let mut parts = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
    let more = parts.integer(INTEGER).ok()?;
    parts.integer(INTEGER).ok()?;
    Some(Round {
        has_more: more != 0,
        cookie: parts.expect(OCTETS).ok()?.to_vec(),
    })
}

/// Distinguished names in the form `<GUID=…>;<SID=…>;CN=…` with text GUIDs.
pub fn extended_dn() -> LdapControl {
    LdapControl::ExtendedDn {
        criticality: true,
        format: 1,
    }
}

/// Tombstones and deleted objects are shown too.
pub fn show_deleted() -> LdapControl {
    LdapControl::ShowDeleted { criticality: true }
}

/// Recycled objects are shown too.
pub fn show_recycled() -> LdapControl {
    LdapControl::Unknown {
        oid: SHOW_RECYCLED.into(),
        criticality: false,
        value: None,
    }
}
