//! Deletes and disables on their way through settle time and guard, and what an administrator decides about them.
//!
//! Everything destructive first settles; when the job has caught up and nothing new came for the settle time, the guard is
//! asked once about all of it. Held ones are listed by name and wait for a person. Trap: *refused* survives restarts and
//! re-planning; only a change in the source, or a person, ends it.

use rusqlite::{Transaction, params};
use sync_core::{
    code::Code,
    id::{JobId, LinkId},
    operation::{Refusal, Verb},
};

use crate::{
    ObjectState,
    config::JobRow,
    due::{pending_of, situation_number},
    export::PendingState,
    log::{Action, Record, Status},
    observe::class_name,
    store::{Engine, Result, pack},
};

/// What the guard did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardOutcome {
    /// Nothing waits.
    Idle,
    /// Something waits for its settle time, until then (unix ms).
    Settling(i64),
    /// So many were let through.
    Released(usize),
    /// The guard holds so many, for this reason.
    Held(usize, Refusal),
}

/// A held delete or disable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedDelete {
    /// The link; shown as the number to allow or refuse by.
    pub link: LinkId,
    /// Name for people.
    pub name: String,
    /// Source class.
    pub class: String,
    /// Delete or Disable.
    pub verb: Verb,
    /// Held or Refused.
    pub state: PendingState,
    /// Target object.
    pub target: Option<String>,
    /// Anchor of the source object.
    pub anchor: sync_core::id::Anchor,
    /// When it was planned.
    pub planned_at: i64,
    /// Why it is wanted: what is known of the source object.
    pub source_state: ObjectState,
}

/// A person's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteChoice {
    /// All that are held; what was refused before stays refused unless it is named.
    All,
    /// These.
    Some(Vec<LinkId>),
}

/// The oldest waits for this many settle times at most.
const LONGEST_SETTLE: i64 = 10;

impl Engine {
    /// Asks the guard about everything that has settled. To be called when the job has nothing due.
    ///
    /// # Errors
    /// Of the store.
    pub fn release_settled(&self, job: &JobRow) -> Result<GuardOutcome> {
        let now = self.now();
        let (first, last) = crate::link_range(job.id);
        let settle_ms =
            i64::try_from(job.settings.settle_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let settling: Option<(i64, i64)> = self.read(|c| {
            let (oldest, newest): (Option<i64>, Option<i64>) = c
                .prepare_cached(
                    "SELECT min(changed_at), max(changed_at) FROM link WHERE pending_state > 0 AND pending_state = 4 AND id BETWEEN ?1 AND ?2",
                )?
                .query_row([first, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(oldest.zip(newest))
        })?;
        let Some((oldest, newest)) = settling else {
            return Ok(GuardOutcome::Idle);
        };
        if newest > now {
            // The clock was set back: what settles would wait for a time that is far away, so it settles anew.
            self.write("engine.settle_anew", |tx| {
                tx.execute(
                    "UPDATE link SET changed_at = ?3 WHERE pending_state > 0 AND pending_state = 4 AND changed_at > ?3 AND id BETWEEN ?1 AND ?2",
                    [first, last, now],
                )?;
                Ok(())
            })?;
            return Ok(GuardOutcome::Settling(now.saturating_add(settle_ms)));
        }
        // A trickle of new ones postpones the others, but not for ever.
        let latest = oldest.saturating_add(settle_ms.saturating_mul(LONGEST_SETTLE));
        let settled_at = newest.saturating_add(settle_ms).min(latest);
        if settled_at > now {
            return Ok(GuardOutcome::Settling(settled_at));
        }
        self.write("engine.release_settled", |tx| {
            let settling = count(tx, job.id, PendingState::Settling)?;
            let held = count(tx, job.id, PendingState::Held)?;
            let verdict = self.verdict(tx, job, settling + held, now)?;
            match verdict {
                Ok(()) => {
                    let released = tx.execute(
                        "UPDATE link SET pending_state = 1 WHERE pending_state > 0 AND pending_state = 4 AND id BETWEEN ?1 AND ?2",
                        [first, last],
                    )?;
                    Ok(GuardOutcome::Released(released))
                }
                Err(why) => {
                    let records = self.hold(tx, job, &why, now)?;
                    let staged = records.len();
                    self.append_log(tx, records, now)?;
                    tx.execute("UPDATE job SET guard = ?2, guard_since = coalesce(guard_since, ?3) WHERE id = ?1", params![
                        job.id.0,
                        pack(&why)?,
                        now
                    ])?;
                    Ok(GuardOutcome::Held(staged, why))
                }
            }
        })
    }

    /// The guard's verdict for the job, and for all jobs of its target together.
    fn verdict(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        waiting: i64,
        now: i64,
    ) -> Result<std::result::Result<(), Refusal>> {
        let limits = job.settings.limits();
        let since = now.saturating_sub(limits.window_ms);
        tx.execute(
            "DELETE FROM destroyed WHERE at < ?1",
            [now.saturating_sub(31 * 86_400_000)],
        )?;
        let sum = |sql: &str, id: i64| -> Result<u64> {
            let count: i64 = tx.query_row(sql, params![id, since], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        };
        let done = sum(
            "SELECT coalesce(sum(count), 0) FROM destroyed WHERE job = ?1 AND at > ?2",
            job.id.0,
        )?;
        let done_in_target = sum(
            "SELECT coalesce(sum(count), 0) FROM destroyed WHERE target = ?1 AND at > ?2",
            job.target.0,
        )?;
        let linked = sum(
            "SELECT coalesce(sum(count), 0) FROM tally WHERE job = ?1 AND situation = 1 AND ?2 = ?2",
            job.id.0,
        )?;
        let linked_in_target = sum(
            "SELECT coalesce(sum(count), 0) FROM tally JOIN job ON job.id = tally.job WHERE job.target = ?1 AND situation = 1 AND ?2 = ?2",
            job.target.0,
        )?;
        let waiting = u64::try_from(waiting).unwrap_or(0);
        // What was carried out within the window was linked at its beginning.
        Ok(limits
            .check(linked.saturating_add(done), done, waiting)
            .and_then(|()| {
                limits.check(
                    linked_in_target.saturating_add(done_in_target),
                    done_in_target,
                    waiting,
                )
            }))
    }

    fn hold(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        why: &Refusal,
        now: i64,
    ) -> Result<Vec<Record>> {
        let (first, last) = crate::link_range(job.id);
        let mut records = Vec::new();
        {
            let mut statement = tx.prepare_cached(
                "SELECT l.id, l.pending, o.class, o.anchor FROM link l JOIN object o ON o.id = l.id & 1099511627775
                 WHERE l.pending_state > 0 AND l.pending_state = 4 AND l.id BETWEEN ?1 AND ?2",
            )?;
            let mut rows = statement.query([first, last])?;
            while let Some(row) = rows.next()? {
                let pending = pending_of(row.get(1)?)?;
                records.push(Record {
                    sequence: 0,
                    at: now,
                    since: pending.since,
                    link: row.get(0)?,
                    job: job.id.0,
                    action: Action::StagedDelete,
                    status: Status::Skipped,
                    class: class_name(self, row.get(2)?)
                        .as_deref()
                        .unwrap_or_default()
                        .to_owned(),
                    name: pending.name,
                    anchor: sync_core::id::Anchor::new(row.get::<_, Vec<u8>>(3)?),
                    target: pending.target,
                    refusal: Some(why.clone()),
                    changes: Vec::new(),
                    references: Vec::new(),
                    reasons: pending.reasons,
                    cycle: uuid::Uuid::nil(),
                });
            }
        }
        tx.execute(
            "UPDATE link SET pending_state = 5 WHERE pending_state > 0 AND pending_state = 4 AND id BETWEEN ?1 AND ?2",
            [first, last],
        )?;
        Ok(records)
    }

    /// Held and refused deletes and disables, by name; at most `limit`, after `after`.
    ///
    /// # Errors
    /// Of the store.
    pub fn staged_deletes(
        &self,
        job: JobId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StagedDelete>> {
        let (first, last) = crate::link_range(job);
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT l.id, l.pending, l.pending_state, o.class, o.anchor, o.state FROM link l
                 JOIN object o ON o.id = l.id & 1099511627775
                 WHERE l.pending_state > 0 AND l.pending_state IN (5, 6) AND l.id BETWEEN ?1 AND ?2 AND l.id > ?3 ORDER BY l.id LIMIT ?4",
            )?;
            let mut rows = statement.query(params![first, last, after, limit])?;
            let mut staged = Vec::new();
            while let Some(row) = rows.next()? {
                let pending = pending_of(row.get(1)?)?;
                staged.push(StagedDelete {
                    link: LinkId(row.get(0)?),
                    name: pending.name,
                    class: class_name(self, row.get(3)?).as_deref().unwrap_or_default().to_owned(),
                    verb: pending.verb,
                    state: PendingState::from_number(row.get(2)?),
                    target: pending.target,
                    anchor: sync_core::id::Anchor::new(row.get::<_, Vec<u8>>(4)?),
                    planned_at: pending.planned_at,
                    source_state: ObjectState::from_number(row.get(5)?),
                });
            }
            Ok(staged)
        })
    }

    /// Lets held deletes go on: exactly the chosen ones. Returns how many.
    ///
    /// # Errors
    /// Of the store.
    pub fn allow_deletes(&self, job: JobId, choice: &DeleteChoice, actor: &str) -> Result<usize> {
        self.choose(job, choice, PendingState::Approved, actor, "allow deletes")
    }

    /// Refuses held deletes: they stay as they are until the source changes or somebody allows them. Returns how many.
    ///
    /// # Errors
    /// Of the store.
    pub fn refuse_deletes(&self, job: JobId, choice: &DeleteChoice, actor: &str) -> Result<usize> {
        self.choose(job, choice, PendingState::Refused, actor, "refuse deletes")
    }

    fn choose(
        &self,
        job: JobId,
        choice: &DeleteChoice,
        to: PendingState,
        actor: &str,
        act: &str,
    ) -> Result<usize> {
        let (first, last) = crate::link_range(job);
        let now = self.now();
        self.write("engine.choose_deletes", |tx| {
            let why = pack(&Refusal::new(Code::DeletionRefused).with("by", actor))?;
            let reason = if to == PendingState::Refused { Some(why) } else { None };
            let mut changed = 0;
            match choice {
                DeleteChoice::All => {
                    // "all" means what is held; what was refused before stays refused unless it is named.
                    changed += tx.execute(
                        "UPDATE link SET pending_state = ?3, reason = coalesce(?4, reason), changed_at = ?5
                         WHERE pending_state > 0 AND pending_state = 5 AND id BETWEEN ?1 AND ?2",
                        params![first, last, to.number(), reason, now],
                    )?;
                }
                DeleteChoice::Some(links) => {
                    for link in links.iter().filter(|link| (first..=last).contains(&link.0)) {
                        changed += tx.execute(
                            "UPDATE link SET pending_state = ?2, reason = coalesce(?3, reason), changed_at = ?4
                             WHERE pending_state IN (5, 6) AND id = ?1",
                            params![link.0, to.number(), reason, now],
                        )?;
                    }
                }
            }
            tx.execute("INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, ?3, ?4)", params![
                now,
                actor,
                act,
                format!("job {job}: {changed}")
            ])?;
            settle_guard(tx, job)?;
            Ok(changed)
        })
    }

    /// Ends the guard's alarm when nothing is held any more (everything decided, or put right in the source).
    ///
    /// # Errors
    /// Of the store.
    pub fn settle_guard(&self, job: JobId) -> Result<()> {
        self.write("engine.settle_guard", |tx| settle_guard(tx, job))
    }

    /// How many links of a job are in a situation.
    ///
    /// # Errors
    /// Of the store.
    pub fn linked_count(&self, job: JobId) -> Result<i64> {
        self.read(|c| {
            Ok(c.query_row(
                "SELECT coalesce(sum(count), 0) FROM tally WHERE job = ?1 AND situation = ?2",
                params![job.0, situation_number(sync_core::plan::Situation::Linked)],
                |row| row.get(0),
            )?)
        })
    }
}

fn count(tx: &Transaction<'_>, job: JobId, state: PendingState) -> Result<i64> {
    let (first, last) = crate::link_range(job);
    Ok(tx
        .prepare_cached(
            "SELECT count(*) FROM link WHERE pending_state > 0 AND pending_state = ?1 AND id BETWEEN ?2 AND ?3",
        )?
        .query_row([state.number(), first, last], |row| row.get(0))?)
}

fn settle_guard(tx: &Transaction<'_>, job: JobId) -> Result<()> {
    if count(tx, job, PendingState::Held)? == 0 {
        tx.execute(
            "UPDATE job SET guard = NULL, guard_since = NULL WHERE id = ?1 AND guard IS NOT NULL",
            [job.0],
        )?;
    }
    Ok(())
}
