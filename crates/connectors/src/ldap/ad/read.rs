//! Full and delta reads by DirSync, handed on in pages.
//!
//! A full read is the same as a delta from nothing. An entry that does not tell enough (renamed, restored, reshaped) is read
//! afresh at the end of its round, before the round's position is published. Never turns absence into deletion: only
//! tombstones become [`EntryKind::Deleted`]. Trap: a moved container does not bring its children; when it may have moved
//! into the spec's containers, its subtree is listed.

use ldap::{DirSyncFlags, Error, Query, ResultCode, Scope as Depth, Step};
use sync_core::{
    code::Code,
    id::Anchor,
    object::{Entry, EntryKind},
    operation::Refusal,
};

use super::{
    entry::{self, Life, Seen},
    one::{Found, Reading},
    trail::Trail,
    watermark::Standing,
};
use crate::{
    ldap::{failure, pages::Pages},
    source::{ObjectName, ReadEnd, ReadMethod, SourceError},
};

/// How much the server puts into one round, where it heeds that.
const ROUND_BYTES: u32 = 4 << 20;
/// How many rounds without progress are accepted.
const IDLE_ROUNDS: u32 = 100;

/// What one round left to be read afresh.
#[derive(Default)]
struct PutOff {
    unclear: Vec<Seen>,
    restored: Vec<Anchor>,
}

impl PutOff {
    fn needs_reading(&self) -> bool {
        !(self.unclear.is_empty() && self.restored.is_empty())
    }
}

impl Reading<'_> {
    /// Reads by DirSync from the trail's cookie (none: from nothing) to now.
    ///
    /// # Errors
    /// By code; [`failure::lacks_dirsync_right`] tells an account that may not use DirSync at all.
    pub async fn dirsync(
        &mut self,
        first: &Standing,
        trail: &mut Trail,
        pages: &mut Pages<'_>,
    ) -> Result<ReadEnd, SourceError> {
        let mut standing = first.clone();
        let stored = trail
            .position
            .as_ref()
            .map(|position| position.cookie(first));
        let mut cookie = match stored.transpose() {
            Ok(cookie) => cookie.flatten().unwrap_or_default(),
            Err(refusal) => return Ok(ReadEnd::NeedsFullRead(refusal)),
        };
        let mut is_continued = !cookie.is_empty();
        let mut idle = 0;
        loop {
            self.usn = standing.usn;
            let taken = pages.taken;
            let end = match self.round(&cookie, pages).await? {
                Ok(end) => end,
                Err(error) if is_continued && refuses_cookie(&error) => {
                    return Ok(ReadEnd::NeedsFullRead(self.cookie_refused(&error)));
                }
                Err(error) => {
                    let session = self.session;
                    let server = session.connection.server();
                    return Err(failure::dirsync(server, &session.naming_context, &error));
                }
            };
            is_continued = false;
            idle = if end.cookie == cookie { idle + 1 } else { 0 };
            if end.cookie.is_empty() || idle > IDLE_ROUNDS {
                return Err(self.stuck());
            }
            cookie = end.cookie;
            let after = self.session.standing().await?;
            self.learn(trail, &after, pages.taken > taken).await?;
            let watermark = trail.advance(&standing, Some(&cookie));
            pages.flush(Some(watermark.clone())).await?;
            if !end.has_more {
                return Ok(ReadEnd::Complete {
                    watermark,
                    seen: std::mem::take(&mut pages.seen),
                    is_census: false,
                    method: ReadMethod {
                        name: "DirSync".into(),
                        server: self.session.server.clone(),
                        weaker: None,
                    },
                });
            }
            standing = after;
        }
    }

    /// Notes how new what was shown may be. When nothing was, there is time to find out exactly: numbers are also used up by
    /// what no other controller ever receives, and one that has everything must not seem to lag for that.
    pub async fn learn(
        &self,
        trail: &mut Trail,
        after: &Standing,
        has_news: bool,
    ) -> Result<(), SourceError> {
        if has_news {
            if let Some(held) = self.session.vector(after).await? {
                trail.known.merge(&held);
            }
            trail.known.set(&after.replica, after.usn);
            trail.is_exact = false;
        } else if !trail.is_exact
            && trail.known.usn(&after.replica).is_some()
            && self.session.shows_deletions().await?
        {
            if let Some(last) = self.session.last_change(after).await? {
                trail.known.set(&after.replica, last);
            }
            trail.is_exact = true;
        }
        Ok(())
    }

    /// Notes how new at least is what is about to be shown, so that a long read goes on, if this controller is lost, only where
    /// as much is held.
    pub async fn learn_first(
        &self,
        trail: &mut Trail,
        standing: &Standing,
    ) -> Result<(), SourceError> {
        if let Some(mut held) = self.session.vector(standing).await? {
            let last = self.session.last_change(standing).await?;
            held.set(&standing.replica, last.unwrap_or(0));
            trail.known.merge(&held);
        }
        Ok(())
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
        if let Some(lag) = &self.lag
            && put_off.needs_reading()
        {
            return Err(lag.clone());
        }
        for seen in put_off.unclear {
            if !self.afresh(seen.anchor.clone(), pages).await? {
                pages.push(self.as_told(seen)?).await?;
            }
        }
        for anchor in put_off.restored {
            self.restored(anchor, pages).await?;
        }
        self.tell_elsewhere(pages).await?;
        Ok(Ok(end))
    }

    /// Hands on the names of what references led to in other domains.
    pub async fn tell_elsewhere(&self, pages: &mut Pages<'_>) -> Result<(), SourceError> {
        for entry in self.selection.elsewhere.take() {
            pages.push(entry).await?;
        }
        Ok(())
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
    pub async fn afresh(&self, anchor: Anchor, pages: &mut Pages<'_>) -> Result<bool, SourceError> {
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
    pub async fn restored(&self, anchor: Anchor, pages: &mut Pages<'_>) -> Result<(), SourceError> {
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

    pub async fn subtree(&self, dn: &str, pages: &mut Pages<'_>) -> Result<(), SourceError> {
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
