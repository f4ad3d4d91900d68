//! Links one by one: listed, undone, and put right by an administrator.
//!
//! Changes only what is remembered, never an object of the source or the target; the next plan reads the target before it
//! writes. Only of a paused job, so that nobody plans while somebody repairs. Trap: an object that lost its link is matched
//! again as if it were new when the job goes on, by its anchor first, so the data have to be put right before. What the target
//! object has there because of whom it belonged to (anchor, memberships) is for whoever relinks it to take away.

use rusqlite::{OptionalExtension, params};
use sync_core::{
    code::Code,
    id::{JobId, LinkId, TargetId},
    operation::Refusal,
    plan::Situation,
    value::Name,
};

use crate::{
    JobRow, JobState, aside, claim,
    crossing::Crossing,
    due::{Tally, situation_number, situation_of},
    group::Transaction,
    observe::make_due,
    query::LinkRow,
    reason,
    store::{Engine, Result, StoreError},
};

fn conflict(text: String) -> StoreError {
    StoreError::Refused(Refusal::new(Code::Conflict).with("text", text))
}

/// A link an administrator names, to be changed.
#[derive(Clone, Copy, Debug)]
pub struct LinkChange<'a> {
    /// The link.
    pub link: LinkId,
    /// Who asked.
    pub actor: &'a str,
    /// The object in words, for the audit.
    pub name: &'a str,
}

impl Engine {
    /// Links of a job behind this one, at most `limit`, of one situation or of all.
    ///
    /// # Errors
    /// Of the store.
    pub fn links(
        &self,
        job: JobId,
        situation: Option<Situation>,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<LinkRow>> {
        let (first, last) = crate::link_range(job);
        let first = after.map_or(first, |after| first.max(after.0.saturating_add(1)));
        let ids: Vec<i64> = self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id FROM link WHERE id BETWEEN ?1 AND ?2 AND (?3 IS NULL OR situation = ?3) ORDER BY id LIMIT ?4",
            )?;
            let wanted = situation.map(situation_number);
            let rows = statement.query_map(params![first, last, wanted, limit], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })?;
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            all.extend(self.link_row(job, crate::object_of(LinkId(id)))?);
        }
        Ok(all)
    }

    /// Forgets which target object belongs to a source object. Neither of them is changed; doing it again changes nothing.
    ///
    /// # Errors
    /// `Conflict` unless the job is paused; `NotFound` if there is no such link.
    pub fn unlink(&self, job: &JobRow, change: &LinkChange<'_>) -> Result<()> {
        let now = self.now();
        self.write("engine.unlink", |tx| {
            must_be_paused(tx, job)?;
            let before = self.take_apart(tx, job, change.link, now)?;
            if before == Situation::Unlinked {
                return Ok(());
            }
            make_due(tx, change.link.0, reason::ASKED, now)?;
            audit(tx, change, "unlink", now)
        })
    }

    /// Says which target object belongs to a source object. What the target holds is read and compared before anything is
    /// written.
    ///
    /// # Errors
    /// `Conflict` unless the job is paused, or if the target object belongs to another source object of the job; `NotFound`
    /// if there is no such link.
    pub fn relink(
        &self,
        job: &JobRow,
        change: &LinkChange<'_>,
        target: &TargetId,
        class: &Name,
    ) -> Result<()> {
        let now = self.now();
        let link = change.link;
        self.write("engine.relink", |tx| {
            must_be_paused(tx, job)?;
            must_be_free(tx, job.id, link, target)?;
            self.take_apart(tx, job, link, now)?;
            let mut tally = Tally::default();
            tally.moved(Some(Situation::Unlinked), Situation::Linked);
            tx.execute(
                "UPDATE link SET situation = 1, class = ?2, target = ?3, stale = 2, changed_at = ?4 WHERE id = ?1",
                params![link.0, self.intern(tx, class)?, target.0, now],
            )?;
            tally.store(tx, job.id)?;
            self.newly_linked(tx, (job, &Crossing::of(tx, job.id)?), link, now)?;
            make_due(tx, link.0, reason::ASKED | reason::STALE, now)?;
            audit(tx, change, &format!("relink to {}", target.0), now)
        })
    }

    /// Leaves a link as if its object had never been planned. Returns how it stood.
    pub(crate) fn take_apart(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        link: LinkId,
        now: i64,
    ) -> Result<Situation> {
        let found: Option<i64> = tx
            .query_row("SELECT situation FROM link WHERE id = ?1", [link.0], |r| {
                r.get(0)
            })
            .optional()?;
        let Some(found) = found else {
            return Err(StoreError::Refused(
                Refusal::new(Code::NotFound).with("what", "link"),
            ));
        };
        let before = situation_of(found);
        let mut tally = Tally::default();
        tally.moved(Some(before), Situation::Unlinked);
        tally.store(tx, job.id)?;
        claim::clear(tx, link, now)?;
        tx.execute(
            "DELETE FROM conflict WHERE job = ?1 AND link = ?2",
            [job.id.0, link.0],
        )?;
        aside::forget(tx, link)?;
        self.forget_exported_edges(tx, (job, &Crossing::of(tx, job.id)?), link, now)?;
        Ok(before)
    }
}

fn must_be_paused(tx: &Transaction<'_>, job: &JobRow) -> Result<()> {
    let state: String = tx.query_row("SELECT state FROM job WHERE id = ?1", [job.id.0], |r| {
        r.get(0)
    })?;
    match state == JobState::Paused.name() {
        true => Ok(()),
        false => Err(conflict(format!(
            "links are changed only while the job is paused; say `hybridge job pause {}` first",
            job.name
        ))),
    }
}

fn must_be_free(tx: &Transaction<'_>, job: JobId, link: LinkId, target: &TargetId) -> Result<()> {
    let (first, last) = crate::link_range(job);
    let other: Option<i64> = tx
        .query_row(
            "SELECT id FROM link WHERE target = ?1 AND situation = 1 AND id BETWEEN ?2 AND ?3 AND id <> ?4 LIMIT 1",
            params![target.0, first, last, link.0],
            |row| row.get(0),
        )
        .optional()?;
    match other {
        None => Ok(()),
        Some(_) => Err(conflict(format!(
            "{} belongs to another source object; unlink that one first (`hybridge links show {}`)",
            target.0, target.0
        ))),
    }
}

fn audit(tx: &Transaction<'_>, change: &LinkChange<'_>, act: &str, now: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, ?3, ?4)",
        params![now, change.actor, act, change.name],
    )?;
    Ok(())
}
