//! Objects of the target that change hands: who has one, and how it goes to another source object with all that hangs on it.
//!
//! Decides nothing about who may have it ([`sync_core::claim`]). What the target holds stays as it is: link, last exported
//! state and export marks move, so that the next plan writes the differences only. Trap: an operation that may be under way
//! for the old holder would be reported for an object that is no longer its own, so nothing moves before its outcome is
//! stored.

use rusqlite::{OptionalExtension, params};
use sync_core::{
    claim::Claimant,
    id::{JobId, LinkId, ObjectId, TargetId},
    operation::Verb,
    plan::Situation,
};

use crate::{
    DueItem, JobRow, ObjectState, PendingState, aside,
    crossing::Crossing,
    due::Tally,
    export::PendingExport,
    group::Transaction,
    hold,
    observe::{attributes_of, make_due, make_references_due},
    reason,
    store::{Engine, Result, unpack_option},
};

/// Who has an object of the target.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Its link.
    pub link: LinkId,
    /// The object of the target.
    pub target: String,
    /// Anchor of the source object, as text.
    pub anchor: String,
    /// How it stands when somebody else wants the object.
    pub claimant: Claimant,
}

/// A row of `link`, as far as it says who has what.
type LinkState = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

impl Engine {
    /// Who has these objects of the target of a job, whichever job they belong to.
    ///
    /// # Errors
    /// Of the store.
    pub fn holders(&self, job: &JobRow, targets: &[TargetId]) -> Result<Vec<Holder>> {
        self.read(|c| {
            let mut links = c.prepare_cached(
                "SELECT id, pending_state, pending, exported FROM link WHERE target = ?1 AND situation = 1 ORDER BY id",
            )?;
            let mut objects = c.prepare_cached("SELECT state, anchor FROM object WHERE id = ?1")?;
            let mut same = c.prepare_cached("SELECT 1 FROM job WHERE id = ?1 AND target = ?2")?;
            let mut all = Vec::new();
            for target in targets {
                let rows = links.query_map([&target.0], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?;
                for row in rows.collect::<rusqlite::Result<Vec<LinkState>>>()? {
                    let (link, state, pending, exported) = row;
                    let link = LinkId(link);
                    if !same.exists(params![crate::job_of(link).0, job.target.0])? {
                        continue;
                    }
                    let object = objects.query_row([crate::object_of(link).0], |row| {
                        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
                    });
                    let Some((object_state, anchor)) = object.optional()? else {
                        continue;
                    };
                    let pending: Option<PendingExport> = match state {
                        0 => None,
                        _ => unpack_option(pending)?,
                    };
                    let exported = attributes_of(self, exported)?;
                    let is_gone = matches!(
                        ObjectState::from_number(object_state),
                        ObjectState::Deleted | ObjectState::Missing
                    );
                    let leaves = is_gone || pending.is_some_and(|one| one.verb == Verb::Delete);
                    all.push(Holder {
                        link,
                        target: target.to_string(),
                        anchor: sync_core::id::Anchor::new(anchor).guid_text(),
                        claimant: Claimant {
                            leaves,
                            ..Claimant::with(&exported)
                        },
                    });
                }
            }
            Ok(all)
        })
    }

    /// Who of a job waits for a value to be released.
    ///
    /// # Errors
    /// Of the store.
    pub fn waiting_for(&self, job: JobId, value: &str) -> Result<Vec<LinkId>> {
        let folded = crate::due::fold_value(value);
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT link FROM conflict WHERE job = ?1 AND value = ?2 ORDER BY link LIMIT 100",
            )?;
            let rows = statement.query_map(params![job.0, folded], |row| row.get(0).map(LinkId))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Something of the tenant was changed by its administrator: whose object it is looks again, and whoever waits for one of
    /// these values is tried again.
    ///
    /// # Errors
    /// Of the store.
    pub fn heed_target(&self, target: &str, freed: &[String]) -> Result<()> {
        let now = self.now();
        self.write("engine.heed_target", |tx| {
            let mut links: Vec<i64> = Vec::new();
            {
                let mut statement =
                    tx.prepare_cached("SELECT id FROM link WHERE target = ?1 ORDER BY id")?;
                let mut rows = statement.query([target])?;
                while let Some(row) = rows.next()? {
                    links.push(row.get(0)?);
                }
            }
            for link in links {
                // A stronger doubt, that of references, stays.
                tx.prepare_cached(
                    "UPDATE link SET stale = max(stale, 1) WHERE id = ?1 AND situation = 1",
                )?
                .execute([link])?;
                make_due(tx, link, reason::ASKED | reason::STALE, now)?;
            }
            for value in freed {
                free_for_all(tx, value, None, now)?;
            }
            Ok(())
        })
    }

    /// Gives what a link of the job has to another source object; false: not now, its holder has it no longer or an operation
    /// for it is under way.
    pub(crate) fn take_over(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        from: LinkId,
        item: &DueItem,
        tally: &mut Tally,
        now: i64,
    ) -> Result<bool> {
        let state: Option<(i64, i64)> = tx
            .prepare_cached("SELECT situation, pending_state FROM link WHERE id = ?1")?
            .query_row([from.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let is_busy = |state: i64| {
            matches!(
                PendingState::from_number(state),
                PendingState::Ready | PendingState::Unknown | PendingState::Approved
            )
        };
        match state {
            Some((1, pending)) if !is_busy(pending) => {}
            _ => return Ok(false),
        }
        if !item.is_stored {
            let is_new = tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO link (id, identity, situation, changed_at) VALUES (?1, ?1, 0, ?2)",
                )?
                .execute([item.link.0, now])?;
            if is_new > 0 {
                tally.moved(None, Situation::Unlinked);
            }
        }
        tally.moved(Some(item.view.situation), Situation::Linked);
        // Whether it was exported for one or the other, the target holds it.
        tx.prepare_cached(
            "UPDATE link SET (situation, class, target, version, anchor, exported, stale)
               = (SELECT situation, class, target, version, anchor, exported, 1 FROM link WHERE id = ?2) WHERE id = ?1",
        )?
        .execute([item.link.0, from.0])?;
        tally.moved(Some(Situation::Linked), Situation::Unlinked);
        clear(tx, from, now)?;
        tx.prepare_cached("DELETE FROM conflict WHERE job = ?1 AND link = ?2")?
            .execute([job.id.0, from.0])?;
        aside::forget(tx, from)?;
        move_edges(tx, job, from, item.link, now)?;
        self.newly_linked(tx, (job, &Crossing::of(tx, job.id)?), item.link, now)?;
        make_due(tx, from.0, reason::ASKED, now)?;
        Ok(true)
    }
}

/// Leaves a link's row as if its object had never been planned.
pub(crate) fn clear(tx: &Transaction<'_>, link: LinkId, now: i64) -> Result<()> {
    tx.prepare_cached(
        "UPDATE link SET situation = 0, class = NULL, target = NULL, version = 0, anchor = NULL, exported = NULL,
           reason = NULL, pending = NULL, pending_state = 0, generation = generation + 1, attempts = 0, stale = 0,
           changed_at = ?2 WHERE id = ?1",
    )?
    .execute([link.0, now])?;
    tx.prepare_cached("DELETE FROM due_later WHERE id = ?1")?
        .execute([link.0])?;
    // What is held is held of an object this one no longer has.
    hold::forget(tx, link)
}

/// What the target holds of references from and to the one is what it holds of the other now. What the source does not say of
/// the other is taken back by the next plan, and what it still says of the one waits.
fn move_edges(
    tx: &Transaction<'_>,
    job: &JobRow,
    from: LinkId,
    to: LinkId,
    now: i64,
) -> Result<()> {
    let bit = 2_i64 << job.slot;
    let (old, new) = (crate::object_of(from).0, crate::object_of(to).0);
    let mut edges: Vec<(i64, i64, i64)> = Vec::new();
    {
        let mut statement = tx.prepare_cached(
            "SELECT src, attribute, dst FROM edge WHERE src = ?1 AND flags & ?2 <> 0
             UNION SELECT src, attribute, dst FROM edge WHERE dst = ?1 AND flags & ?2 <> 0",
        )?;
        let mut rows = statement.query([old, bit])?;
        while let Some(row) = rows.next()? {
            edges.push((row.get(0)?, row.get(1)?, row.get(2)?));
        }
    }
    let moved = |end: i64| if end == old { new } else { end };
    for (src, attribute, dst) in edges {
        tx.prepare_cached(
            "UPDATE edge SET flags = flags & ~?4 WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
        )?
        .execute([src, attribute, dst, bit])?;
        tx.prepare_cached(
            "INSERT INTO edge (src, attribute, dst, flags) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (src, attribute, dst) DO UPDATE SET flags = flags | excluded.flags",
        )?
        .execute([moved(src), attribute, moved(dst), bit])?;
        tx.prepare_cached(
            "DELETE FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3 AND flags = 0",
        )?
        .execute([src, attribute, dst])?;
        if src == old {
            continue;
        }
        let holder = crate::link_id(job.id, ObjectId(src)).0;
        for end in [old, new] {
            tx.prepare_cached(
                "INSERT OR IGNORE INTO due_edge (id, attribute, dst) VALUES (?1, ?2, ?3)",
            )?
            .execute([holder, attribute, end])?;
        }
        make_references_due(tx, holder, false, now)?;
    }
    Ok(())
}

/// Whoever waits for a value, in any job that writes into the same target, is tried again; `but` is the link that let go of it.
pub(crate) fn free_for_all(
    tx: &Transaction<'_>,
    value: &str,
    but: Option<(LinkId, JobId)>,
    now: i64,
) -> Result<()> {
    let folded = crate::due::fold_value(value);
    let mut jobs: Vec<i64> = Vec::new();
    {
        let mut statement = tx.prepare_cached(
            "SELECT id FROM job WHERE ?1 IS NULL OR target = (SELECT target FROM job WHERE id = ?1)",
        )?;
        let mut rows = statement.query([but.map(|(_, job)| job.0)])?;
        while let Some(row) = rows.next()? {
            jobs.push(row.get(0)?);
        }
    }
    let own = but.map_or(0, |(link, _)| link.0);
    for job in jobs {
        let mut waiting: Vec<i64> = Vec::new();
        {
            let mut statement = tx.prepare_cached(
                "SELECT link FROM conflict WHERE job = ?1 AND value = ?2 AND link <> ?3",
            )?;
            let mut rows = statement.query(params![job, folded, own])?;
            while let Some(row) = rows.next()? {
                waiting.push(row.get(0)?);
            }
        }
        for link in waiting {
            make_due(tx, link, reason::CONFLICT_FREED, now)?;
            tx.prepare_cached("DELETE FROM conflict WHERE job = ?1 AND value = ?2 AND link = ?3")?
                .execute(params![job, folded, link])?;
        }
    }
    Ok(())
}
