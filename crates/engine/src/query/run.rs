//! Runs of jobs, newest first.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    cycle::{Ending, RunStatus},
    id::{JobId, RunId},
    operation::Refusal,
};
use uuid::Uuid;

use crate::{
    group::Transaction,
    observe::refusal_of,
    store::{Engine, Result, StoreError},
};

/// A cycle under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// Row.
    pub id: RunId,
    /// Outside id, which the records of the log carry.
    pub guid: Uuid,
}

/// How a cycle ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunEnd {
    /// What stopped it.
    pub failure: Option<Refusal>,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
    /// Whether the guard holds deletions.
    pub is_held: bool,
    /// How it was stopped, if by somebody.
    pub stopped: Option<RunStatus>,
}

/// The newest runs of a job.
#[derive(Clone, Debug, Default)]
pub struct LastRuns {
    /// The last one that ended.
    pub last: Option<RunRow>,
    /// The last one that went well.
    pub successful: Option<RunRow>,
    /// The last one of those that wrote something.
    pub with_exports: Option<RunRow>,
}

/// A stored run.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Row.
    pub id: RunId,
    /// Outside id, which the records of the log carry.
    pub guid: Uuid,
    /// Job.
    pub job: JobId,
    /// `initial` or `incremental`.
    pub kind: String,
    /// `running`, `succeeded`, `entryLevelErrors` or `failed`.
    pub state: String,
    /// How it ended, in the words of run histories; empty while it runs.
    pub status: String,
    /// What was asked for, if somebody asked for a part.
    pub scope: String,
    /// When it began, unix ms.
    pub started_at: i64,
    /// When it ended, unix ms.
    pub ended_at: Option<i64>,
    /// What was counted (JSON object of numbers).
    pub counts: serde_json::Value,
    /// What it failed with.
    pub failure: Option<Refusal>,
}

impl Engine {
    /// When connectors and jobs were created, unix ms, by outside id.
    ///
    /// # Errors
    /// Of the store.
    pub fn creation_times(&self) -> Result<BTreeMap<String, i64>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT guid, created_at FROM connector UNION ALL SELECT guid, created_at FROM job",
            )?;
            let pairs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(pairs.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Begins a run that somebody asked for, of a part of a job. If the job is in a cycle, that one does it too.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin_asked_run(&self, job: JobId, scope: &str) -> Result<OpenRun> {
        let now = self.now();
        self.write("engine.begin_asked_run", |tx| {
            if let Some(open) = open_run(tx, job)? {
                return Ok(open);
            }
            let run = self.cycle(tx, job, now)?;
            tx.execute(
                "UPDATE run SET kind = 'onDemand', scope = ?2 WHERE id = ?1",
                params![run.id.0, scope],
            )?;
            Ok(run)
        })
    }

    /// The run a job is in; one begins if there is none.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin_run(&self, job: JobId) -> Result<RunId> {
        if let Some(open) = self.open_run(job)? {
            return Ok(open.id);
        }
        let now = self.now();
        self.write("engine.begin_run", |tx| Ok(self.cycle(tx, job, now)?.id))
    }

    /// The run a job is in.
    ///
    /// # Errors
    /// Of the store.
    pub fn open_run(&self, job: JobId) -> Result<Option<OpenRun>> {
        self.read(|c| open_run(c, job))
    }

    /// The cycle a job is in, within a transaction that belongs to it; one begins if there is none.
    pub(crate) fn cycle(&self, tx: &Transaction<'_>, job: JobId, now: i64) -> Result<OpenRun> {
        if let Some(open) = open_run(tx, job)? {
            return Ok(open);
        }
        let guid = self.new_id();
        tx.prepare_cached(
            "INSERT INTO run (job, guid, kind, state, started_at)
             VALUES (?1, ?2, CASE WHEN (SELECT is_initial FROM job WHERE id = ?1) = 0 THEN 'incremental' ELSE 'initial' END, 'running', ?3)",
        )?
        .execute(params![job.0, guid.to_string(), now])?;
        let id = tx.last_insert_rowid();
        tx.execute("DELETE FROM run WHERE id < ?1 - 10000", [id])?;
        Ok(OpenRun {
            id: RunId(id),
            guid,
        })
    }

    /// Notes that a cycle came to its end, or cannot go on: its failing objects are counted, and the job's standing moves on.
    ///
    /// # Errors
    /// Of the store.
    pub fn end_run(&self, run: RunId, end: &RunEnd) -> Result<()> {
        let now = self.now();
        self.write("engine.end_run", |tx| {
            let row: Option<(i64, String)> = tx
                .prepare_cached("SELECT job, kind FROM run WHERE id = ?1 AND state = 'running'")?
                .query_row([run.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((job, kind)) = row else {
                return Ok(());
            };
            let is_over_limit = match &end.failure {
                None => crate::cycle::ended(tx, JobId(job), &kind, now)?,
                Some(_) => false,
            };
            let count = |name: &str| end.counts.get(name).copied().unwrap_or(0);
            let status = end.stopped.unwrap_or_else(|| {
                RunStatus::of(&Ending {
                    failure: end.failure.as_ref().map(|why| why.code),
                    had_begun: count("read") + count("created") + count("updated") > 0,
                    sync_errors: count("unplannable"),
                    export_errors: count("failed"),
                    warnings: count("warnings"),
                    is_held: end.is_held,
                    is_over_limit,
                })
            });
            let is_failed = end.failure.is_some() || end.stopped.is_some();
            let has_errors = count("unplannable") + count("failed") > 0;
            let state = match (is_failed, has_errors) {
                (true, _) => "failed",
                (false, true) => "entryLevelErrors",
                (false, false) => "succeeded",
            };
            if !is_failed {
                settled(tx, job, &kind, now)?;
            }
            let counts = serde_json::to_string(&end.counts).map_err(|_| StoreError::Blob("counts"))?;
            tx.execute(
                "UPDATE run SET state = ?2, ended_at = ?3, counts = ?4, failure = ?5, status = ?6 WHERE id = ?1",
                params![
                    run.0,
                    state,
                    now,
                    counts,
                    end.failure.as_ref().map(crate::store::pack).transpose()?,
                    status.name()
                ],
            )?;
            Ok(())
        })
    }

    /// The newest run of a job that ended, of those that went well, and of those that wrote something.
    ///
    /// # Errors
    /// Of the store.
    pub fn last_runs(&self, job: JobId) -> Result<LastRuns> {
        let find = |condition: &str| -> Result<Option<RunRow>> {
            let id: Option<i64> = self.read(|c| {
                let sql = format!(
                    "SELECT id FROM run WHERE job = ?1 AND ended_at IS NOT NULL {condition} ORDER BY id DESC LIMIT 1"
                );
                Ok(c.prepare_cached(&sql)?
                    .query_row([job.0], |row| row.get(0))
                    .optional()?)
            })?;
            let Some(id) = id else { return Ok(None) };
            Ok(self
                .runs(Some(job), Some(RunId(id.saturating_add(1))), 1)?
                .pop())
        };
        Ok(LastRuns {
            last: find("")?,
            successful: find("AND state <> 'failed'")?,
            with_exports: find("AND state <> 'failed' AND json_extract(counts, '$.exported') > 0")?,
        })
    }

    /// Runs before a run (all: `None`), newest first, at most `limit`.
    ///
    /// # Errors
    /// Of the store.
    pub fn runs(
        &self,
        job: Option<JobId>,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>> {
        let of_job = if job.is_some() {
            "job = ?1 AND"
        } else {
            "?1 IS NULL AND"
        };
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT id, job, kind, state, started_at, ended_at, counts, failure, guid, status, scope FROM run
                 WHERE {of_job} id < ?2 ORDER BY id DESC LIMIT ?3"
            ))?;
            let mut rows = statement.query(params![
                job.map(|job| job.0),
                before.map_or(i64::MAX, |run| run.0),
                limit
            ])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(RunRow {
                    id: RunId(row.get(0)?),
                    guid: guid_of(&row.get::<_, String>(8)?)?,
                    status: row.get(9)?,
                    scope: row.get(10)?,
                    job: JobId(row.get(1)?),
                    kind: row.get(2)?,
                    state: row.get(3)?,
                    started_at: row.get(4)?,
                    ended_at: row.get(5)?,
                    counts: serde_json::from_str(&row.get::<_, String>(6)?).unwrap_or_default(),
                    failure: refusal_of(row.get(7)?)?,
                });
            }
            Ok(all)
        })
    }

    /// The run of this outside id.
    ///
    /// # Errors
    /// Of the store.
    pub fn run_of_cycle(&self, cycle: Uuid) -> Result<Option<RunRow>> {
        let id: Option<i64> = self.read(|c| {
            Ok(c.prepare_cached("SELECT id FROM run WHERE guid = ?1")?
                .query_row([cycle.to_string()], |row| row.get(0))
                .optional()?)
        })?;
        let Some(id) = id else { return Ok(None) };
        let runs = self.runs(None, Some(RunId(id.saturating_add(1))), 1)?;
        Ok(runs.into_iter().find(|run| run.id.0 == id))
    }
}

/// An initial cycle is over when it ended well after everything was read; nothing is left to catch up with now.
fn settled(tx: &Transaction<'_>, job: i64, kind: &str, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE job SET is_initial = 0 WHERE ?2 = 'initial' AND is_initial = 1 AND id = ?1
           AND (SELECT complete_reads FROM connector WHERE connector.id = job.source) > 0",
        params![job, kind],
    )?;
    tx.execute(
        "UPDATE job SET steady_first = coalesce(steady_first, ?2), steady_last = ?2 WHERE id = ?1",
        [job, now],
    )?;
    Ok(())
}

/// Whether a job is in a cycle.
pub(crate) fn is_run_open(tx: &Transaction<'_>, job: JobId) -> Result<bool> {
    Ok(open_run(tx, job)?.is_some())
}

fn open_run(connection: &Connection, job: JobId) -> Result<Option<OpenRun>> {
    let row: Option<(i64, String)> = connection
        .prepare_cached("SELECT id, guid FROM run WHERE job = ?1 AND state = 'running' ORDER BY id DESC LIMIT 1")?
        .query_row([job.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(id, guid)| {
        Ok(OpenRun {
            id: RunId(id),
            guid: guid_of(&guid)?,
        })
    })
    .transpose()
}

fn guid_of(text: &str) -> Result<Uuid> {
    Uuid::try_parse(text).map_err(|_| StoreError::Blob("cycle"))
}
