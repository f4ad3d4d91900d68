//! Full and delta reads by update sequence numbers, for accounts that may not use DirSync.
//!
//! What changed is read whole: living objects by a plain search, deleted ones where the account may see them. Never concludes
//! from absence; where deletions are hidden only a full comparison finds them. Trap: the numbers are each controller's own,
//! so a position is good for one controller only.

use ldap::{Filter, Query, Scope as Depth};
use sync_core::{code::Code, id::Anchor, object::EntryKind, operation::Refusal};

use super::{
    entry::{self, Life, Seen},
    metadata::{self, Since},
    one::Reading,
    session::usn_changed,
    trail::Trail,
    watermark::Standing,
};
use crate::{
    ldap::{failure::DIRSYNC_RIGHT, pages::Pages},
    source::{ReadEnd, ReadMethod, SourceError, source_error},
};

const METADATA: &str = "replPropertyMetaData";

/// What a search left to be looked at when it has ended.
#[derive(Default)]
struct PutOff {
    /// Too many values for one answer.
    ranged: Vec<Anchor>,
    restored: Vec<Anchor>,
    /// Containers that may have come into the spec's containers.
    arrived: Vec<String>,
}

impl Reading<'_> {
    /// Reads what changed since the trail's position at this controller; everything, if it has none.
    ///
    /// # Errors
    /// By code.
    pub async fn poll(
        &mut self,
        standing: &Standing,
        trail: &mut Trail,
        pages: &mut Pages<'_>,
        shows_deletions: bool,
    ) -> Result<ReadEnd, SourceError> {
        self.usn = standing.usn;
        let from = match &trail.position {
            None => None,
            Some(position) => match position.usn_at(standing) {
                Some(usn) => Some(usn.saturating_add(1)),
                None => return Ok(ReadEnd::NeedsFullRead(unknown_here(standing))),
            },
        };
        let taken = pages.taken;
        let mut last = self.living_since(from, pages).await?;
        if let (Some(from), true) = (from, shows_deletions) {
            last = last.max(self.deleted_since(from, pages).await?);
        }
        self.learn_exactly(trail, last, pages.taken > taken).await?;
        let watermark = trail.advance(standing, None);
        pages.flush(Some(watermark.clone())).await?;
        Ok(ReadEnd::Complete {
            watermark,
            seen: std::mem::take(&mut pages.seen),
            is_census: false,
            method: ReadMethod {
                name: "uSNChanged".into(),
                server: self.session.server.clone(),
                weaker: Some(self.weaker(shows_deletions)),
            },
        })
    }

    /// As [`Reading::learn`]; what was shown carried its own numbers.
    async fn learn_exactly(
        &self,
        trail: &mut Trail,
        last: Option<i64>,
        has_news: bool,
    ) -> Result<(), SourceError> {
        let after = self.session.standing().await?;
        let before = trail.known.usn(&after.replica);
        let was_exact = trail.is_exact || before.is_none();
        self.learn(trail, &after, has_news).await?;
        if has_news && was_exact {
            let last = last.max(before).unwrap_or(after.usn);
            trail.known.set(&after.replica, last);
            trail.is_exact = true;
        }
        Ok(())
    }

    /// What is weaker than with DirSync, and which rights cure it.
    fn weaker(&self, shows_deletions: bool) -> Refusal {
        let session = self.session;
        let (text, container) = match shows_deletions {
            true => (
                "changes are found by uSNChanged: every changed group is read with all its members, and a change of controller needs a full read",
                None,
            ),
            false => (
                "changes are found by uSNChanged and deletions are hidden: only a full comparison misses what was deleted, and without a tombstone such a deletion waits for an administrator",
                Some(session.deleted_objects()),
            ),
        };
        let code = Code::SourceInsufficientAccess;
        let refusal = source_error(code, session.connection.server(), "find changes", text)
            .with("right", DIRSYNC_RIGHT)
            .with("naming_context", &session.naming_context);
        match container {
            None => refusal,
            Some(container) => refusal
                .with("further_right", "List contents and read properties")
                .with("container", container),
        }
    }

    /// Living objects changed from this number on; the highest number among them.
    async fn living_since(
        &self,
        from: Option<i64>,
        pages: &mut Pages<'_>,
    ) -> Result<Option<i64>, SourceError> {
        let mut put_off = PutOff::default();
        let mut last = None;
        {
            let told = self.session.told("find changes");
            let size = u32::try_from(pages.size).unwrap_or(u32::MAX);
            let mut search = self
                .session
                .connection
                .paged(self.query(from), size)
                .map_err(&told)?;
            while let Some(raw) = search.next().await.map_err(&told)? {
                last = last.max(usn_changed(&raw));
                let seen =
                    entry::read(&raw, self.selection).ok_or_else(|| self.nameless(&raw.dn))?;
                let since = from.map(|from| metadata::since(raw.first(METADATA), from));
                if let Some(seen) = self.sort(seen, since, &mut put_off) {
                    pages.push(self.living(seen)).await?;
                }
                self.tell_elsewhere(pages).await?;
            }
        }
        for anchor in put_off.ranged {
            self.afresh(anchor, pages).await?;
        }
        for anchor in put_off.restored {
            self.restored(anchor, pages).await?;
        }
        for dn in put_off.arrived {
            self.subtree(&dn, pages).await?;
        }
        self.tell_elsewhere(pages).await?;
        Ok(last)
    }

    fn query(&self, from: Option<i64>) -> Query {
        let mut attributes = self.selection.requested();
        attributes.push("uSNChanged".into());
        let filter = match from {
            None => Filter::Present("objectClass".into()),
            Some(from) => {
                attributes.push(METADATA.into());
                Filter::GreaterOrEqual("uSNChanged".into(), from.to_string())
            }
        };
        Query::new(&self.session.naming_context, Depth::Subtree)
            .filter(filter)
            .attributes(attributes)
            .control(ldap::extended_dn())
    }

    /// `None`: nothing, or put off.
    fn sort(&self, seen: Seen, since: Option<Since>, put_off: &mut PutOff) -> Option<Seen> {
        // Without a class the account may not even know that it is there.
        let class = seen.class.clone()?;
        if seen.life == Life::Deleted {
            return None;
        }
        let (is_wanted, is_in_place) =
            (self.scope.has_class(&class), self.scope.has_place(&seen.dn));
        // A full read shows everything, and its containers are listed anyhow.
        let is_full = since.is_none();
        let since = since.unwrap_or(Since {
            may_have_moved: false,
            was_restored: false,
        });
        if since.was_restored {
            put_off.restored.push(seen.anchor);
            return None;
        }
        if is_wanted && is_in_place && !seen.ranged.is_empty() {
            put_off.ranged.push(seen.anchor);
            return None;
        }
        if since.may_have_moved && !is_wanted && is_in_place && self.scope.is_limited() {
            put_off.arrived.push(seen.dn.clone());
        }
        // Outside the spec only the place matters.
        (is_full || since.may_have_moved || (is_wanted && is_in_place)).then_some(seen)
    }

    /// Objects deleted from this number on; the highest number among them.
    async fn deleted_since(
        &self,
        from: i64,
        pages: &mut Pages<'_>,
    ) -> Result<Option<i64>, SourceError> {
        let deleted = Filter::And(vec![
            Filter::Equality("isDeleted".into(), "TRUE".into()),
            Filter::GreaterOrEqual("uSNChanged".into(), from.to_string()),
        ]);
        let query = Query::new(&self.session.naming_context, Depth::Subtree)
            .filter(deleted)
            .attributes(["objectGUID", "isDeleted", "uSNChanged"])
            .control(ldap::extended_dn())
            .control(ldap::show_deleted())
            .control(ldap::show_recycled());
        let told = self.session.told("find deletions");
        let size = u32::try_from(pages.size).unwrap_or(u32::MAX);
        let connection = &self.session.connection;
        let mut search = connection.paged(query, size).map_err(&told)?;
        let mut last = None;
        while let Some(raw) = search.next().await.map_err(&told)? {
            last = last.max(usn_changed(&raw));
            let seen = entry::read(&raw, self.selection).ok_or_else(|| self.nameless(&raw.dn))?;
            if seen.life == Life::Deleted {
                let mut entry = sync_core::object::Entry::new(seen.anchor, EntryKind::Deleted);
                entry.version = self.version();
                pages.push(entry).await?;
            }
        }
        Ok(last)
    }
}

fn unknown_here(standing: &Standing) -> Refusal {
    standing.refuse(
        Code::SourceServerChanged,
        "changes are found by this controller's own numbers, and it was not read before",
    )
}
