//! Content synchronisation: what changed below a base since a cookie, once or for as long as one listens.
//!
//! [`SyncSearch`] turns the messages of RFC 4533 into steps and never judges them. Trap: a server that has nothing to tell
//! may leave the cookie out of its last message; the one sent then stays good.
//!
//! # Source
//! RFC 4533 The Lightweight Directory Access Protocol (LDAP) Content Synchronization Operation

use bytes::Bytes;
use ldap3_proto::{control::LdapControl, proto::SyncRequestMode};

use crate::{
    ber::{BOOLEAN, ENUMERATED, OCTETS, Reader, SEQUENCE, SET},
    connection::Connection,
    error::Error,
    message::{Body, Control, Entry},
    search::{Query, Search},
};

/// The request control's object identifier.
pub const SYNC_REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";
const OPERATION: &str = "content synchronisation search";

const NEW_COOKIE: u8 = 0x80;
const REFRESH_DELETE: u8 = 0xa1;
const REFRESH_PRESENT: u8 = 0xa2;
const ID_SET: u8 = 0xa3;

/// Until when to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// What changed until now.
    RefreshOnly,
    /// That, and what changes from then on.
    RefreshAndPersist,
}

/// What an entry's state says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// It is there and did not change; the entry is empty.
    Present,
    /// It is new, or the server does not tell new from changed.
    Add,
    /// It changed.
    Modify,
    /// It was deleted; the entry is empty.
    Delete,
}

/// A step of a synchronisation.
#[derive(Clone, Debug, PartialEq)]
pub enum SyncStep {
    /// One object.
    Entry {
        /// Its entry.
        entry: Entry,
        /// What is said of it.
        state: SyncState,
        /// Its entryUUID.
        uuid: [u8; 16],
    },
    /// Many objects at once, by entryUUID.
    Set {
        /// Which.
        uuids: Vec<[u8; 16]>,
        /// Whether they were deleted; else they are there and did not change.
        are_deleted: bool,
    },
    /// The end of a phase of the refresh.
    Phase {
        /// Whether objects not named in it are absent (a present phase) rather than unchanged.
        is_census: bool,
        /// Whether the refresh is over and what follows are changes as they happen.
        is_refreshed: bool,
    },
    /// A cookie on the way.
    Cookie(Vec<u8>),
    /// The end.
    Done {
        /// Where to continue; `None`: where this began.
        cookie: Option<Vec<u8>>,
        /// Whether objects that were not named are absent rather than unchanged (RFC 4533 §3.3.2).
        is_census: bool,
    },
}

/// A running synchronisation.
pub struct SyncSearch(Search);

impl Connection {
    /// Starts a synchronisation; without a cookie it begins from nothing.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn synchronise(
        &self,
        query: &Query,
        mode: SyncMode,
        cookie: Option<&[u8]>,
    ) -> Result<SyncSearch, Error> {
        let query = query.clone().control(LdapControl::SyncRequest {
            criticality: true,
            mode: match mode {
                SyncMode::RefreshOnly => SyncRequestMode::RefreshOnly,
                SyncMode::RefreshAndPersist => SyncRequestMode::RefreshAndPersist,
            },
            cookie: cookie.map(<[u8]>::to_vec),
            // Whoever cannot be continued wants to be told so, not to be sent everything.
            reload_hint: false,
        });
        self.search_as(OPERATION, &query).map(SyncSearch)
    }
}

impl SyncSearch {
    /// The next step.
    ///
    /// # Errors
    /// [`Error::Refused`] (the caller judges the code), [`Error::Incomplete`] if a message lacks what it must carry, silence,
    /// or a broken connection.
    pub async fn next(&mut self) -> Result<SyncStep, Error> {
        loop {
            let body = self.0.next_body().await?;
            if let Some(step) = self.step(body)? {
                return Ok(step);
            }
        }
    }

    /// As [`SyncSearch::next`], however long it takes: changes may be rare.
    ///
    /// # Errors
    /// As [`SyncSearch::next`], but for silence.
    pub async fn next_whenever(&mut self) -> Result<SyncStep, Error> {
        loop {
            let body = self.0.next_body_whenever().await?;
            if let Some(step) = self.step(body)? {
                return Ok(step);
            }
        }
    }

    fn step(&self, body: Body) -> Result<Option<SyncStep>, Error> {
        match body {
            Body::Entry(entry, controls) => {
                let found = state(&controls);
                let (state, uuid) = found.ok_or_else(|| self.0.incomplete("a sync state"))?;
                Ok(Some(SyncStep::Entry { entry, state, uuid }))
            }
            Body::Intermediate(name, value) => match (name.as_deref(), value) {
                (Some(SYNC_INFO), Some(value)) => {
                    let step = info(&value);
                    let step = step.ok_or_else(|| self.0.incomplete("sync info that is whole"));
                    step.map(Some)
                }
                _ => Ok(None),
            },
            Body::Reference(_) => Ok(None),
            Body::Done { outcome, .. } => {
                let outcome = self.0.succeeded(outcome)?;
                let value = outcome.control(SYNC_DONE).and_then(|c| c.value.as_deref());
                let done = match value {
                    Some(value) => done(value),
                    None => None,
                };
                let done = done.ok_or_else(|| self.0.incomplete("a sync done control"));
                done.map(Some)
            }
        }
    }
}

pub(crate) fn state(controls: &[Control]) -> Option<(SyncState, [u8; 16])> {
    let control = controls.iter().find(|control| control.oid == SYNC_STATE)?;
    let mut parts = Reader::new(
        Reader::new(control.value.as_deref()?)
            .expect(SEQUENCE)
            .ok()?,
    );
    let state = match parts.integer(ENUMERATED).ok()? {
        0 => SyncState::Present,
        1 => SyncState::Add,
        2 => SyncState::Modify,
        3 => SyncState::Delete,
        _ => return None,
    };
    Some((state, parts.expect(OCTETS).ok()?.try_into().ok()?))
}

pub(crate) fn done(value: &[u8]) -> Option<SyncStep> {
    let mut parts = Reader::new(Reader::new(value).expect(SEQUENCE).ok()?);
    let cookie = parts.optional(OCTETS).ok()?.map(<[u8]>::to_vec);
    let refresh_deletes = truth(&mut parts, false)?;
    Some(SyncStep::Done {
        cookie,
        is_census: !refresh_deletes,
    })
}

pub(crate) fn info(value: &Bytes) -> Option<SyncStep> {
    let (tag, content) = Reader::new(value).element().ok()?;
    if tag == NEW_COOKIE {
        return Some(SyncStep::Cookie(content.to_vec()));
    }
    let mut parts = Reader::new(content);
    let _cookie = parts.optional(OCTETS).ok()?;
    match tag {
        REFRESH_DELETE | REFRESH_PRESENT => Some(SyncStep::Phase {
            is_census: tag == REFRESH_PRESENT,
            is_refreshed: truth(&mut parts, true)?,
        }),
        ID_SET => {
            let are_deleted = truth(&mut parts, false)?;
            let mut set = Reader::new(parts.expect(SET).ok()?);
            let mut uuids = Vec::new();
            while !set.is_empty() {
                uuids.push(set.expect(OCTETS).ok()?.try_into().ok()?);
            }
            Some(SyncStep::Set { uuids, are_deleted })
        }
        _ => None,
    }
}

fn truth(parts: &mut Reader<'_>, default: bool) -> Option<bool> {
    match parts.optional(BOOLEAN).ok()? {
        Some(content) => Some(content.first().is_some_and(|byte| *byte != 0)),
        None => Some(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Option<SyncStep> {
        info(&Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn sync_info_is_read_with_its_defaults() {
        assert_eq!(
            check(&[0x80, 2, b'a', b'b']),
            Some(SyncStep::Cookie(b"ab".to_vec()))
        );
        let phase = |is_census, is_refreshed| SyncStep::Phase {
            is_census,
            is_refreshed,
        };
        assert_eq!(check(&[0xa1, 0]), Some(phase(false, true)));
        assert_eq!(
            check(&[0xa2, 6, 4, 1, b'c', 1, 1, 0]),
            Some(phase(true, false))
        );
        let mut set = vec![0xa3, 23, 1, 1, 0xff, 0x31, 18, 4, 16];
        set.extend([7; 16]);
        assert_eq!(
            check(&set),
            Some(SyncStep::Set {
                uuids: vec![[7; 16]],
                are_deleted: true
            })
        );
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        assert_eq!(check(&[]), None);
        assert_eq!(check(&[0xa3, 4, 0x31, 2, 4, 0]), None);
        assert_eq!(check(&[0xa4, 0]), None);
        assert_eq!(done(&[0x30, 3, 4, 5, 1]), None);
    }

    #[test]
    fn an_end_without_cookie_and_flag_is_a_census_of_the_position_begun_with() {
        assert_eq!(
            done(&[0x30, 0]),
            Some(SyncStep::Done {
                cookie: None,
                is_census: true
            })
        );
        assert_eq!(
            done(&[0x30, 6, 4, 1, b'c', 1, 1, 0xff]),
            Some(SyncStep::Done {
                cookie: Some(b"c".to_vec()),
                is_census: false
            })
        );
    }
}
