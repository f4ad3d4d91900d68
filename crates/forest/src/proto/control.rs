//! Controls of AD: their identifiers, and the values this server reads and writes.
//!
//! A control's value is read only when it is used; a value that cannot be read is reported by the
//! operation, never by closing the connection.

use crate::ber::{self, BOOLEAN, BerError, INTEGER, OCTETS, Reader, SEQUENCE, Writer};

/// Object identifiers of controls and extended operations.
pub mod oid {
    /// Paged results (RFC 2696).
    pub const PAGED: &str = "1.2.840.113556.1.4.319";
    /// Changes since a cookie.
    pub const DIRSYNC: &str = "1.2.840.113556.1.4.841";
    /// GUID and SID in front of every DN.
    pub const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";
    /// Deleted objects too.
    pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
    /// Recycled objects too.
    pub const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
    /// Links from and to deleted objects too.
    pub const SHOW_DEACTIVATED_LINK: &str = "1.2.840.113556.1.4.2065";
    /// Tell about changes until abandoned.
    pub const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
    /// Which parts of a security descriptor.
    pub const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
    /// Delete with everything below.
    pub const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
    /// Do not generate referrals.
    pub const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
    /// Search all naming contexts.
    pub const SEARCH_OPTIONS: &str = "1.2.840.113556.1.4.1338";
    /// A change that is already so is no error.
    pub const PERMISSIVE_MODIFY: &str = "1.2.840.113556.1.4.1413";
    /// Answer before it is durable.
    pub const LAZY_COMMIT: &str = "1.2.840.113556.1.4.619";
    /// StartTLS (RFC 4511 §4.14).
    pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
    /// Who am I (RFC 4532).
    pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
    /// Notice of disconnection (RFC 4511 §4.4.1).
    pub const DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
    /// What rootDSE lists and this server accepts.
    pub const SUPPORTED: &[&str] = &[
        PAGED,
        DIRSYNC,
        EXTENDED_DN,
        SHOW_DELETED,
        SHOW_RECYCLED,
        SHOW_DEACTIVATED_LINK,
        NOTIFICATION,
        SD_FLAGS,
        TREE_DELETE,
        DOMAIN_SCOPE,
        SEARCH_OPTIONS,
        PERMISSIVE_MODIFY,
        LAZY_COMMIT,
    ];
}

/// One control of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// Which one.
    pub oid: String,
    /// The client insists.
    pub is_critical: bool,
    /// Its value as sent.
    pub value: Option<Vec<u8>>,
}

/// The value of a DirSync request control (MS-ADTS 3.1.1.3.4.1.3).
#[derive(Debug, Clone, PartialEq)]
pub struct DirSyncRequest {
    /// Flags in their unsigned reading.
    pub flags: u32,
    /// Most octets wanted per answer; 0 leaves it to the server.
    pub max_bytes: i64,
    /// Where the last answer ended; empty for a first read.
    pub cookie: Vec<u8>,
}

impl Control {
    /// Reads the inside of one control.
    pub fn read(mut reader: Reader<'_>) -> Result<Self, BerError> {
        let oid = reader.text(OCTETS)?;
        let is_critical = reader.optional(BOOLEAN)?.is_some_and(|body| body != [0]);
        let value = reader.optional(OCTETS)?.map(<[u8]>::to_vec);
        Ok(Self {
            oid,
            is_critical,
            value,
        })
    }

    fn body(&self) -> Result<Reader<'_>, BerError> {
        Reader::new(self.value.as_deref().unwrap_or_default()).nested(SEQUENCE)
    }

    /// Page size and cookie of a paged results control.
    pub fn paged(&self) -> Result<(i64, Vec<u8>), BerError> {
        let mut body = self.body()?;
        Ok((body.integer(INTEGER)?, body.expect(OCTETS)?.to_vec()))
    }

    /// Flags, size and cookie of a DirSync control. Clients send the flags signed or unsigned.
    pub fn dirsync(&self) -> Result<DirSyncRequest, BerError> {
        let mut body = self.body()?;
        let flags = body.integer(INTEGER)?;
        if !(i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(&flags) {
            return Err(BerError::Range);
        }
        Ok(DirSyncRequest {
            flags: flags as u32,
            max_bytes: body.integer(INTEGER)?,
            cookie: body.expect(OCTETS)?.to_vec(),
        })
    }

    /// The number in an extended DN control; absent means 0, hexadecimal.
    pub fn number(&self) -> Result<i64, BerError> {
        match self.value.as_deref() {
            None | Some([]) => Ok(0),
            Some(_) => self.body()?.integer(INTEGER),
        }
    }

    /// The answer's paged results control; an empty cookie ends the read.
    pub fn paged_answer(cookie: &[u8]) -> Self {
        let mut writer = Writer::new();
        let open = writer.open(SEQUENCE);
        writer.integer(INTEGER, 0);
        writer.octets(OCTETS, cookie);
        writer.close(open);
        Self::answer(oid::PAGED, writer.bytes)
    }

    /// The answer's DirSync control.
    pub fn dirsync_answer(has_more: bool, cookie: &[u8]) -> Self {
        let mut writer = Writer::new();
        let open = writer.open(SEQUENCE);
        writer.integer(INTEGER, i64::from(has_more));
        writer.integer(INTEGER, 0);
        writer.octets(ber::OCTETS, cookie);
        writer.close(open);
        Self::answer(oid::DIRSYNC, writer.bytes)
    }

    fn answer(oid: &str, value: Vec<u8>) -> Self {
        Self {
            oid: oid.to_owned(),
            is_critical: false,
            value: Some(value),
        }
    }
}
