//! Full and delta reads by DirSync, handed on in pages.
//!
//! A full read is the same as a delta from nothing. An entry that does not tell enough (renamed, restored, reshaped) is read
//! afresh at the end of its round, before the round's position is published. Never turns absence into deletion: only
//! tombstones become [`EntryKind::Deleted`]. Trap: a moved container does not bring its children; when it may have moved
//! into the spec's containers, its subtree is listed.

use std::collections::BTreeMap;

use ldap::{DirSyncFlags, Error, Query, ResultCode, Scope as Depth, Step};
use sync_core::{
    code::Code,
    id::Anchor,
    object::{Entry, EntryKind, LinkChange},
    operation::Refusal,
    value::Name,
};

use super::{
    entry::{self, Life, Seen},
    one::{Found, Reading},
    watermark::{Position, Standing},
};
use crate::{
    ldap::failure,
    source::{ObjectName, Page, PageSink, ReadEnd, ReadMethod, SourceError},
};

/// How much the server puts into one round, where it heeds that.
const ROUND_BYTES: u32 = 4 << 20;
/// How many links one entry carries; the rest follows in further entries of the same object.
const LINKS_PER_ENTRY: usize = 20_000;
/// How many links one page carries before it is handed on.
const LINKS_PER_PAGE: usize = 50_000;
/// How many rounds without progress are accepted.
const IDLE_ROUNDS: u32 = 100;

/// Pages on their way to the sink.
pub(super) struct Pages<'a> {
    sink: &'a mut dyn PageSink,
    size: usize,
    number: u32,
    entries: Vec<Entry>,
    links: usize,
    seen: BTreeMap<Name, u64>,
}

impl<'a> Pages<'a> {
    pub fn new(sink: &'a mut dyn PageSink, size: u32) -> Self {
        Self {
            sink,
            size: size.max(1) as usize,
            number: 0,
            entries: Vec::new(),
            links: 0,
            seen: BTreeMap::new(),
        }
    }

    async fn push(&mut self, entry: Entry) -> Result<(), SourceError> {
        if let (EntryKind::Whole | EntryKind::Part, Some(class)) = (entry.kind, &entry.class) {
            *self.seen.entry(class.clone()).or_default() += 1;
        }
        for entry in in_portions(entry) {
            self.links += entry.links.iter().map(count).sum::<usize>();
            self.entries.push(entry);
            if self.entries.len() >= self.size || self.links >= LINKS_PER_PAGE {
                self.flush(None).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, watermark: Option<Vec<u8>>) -> Result<(), SourceError> {
        self.links = 0;
        let page = Page {
            number: self.number,
            entries: std::mem::take(&mut self.entries),
            watermark,
        };
        self.number += 1;
        self.sink.page(page).await
    }
}

fn count(link: &LinkChange) -> usize {
    link.added.len() + link.removed.len()
}

/// Splits an entry with very many links into a first entry and parts that add the rest.
fn in_portions(mut entry: Entry) -> Vec<Entry> {
    let mut rest = Vec::new();
    for link in &mut entry.links {
        if link.added.len() <= LINKS_PER_ENTRY {
            continue;
        }
        let further = link.added.split_off(LINKS_PER_ENTRY);
        for chunk in further.chunks(LINKS_PER_ENTRY) {
            let mut part = Entry::new(entry.anchor.clone(), EntryKind::Part);
            part.version = entry.version;
            part.links.push(LinkChange {
                attribute: link.attribute.clone(),
                complete: false,
                added: chunk.to_vec(),
                removed: Vec::new(),
            });
            rest.push(part);
        }
    }
    rest.insert(0, entry);
    rest
}

/// What one round left to be read afresh.
#[derive(Default)]
struct PutOff {
    unclear: Vec<Seen>,
    restored: Vec<Anchor>,
}

impl Reading<'_> {
    /// Reads from a cookie (none: from nothing) to now.
    pub async fn read(
        mut self,
        cookie: Option<Vec<u8>>,
        first: Standing,
        mut pages: Pages<'_>,
    ) -> Result<ReadEnd, SourceError> {
        let mut standing = first;
        let mut is_first_round = cookie.is_some();
        let mut cookie = cookie.unwrap_or_default();
        let mut idle = 0;
        loop {
            self.usn = standing.usn;
            let end = match self.round(&cookie, &mut pages).await? {
                Ok(end) => end,
                Err(error) if is_first_round && refuses_cookie(&error) => {
                    return Ok(ReadEnd::NeedsFullRead(self.cookie_refused(&error)));
                }
                Err(error) => {
                    let session = self.session;
                    let server = session.connection.server();
                    return Err(failure::dirsync(server, &session.naming_context, &error));
                }
            };
            is_first_round = false;
            idle = if end.cookie == cookie { idle + 1 } else { 0 };
            if end.cookie.is_empty() || idle > IDLE_ROUNDS {
                return Err(self.stuck());
            }
            cookie = end.cookie;
            let watermark = Position::new(&standing, &cookie).encode();
            if !end.has_more {
                pages.flush(Some(watermark.clone())).await?;
                return Ok(ReadEnd::Complete {
                    watermark,
                    seen: pages.seen,
                    is_census: false,
                    method: ReadMethod {
                        name: "DirSync".into(),
                        server: self.session.server.clone(),
                        weaker: None,
                    },
                });
            }
            pages.flush(Some(watermark)).await?;
            standing = self.session.standing().await?;
        }
    }

    /// One round; the inner failure is the server's answer to it.
    async fn round(
        &self,
        cookie: &[u8],
        pages: &mut Pages<'_>,
    ) -> Result<Result<ldap::Round, Error>, SourceError> {
        let query = Query::new(&self.session.naming_context, Depth::Subtree)
            .attributes(self.selection.requested())
            .control(ldap::extended_dn())
            .control(ldap::show_deleted());
        let flags = DirSyncFlags::INCREMENTAL_VALUES.and(DirSyncFlags::ANCESTORS_FIRST);
        let connection = &self.session.connection;
        let mut sync = match connection.dirsync(&query, flags, ROUND_BYTES, cookie) {
            Ok(sync) => sync,
            Err(error) => return Ok(Err(error)),
        };
        let mut put_off = PutOff::default();
        let end = loop {
            match sync.next().await {
                Ok(Step::Entry(raw)) => {
                    let seen =
                        entry::read(&raw, self.selection).ok_or_else(|| self.nameless(&raw.dn))?;
                    if let Some(entry) = self.judge(seen, &mut put_off) {
                        pages.push(entry).await?;
                    }
                }
                Ok(Step::End(end)) => break end,
                Err(error) => return Ok(Err(error)),
            }
        };
        for seen in put_off.unclear {
            if !self.afresh(seen.anchor.clone(), pages).await? {
                pages.push(self.as_told(seen)?).await?;
            }
        }
        for anchor in put_off.restored {
            self.restored(anchor, pages).await?;
        }
        Ok(Ok(end))
    }

    /// What an entry of a round is to the engine; `None`: nothing, or put off.
    fn judge(&self, seen: Seen, put_off: &mut PutOff) -> Option<Entry> {
        let is_in_place = self.scope.has_place(&seen.dn);
        let has_class = seen
            .class
            .as_deref()
            .is_some_and(|c| self.scope.has_class(c));
        match seen.life {
            Life::Deleted => {
                let mut entry = Entry::new(seen.anchor, EntryKind::Deleted);
                entry.version = self.version();
                return Some(entry);
            }
            Life::Restored => {
                put_off.restored.push(seen.anchor);
                return None;
            }
            Life::Alive => {}
        }
        // A class outside the spec is a skeleton whatever else is unclear; only what is wanted is worth another look.
        if seen.is_unclear && !(seen.is_whole && !(has_class && is_in_place)) {
            put_off.unclear.push(seen);
            return None;
        }
        if seen.is_whole {
            return Some(self.living(seen));
        }
        if !is_in_place || (seen.attributes.is_empty() && seen.links.is_empty()) {
            return None;
        }
        let mut entry = Entry::new(seen.anchor, EntryKind::Part);
        entry.version = self.version();
        entry.attributes = seen.attributes;
        entry.links = seen.links;
        Some(entry)
    }

    /// Reads an object afresh, and its subtree if it is a container that may have come into the spec's containers;
    /// whether it could be seen.
    async fn afresh(&self, anchor: Anchor, pages: &mut Pages<'_>) -> Result<bool, SourceError> {
        let seen = match self.find(&ObjectName::Anchor(anchor)).await? {
            Found::Live(seen) => *seen,
            Found::Deleted(anchor) => {
                let mut entry = Entry::new(anchor, EntryKind::Deleted);
                entry.version = self.version();
                pages.push(entry).await?;
                return Ok(true);
            }
            Found::Nothing => return Ok(false),
        };
        let dn = seen.dn.clone();
        let entry = self.living(seen);
        let is_container = entry.kind == EntryKind::Skeleton
            && entry
                .class
                .as_deref()
                .is_some_and(|c| !self.scope.has_class(c));
        pages.push(entry).await?;
        if is_container && self.scope.is_limited() && self.scope.has_place(&dn) {
            self.subtree(&dn, pages).await?;
        }
        Ok(true)
    }

    /// What a round said of an object that a plain search does not show: DirSync sees more than the account may read, and an
    /// object deleted meanwhile is told as such by the next round.
    fn as_told(&self, seen: Seen) -> Result<Entry, SourceError> {
        if seen.is_whole && !seen.ranged.is_empty() {
            let text = format!("{} has more values than one answer holds", seen.dn);
            let server = self.session.connection.server();
            let code = Code::SourceInsufficientAccess;
            let refusal = crate::source::source_error(code, server, "read one object", text);
            return Err(refusal.with("right", "Read all properties"));
        }
        if seen.is_whole {
            return Ok(self.living(seen));
        }
        let is_in_place = self.scope.has_place(&seen.dn);
        let kind = match is_in_place {
            true => EntryKind::Part,
            false => EntryKind::Skeleton,
        };
        let mut entry = Entry::new(seen.anchor.clone(), kind);
        entry.rdn = Some(seen.rdn(&self.session.naming_context).into());
        entry.version = self.version();
        entry.class = seen.class;
        entry.parent = seen.parent;
        if is_in_place {
            entry.attributes = seen.attributes;
            entry.links = seen.links;
        }
        Ok(entry)
    }

    /// Reads a restored object afresh, and after it the objects that refer to it: their links came back without being a
    /// change of theirs.
    async fn restored(&self, anchor: Anchor, pages: &mut Pages<'_>) -> Result<(), SourceError> {
        if !self.afresh(anchor.clone(), pages).await? {
            tracing::warn!(object = %anchor, "restored object {anchor} is not shown to this account; give it the right to read all properties");
        }
        for holder in self.holders(&anchor).await? {
            if holder != anchor {
                self.afresh(holder, pages).await?;
            }
        }
        Ok(())
    }

    async fn subtree(&self, dn: &str, pages: &mut Pages<'_>) -> Result<(), SourceError> {
        let size = u32::try_from(pages.size).unwrap_or(u32::MAX);
        let mut below = Vec::new();
        let mut keep = |listed: crate::source::Listed| {
            below.push(listed.entry);
            true
        };
        self.list_below(dn, size, &mut keep).await?;
        for entry in below {
            pages.push(entry).await?;
        }
        Ok(())
    }

    fn cookie_refused(&self, error: &Error) -> Refusal {
        let server = self.session.connection.server();
        crate::source::source_error(
            Code::SourceCookieRefused,
            server,
            "DirSync search",
            error.chain(),
        )
    }

    fn stuck(&self) -> SourceError {
        crate::source::source_error(
            Code::SourceProtocolError,
            self.session.connection.server(),
            "DirSync search",
            "the server says there is more but its cookie does not advance",
        )
    }
}

/// Whether the answer to a continued read means that the cookie is of no use here.
fn refuses_cookie(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(
            ResultCode::UNAVAILABLE_CRITICAL_EXTENSION
                | ResultCode::UNWILLING_TO_PERFORM
                | ResultCode::PROTOCOL_ERROR
                | ResultCode::OPERATIONS_ERROR
                | ResultCode::OTHER
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_many_links_are_split_into_a_complete_start_and_additions() {
        let anchors = (0..50_001_u32).map(|n| Anchor::new(n.to_le_bytes()));
        let mut entry = Entry::new(Anchor::new([1; 16]), EntryKind::Whole);
        entry.links.push(LinkChange {
            attribute: "member".into(),
            complete: true,
            added: anchors.clone().collect(),
            removed: Vec::new(),
        });
        let portions = in_portions(entry);
        let kinds: Vec<_> = portions
            .iter()
            .map(|e| (e.kind, e.links[0].complete, e.links[0].added.len()))
            .collect();
        assert_eq!(
            kinds,
            [
                (EntryKind::Whole, true, LINKS_PER_ENTRY),
                (EntryKind::Part, false, LINKS_PER_ENTRY),
                (EntryKind::Part, false, 10_001),
            ]
        );
        let all = portions
            .iter()
            .flat_map(|e| e.links[0].added.iter().cloned());
        assert!(all.eq(anchors));
    }
}
