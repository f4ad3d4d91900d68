//! Paged reads in progress on one connection.
//!
//! A cookie means nothing on another connection, as on Windows. The set of found objects is fixed by the
//! first page; their values are read when their page is sent.

use std::collections::VecDeque;

use crate::store::ObjectId;

/// Paged reads a connection may have open (MaxResultSetsPerConn).
const OPEN_LIMIT: usize = 10;

/// What is left of one paged read.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) ids: Vec<ObjectId>,
    pub(super) next: usize,
    pub(super) base: String,
}

/// The paged reads of a connection.
#[derive(Debug, Default)]
pub(super) struct Paging {
    open: VecDeque<(u64, Rest)>,
    given: u64,
}

impl Paging {
    /// Takes up the read that a cookie belongs to.
    pub(super) fn take(&mut self, cookie: &[u8]) -> Option<Rest> {
        let number = u64::from_le_bytes(cookie.try_into().ok()?);
        let place = self.open.iter().position(|(known, _)| *known == number)?;
        self.open.remove(place).map(|(_, rest)| rest)
    }

    /// Keeps what is left and gives its cookie.
    pub(super) fn keep(&mut self, rest: Rest) -> Vec<u8> {
        if self.open.len() >= OPEN_LIMIT {
            self.open.pop_front();
        }
        self.given += 1;
        self.open.push_back((self.given, rest));
        self.given.to_le_bytes().to_vec()
    }
}
