//! Where a job stands, moved on by what happens to it.

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    code::Code,
    cycle::{
        Failures, Quarantine, Reason, RunStatus, Side, Standing,
        quarantine::{EVALUATION_FLOOR, counts, is_busy_too_long},
        standing::Change,
    },
    id::JobId,
    operation::Refusal,
};

use super::{escrow, notification};
use crate::{
    JobRow, JobState,
    group::Transaction,
    observe::refusal_of,
    reason,
    store::{Engine, Result, pack},
};

/// Where a job stands, with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobStanding {
    /// Failures and quarantine.
    pub standing: Standing,
    /// Whether the cycle under way, or the next one, looks at everything.
    pub is_initial: bool,
    /// When it first had nothing left to do, unix ms.
    pub steady_first: Option<i64>,
    /// When it last came to have nothing left to do, unix ms.
    pub steady_last: Option<i64>,
    /// When a quarantine of four weeks ended with the job being disabled, unix ms.
    pub disabled_at: Option<i64>,
    /// Since when source or target answers that it is busy, unix ms.
    pub busy_since: Option<i64>,
}

/// What run a complete failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailedRun {
    /// It ended one, which is recorded already.
    Recorded,
    /// It is one of its own.
    New {
        /// Whether anything was done before.
        had_begun: bool,
    },
}

impl JobStanding {
    /// Whether somebody has to look after a system that stays busy.
    pub fn is_busy_too_long(&self, now: i64) -> bool {
        self.busy_since
            .is_some_and(|since| is_busy_too_long(since, now))
    }
}

fn read(connection: &Connection, job: JobId) -> Result<JobStanding> {
    let mut statement = connection.prepare_cached(
        "SELECT j.complete_failures, j.failed_side, j.escrows_pruned, j.is_initial, j.steady_first, j.steady_last, j.disabled_at,
           j.busy_since, q.reason, q.error, q.current_began, q.next_attempt, q.series_began, q.series_count
         FROM job j LEFT JOIN quarantine q ON q.job = j.id WHERE j.id = ?1",
    )?;
    let mut rows = statement.query([job.0])?;
    let Some(row) = rows.next()? else {
        return Err(crate::config::not_found("job", &job.to_string()));
    };
    let side: Option<String> = row.get(1)?;
    let reason: Option<String> = row.get(8)?;
    let quarantine = match reason {
        None => None,
        Some(reason) => Some(Quarantine {
            reason: Reason::from_name(&reason),
            current_began: row.get(10)?,
            next_attempt: row.get(11)?,
            series_began: row.get(12)?,
            series_count: row.get(13)?,
        }),
    };
    Ok(JobStanding {
        standing: Standing {
            in_a_row: row.get(0)?,
            failed_side: side.map(|side| match side == Side::Source.name() {
                true => Side::Source,
                false => Side::Target,
            }),
            quarantine,
            error: refusal_of(row.get(9)?)?,
            are_escrows_pruned: row.get(2)?,
        },
        is_initial: row.get(3)?,
        steady_first: row.get(4)?,
        steady_last: row.get(5)?,
        disabled_at: row.get(6)?,
        busy_since: row.get(7)?,
    })
}

fn store(tx: &Transaction<'_>, job: JobId, standing: &Standing) -> Result<()> {
    tx.prepare_cached(
        "UPDATE job SET complete_failures = ?2, failed_side = ?3, escrows_pruned = ?4 WHERE id = ?1",
    )?
    .execute(params![
        job.0,
        standing.in_a_row,
        standing.failed_side.map(Side::name),
        standing.are_escrows_pruned
    ])?;
    let Some(held) = standing.quarantine else {
        tx.prepare_cached("DELETE FROM quarantine WHERE job = ?1")?
            .execute([job.0])?;
        return Ok(());
    };
    let error = standing.error.as_ref().map(pack).transpose()?;
    tx.prepare_cached(
        "INSERT INTO quarantine (job, reason, error, current_began, next_attempt, series_began, series_count)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (job) DO UPDATE SET reason = excluded.reason, error = excluded.error, current_began = excluded.current_began,
           next_attempt = excluded.next_attempt, series_began = excluded.series_began, series_count = excluded.series_count",
    )?
    .execute(params![
        job.0,
        held.reason.name(),
        error,
        held.current_began,
        held.next_attempt,
        held.series_began,
        held.series_count
    ])?;
    Ok(())
}

/// Moves a job's standing on, and stores it with the message that somebody is to be sent.
fn moved(
    tx: &Transaction<'_>,
    job: JobId,
    now: i64,
    act: impl FnOnce(&mut Standing) -> Change,
) -> Result<Change> {
    let mut standing = read(tx, job)?.standing;
    let before = standing.clone();
    let change = act(&mut standing);
    if standing != before {
        store(tx, job, &standing)?;
    }
    if let Change::Imposed(reason) = change {
        notification::add(
            tx,
            job,
            "quarantine",
            reason.name(),
            standing.error.as_ref(),
            now,
        )?;
    }
    Ok(change)
}

/// Moves a job's standing on without anything to be told.
pub(super) fn forget(
    tx: &Transaction<'_>,
    job: JobId,
    act: impl FnOnce(&mut Standing) -> Change,
    now: i64,
) -> Result<()> {
    moved(tx, job, now, act).map(drop)
}

/// A cycle of a job came to its end: its failing objects are counted and judged. Says whether they are too many.
pub(crate) fn ended(tx: &Transaction<'_>, job: JobId, kind: &str, now: i64) -> Result<bool> {
    let failures = failures(tx, job)?;
    let is_initial = kind == "initial";
    moved(tx, job, now, |standing| {
        standing.ends(&failures, is_initial, now)
    })?;
    let is_over_limit = failures.verdict().is_some();
    if is_over_limit && is_initial {
        escrow::prune(tx, job)?;
    }
    Ok(is_over_limit)
}

/// How many objects of a job fail. Below the floor nobody asks what for.
fn failures(tx: &Transaction<'_>, job: JobId) -> Result<Failures> {
    let (first, last) = crate::link_range(job);
    let number = |sql: &str| -> Result<u64> {
        let number: i64 = tx
            .prepare_cached(sql)?
            .query_row(params![first, last, reason::RETRY], |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let total =
        number("SELECT count(*) FROM due_later WHERE id BETWEEN ?1 AND ?2 AND reasons & ?3 <> 0")?;
    if total < EVALUATION_FLOOR {
        return Ok(Failures {
            base: total,
            ..Failures::default()
        });
    }
    let linked: i64 = tx
        .prepare_cached(
            "SELECT coalesce(sum(count), 0) FROM tally WHERE job = ?1 AND situation = 1",
        )?
        .query_row([job.0], |row| row.get(0))?;
    let linked_failing = number(
        "SELECT count(*) FROM due_later d JOIN link l ON l.id = d.id
         WHERE d.id BETWEEN ?1 AND ?2 AND d.reasons & ?3 <> 0 AND l.situation = 1",
    )?;
    let references = failing_references(tx, first, last)?;
    Ok(Failures {
        base: total.saturating_sub(references),
        references,
        succeeded: u64::try_from(linked)
            .unwrap_or(0)
            .saturating_sub(linked_failing),
    })
}

fn failing_references(tx: &Transaction<'_>, first: i64, last: i64) -> Result<u64> {
    let mut statement = tx.prepare_cached(
        "SELECT l.reason FROM due_later d JOIN link l ON l.id = d.id
         WHERE d.id BETWEEN ?1 AND ?2 AND d.reasons & ?3 <> 0 AND l.reason IS NOT NULL",
    )?;
    let mut rows = statement.query(params![first, last, reason::RETRY])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let why = refusal_of(row.get(0)?)?;
        count += u64::from(
            why.is_some_and(|why| why.code == Code::UnableToResolveReferenceAttributeValue),
        );
    }
    Ok(count)
}

impl Engine {
    /// Where a job stands.
    ///
    /// # Errors
    /// NotFound.
    pub fn standing(&self, job: JobId) -> Result<JobStanding> {
        self.read(|c| read(c, job))
    }

    /// A cycle of a job failed completely. Repeated failures are one run.
    ///
    /// # Errors
    /// Of the store.
    pub fn cycle_failed(
        &self,
        job: &JobRow,
        side: Side,
        why: &Refusal,
        run: FailedRun,
    ) -> Result<Change> {
        let now = self.now();
        let limit = job.settings.quarantine_after_failures;
        self.write("engine.cycle_failed", |tx| {
            self.busy(tx, job.id, why, now)?;
            // A run under way ends by itself, with what it did.
            if let FailedRun::New { had_begun } = run
                && !crate::query::is_run_open(tx, job.id)?
            {
                self.failed_run(tx, job.id, why, had_begun, now)?;
            }
            moved(tx, job.id, now, |standing| {
                standing.fails(side, why, limit, now)
            })
        })
    }

    /// One end of a job works.
    ///
    /// # Errors
    /// Of the store.
    pub fn cycle_works(&self, job: JobId, side: Side) -> Result<Change> {
        let now = self.now();
        let before = self.standing(job)?;
        let is_news = before.standing.clone().succeeds(side, now) != Change::None
            || before.standing.failed_side == Some(side)
            || before.busy_since.is_some();
        if !is_news {
            return Ok(Change::None);
        }
        self.write("engine.cycle_works", |tx| {
            tx.execute("UPDATE job SET busy_since = NULL WHERE id = ?1", [job.0])?;
            moved(tx, job, now, |standing| standing.succeeds(side, now))
        })
    }

    /// The guard holds deletions, for this reason, or does not any more.
    ///
    /// # Errors
    /// Of the store.
    pub fn guard_holds(&self, job: JobId, why: Option<&Refusal>) -> Result<Change> {
        let now = self.now();
        let before = self.standing(job)?.standing;
        if before.clone().holds(why, now) == Change::None {
            return Ok(Change::None);
        }
        self.write("engine.guard_holds", |tx| {
            moved(tx, job, now, |standing| standing.holds(why, now))
        })
    }

    /// An administrator wants a job in quarantine.
    ///
    /// # Errors
    /// Of the store.
    pub fn quarantine_on_demand(&self, job: JobId, actor: &str, text: &str) -> Result<Change> {
        let now = self.now();
        let why = Refusal::new(Code::QuarantinedOnDemand)
            .with("by", actor)
            .with("text", text);
        self.write("engine.quarantine_on_demand", |tx| {
            crate::config::note_act(
                tx,
                actor,
                "quarantine job",
                &format!("job {job}: {text}"),
                now,
            )?;
            moved(tx, job, now, |standing| standing.demanded(why, now))
        })
    }

    /// The cause of a quarantine may be gone: the job is tried now. Says whether there was something to try.
    ///
    /// # Errors
    /// Of the store.
    pub fn quarantine_is_hopeful(&self, job: JobId) -> Result<bool> {
        let now = self.now();
        let mut standing = self.standing(job)?.standing;
        if !standing.is_hopeful(now) {
            return Ok(false);
        }
        self.write("engine.quarantine_hope", |tx| store(tx, job, &standing))?;
        Ok(true)
    }

    /// Clears a quarantine and the failures in a row. What failed is tried again at once; read positions and links stay.
    ///
    /// # Errors
    /// Of the store.
    pub fn clear_quarantine(&self, job: JobId) -> Result<Change> {
        let now = self.now();
        self.write("engine.clear_quarantine", |tx| {
            tx.execute(
                "UPDATE job SET disabled_at = NULL, busy_since = NULL WHERE id = ?1",
                [job.0],
            )?;
            escrow::wake(tx, job, now)?;
            moved(tx, job, now, Standing::clear)
        })
    }

    /// The time of an attempt has come: what failed is tried with it. Called as the attempt begins.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin_attempt(&self, job: JobId) -> Result<()> {
        let now = self.now();
        self.write("engine.begin_attempt", |tx| escrow::wake(tx, job, now))
    }

    /// Disables a job whose quarantine has lasted too long. Says whether it did.
    ///
    /// # Errors
    /// Of the store.
    pub fn rest_if_over(&self, job: JobId) -> Result<bool> {
        let now = self.now();
        let standing = self.standing(job)?;
        let is_over = standing
            .standing
            .quarantine
            .is_some_and(|held| held.is_over(now));
        if !is_over || standing.disabled_at.is_some() {
            return Ok(false);
        }
        self.write("engine.rest", |tx| {
            tx.execute(
                "UPDATE job SET state = ?2, disabled_at = ?3 WHERE id = ?1",
                params![job.0, JobState::Paused.name(), now],
            )?;
            let error = standing.standing.error.as_ref();
            notification::add(tx, job, "disabled", "28 days in quarantine", error, now)?;
            crate::config::note_act(tx, "hybridge", "disable job", &format!("job {job}"), now)
        })?;
        Ok(true)
    }

    /// Records a cycle that did nothing; the same failure again only lengthens the one before.
    fn failed_run(
        &self,
        tx: &Transaction<'_>,
        job: JobId,
        why: &Refusal,
        had_begun: bool,
        now: i64,
    ) -> Result<()> {
        let status = RunStatus::of_failure(why.code, had_begun);
        let last: Option<(i64, String, Option<Vec<u8>>)> = tx
            .prepare_cached(
                "SELECT id, status, failure FROM run WHERE job = ?1 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if let Some((id, before, failure)) = last
            && before == status.name()
            && refusal_of(failure)?.is_some_and(|before| before.code == why.code)
        {
            tx.prepare_cached(
                "UPDATE run SET ended_at = ?2, failure = ?3,
                   counts = json_set(counts, '$.attempts', coalesce(json_extract(counts, '$.attempts'), 1) + 1) WHERE id = ?1",
            )?
            .execute(params![id, now, pack(why)?])?;
            return Ok(());
        }
        let run = self.cycle(tx, job, now)?;
        tx.prepare_cached(
            "UPDATE run SET state = 'failed', status = ?2, ended_at = ?3, failure = ?4, counts = '{\"attempts\":1}' WHERE id = ?1",
        )?
        .execute(params![run.id.0, status.name(), now, pack(why)?])?;
        Ok(())
    }

    /// Remembers since when a system is busy; when that is too long, somebody is told once.
    fn busy(&self, tx: &Transaction<'_>, job: JobId, why: &Refusal, now: i64) -> Result<()> {
        if !matches!(
            why.code,
            Code::TargetBusy | Code::SourceBusy | Code::TooManyRequests
        ) {
            return Ok(());
        }
        debug_assert!(
            !counts(why.code),
            "a busy system is no reason for quarantine"
        );
        let since: Option<i64> = tx
            .prepare_cached("SELECT busy_since FROM job WHERE id = ?1")?
            .query_row([job.0], |row| row.get(0))?;
        let Some(since) = since else {
            tx.execute("UPDATE job SET busy_since = ?2 WHERE id = ?1", [job.0, now])?;
            return Ok(());
        };
        let is_told: bool = tx
            .prepare_cached(
                "SELECT 1 FROM notification WHERE job = ?1 AND kind = 'busy' AND at >= ?2",
            )?
            .exists([job.0, since])?;
        if is_busy_too_long(since, now) && !is_told {
            notification::add(tx, job, "busy", "busy for 24 hours", Some(why), now)?;
        }
        Ok(())
    }
}
