//! Deletes and disables on their way through settle time and guard, and what an administrator decides about them.
//!
//! Everything destructive first settles; when the job has caught up and nothing new came for the settle time, the guard is
//! asked once about all of it. Held ones are listed by name and wait for a person. Trap: *refused* survives restarts and
//! re-planning; only a change in the source, or a person, ends it.

pub(crate) mod cause;
pub(crate) mod ledger;
pub(crate) mod losses;

pub use ledger::{Budget, Loss, PREVENTION};
pub use losses::{StagedLoss, costs_values};

use rusqlite::{Connection, params};
use sync_core::{
    code::Code,
    hold::HoldState,
    id::{JobId, LinkId},
    operation::{Refusal, Verb},
};

use cause::Causes;
use ledger::Waiting;

use crate::{
    ObjectState,
    config::JobRow,
    due::{pending_of, situation_number},
    export::PendingState,
    group::Transaction,
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
    /// These deletes and disables.
    Some(Vec<LinkId>),
    /// What these groups lose of members (true), or these objects of values (false).
    Losses(Vec<(LinkId, bool)>),
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
            // What settles and what is held is counted as waiting.
            let verdict = ledger::verdict(tx, job, (Loss::Deleted, Waiting::default()), now)?;
            match verdict {
                Ok(()) => {
                    let released = tx.execute(
                        "UPDATE link SET pending_state = 1 WHERE pending_state > 0 AND pending_state = 4 AND id BETWEEN ?1 AND ?2",
                        [first, last],
                    )?;
                    Ok(GuardOutcome::Released(released))
                }
                Err(why) => {
                    let (records, why) = self.hold(tx, job, why, now)?;
                    let staged = records.len();
                    self.append_log(tx, records, now)?;
                    losses::raise(tx, job.id, &why, now)?;
                    Ok(GuardOutcome::Held(staged, why))
                }
            }
        })
    }

    /// Holds what has settled. The cause is that of everything held, what was held before included.
    fn hold(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        why: Refusal,
        now: i64,
    ) -> Result<(Vec<Record>, Refusal)> {
        let (first, last) = crate::link_range(job.id);
        let mut causes = Causes::default();
        let mut held = Vec::new();
        {
            let mut statement = tx.prepare_cached(
                "SELECT l.id, l.pending, o.class, o.anchor, l.pending_state FROM link l JOIN object o ON o.id = l.id & 1099511627775
                 WHERE l.pending_state > 0 AND l.pending_state IN (4, 5) AND l.id BETWEEN ?1 AND ?2",
            )?;
            let mut rows = statement.query([first, last])?;
            while let Some(row) = rows.next()? {
                let (link, pending) = (LinkId(row.get(0)?), pending_of(row.get(1)?)?);
                causes.take(self, tx, job, link, &pending)?;
                if row.get::<_, i64>(4)? == PendingState::Held.number() {
                    continue;
                }
                let class = class_name(self, row.get(2)?);
                held.push(Record {
                    since: pending.since,
                    class: class.as_deref().unwrap_or_default().to_owned(),
                    name: pending.name,
                    anchor: sync_core::id::Anchor::new(row.get::<_, Vec<u8>>(3)?),
                    target: pending.target,
                    reasons: pending.reasons,
                    ..staged_record(job, link, &why, now)
                });
            }
        }
        tx.execute(
            "UPDATE link SET pending_state = 5 WHERE pending_state > 0 AND pending_state = 4 AND id BETWEEN ?1 AND ?2",
            [first, last],
        )?;
        Ok((held, causes.add_to(job, why)))
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
        let range = crate::link_range(job);
        let now = self.now();
        let loss = match to {
            PendingState::Refused => HoldState::Refused,
            _ => HoldState::Allowed,
        };
        self.write("engine.choose_deletes", |tx| {
            let mut changed = 0;
            match choice {
                DeleteChoice::All => {
                    // "all" means what is held; what was refused before stays refused unless it is named.
                    changed += decide(tx, range, "5", to, actor, now)?;
                    changed += losses::decide(tx, range, true, "1", loss, now)?;
                    changed += losses::decide(tx, range, false, "1", loss, now)?;
                }
                DeleteChoice::Some(links) => {
                    for link in links.iter().filter(|link| is_within(range, link)) {
                        changed += decide(tx, (link.0, link.0), "5, 6", to, actor, now)?;
                    }
                }
                DeleteChoice::Losses(links) => {
                    for (link, is_members) in
                        links.iter().filter(|(link, _)| is_within(range, link))
                    {
                        changed +=
                            losses::decide(tx, (link.0, link.0), *is_members, "1, 2", loss, now)?;
                    }
                }
            }
            tx.execute(
                "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, ?3, ?4)",
                params![now, actor, act, format!("job {job}: {changed}")],
            )?;
            settle_guard(tx, job)?;
            Ok(changed)
        })
    }

    /// Holds again what was allowed and not carried out in time. To be called before anything is carried out. Returns how
    /// many objects.
    ///
    /// # Errors
    /// Of the store.
    pub fn expire_approvals(&self, job: &JobRow) -> Result<usize> {
        let now = self.now();
        let length =
            i64::try_from(job.settings.approval_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let before = now.saturating_sub(length);
        let (first, last) = crate::link_range(job.id);
        let is_needed = self.read(|c| {
            Ok(c.prepare_cached(
                "SELECT 1 FROM link WHERE pending_state > 0 AND pending_state = 7 AND id BETWEEN ?1 AND ?2 AND allowed_at < ?3 LIMIT 1",
            )?
            .exists([first, last, before])?
                || crate::hold::has_allowed(c)?)
        })?;
        if !is_needed {
            return Ok(0);
        }
        self.write("engine.expire_approvals", |tx| {
            let expired = tx.execute(
                "UPDATE link SET pending_state = 5, allowed_at = NULL WHERE pending_state > 0 AND pending_state = 7
                   AND allowed_at < ?3 AND id BETWEEN ?1 AND ?2",
                [first, last, before],
            )? + losses::expire(tx, job.id, before, now)?;
            if expired > 0 {
                losses::raise(tx, job.id, &losses::expired(), now)?;
            }
            Ok(expired)
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

fn is_within((first, last): (i64, i64), link: &LinkId) -> bool {
    (first..=last).contains(&link.0)
}

/// Decides about deletes and disables in these states.
fn decide(
    tx: &Transaction<'_>,
    (first, last): (i64, i64),
    states: &str,
    to: PendingState,
    actor: &str,
    now: i64,
) -> Result<usize> {
    let refused = to == PendingState::Refused;
    let why = pack(&Refusal::new(Code::DeletionRefused).with("by", actor))?;
    Ok(tx.execute(
        &format!(
            "UPDATE link SET pending_state = ?3, reason = coalesce(?4, reason), changed_at = ?5, allowed_at = ?6
             WHERE pending_state > 0 AND pending_state IN ({states}) AND id BETWEEN ?1 AND ?2"
        ),
        params![
            first,
            last,
            to.number(),
            refused.then_some(why),
            now,
            (!refused).then_some(now)
        ],
    )?)
}

/// A record of something held, to be filled in.
pub(crate) fn staged_record(job: &JobRow, link: LinkId, why: &Refusal, now: i64) -> Record {
    Record {
        sequence: 0,
        at: now,
        since: now,
        link: link.0,
        job: job.id.0,
        cycle: uuid::Uuid::nil(),
        action: Action::StagedDelete,
        status: Status::Skipped,
        class: String::new(),
        name: String::new(),
        anchor: sync_core::id::Anchor::new([]),
        target: None,
        refusal: Some(why.clone()),
        changes: Vec::new(),
        references: Vec::new(),
        reasons: 0,
    }
}

/// How many objects of a job wait for a decision.
pub(crate) fn held_count(c: &Connection, job: JobId) -> Result<i64> {
    let (first, last) = crate::link_range(job);
    let deletions: i64 = c
        .prepare_cached(
            "SELECT count(*) FROM link WHERE pending_state > 0 AND pending_state = 5 AND id BETWEEN ?1 AND ?2",
        )?
        .query_row([first, last], |row| row.get(0))?;
    Ok(deletions + losses::held_count(c, job)?)
}

fn settle_guard(tx: &Transaction<'_>, job: JobId) -> Result<()> {
    if held_count(tx, job)? == 0 {
        tx.execute(
            "UPDATE job SET guard = NULL, guard_since = NULL WHERE id = ?1 AND guard IS NOT NULL",
            [job.0],
        )?;
    }
    Ok(())
}
