//! Runs of jobs, newest first.

use std::collections::BTreeMap;

use rusqlite::params;
use sync_core::{
    id::{JobId, RunId},
    operation::Refusal,
};

use crate::{
    observe::refusal_of,
    store::{Engine, Result},
};

/// A stored run.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Row.
    pub id: RunId,
    /// Job.
    pub job: JobId,
    /// `initial` or `incremental`.
    pub kind: String,
    /// `running`, `succeeded`, `entryLevelErrors` or `failed`.
    pub state: String,
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

    /// Notes that a job begins to catch up.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin_run(&self, job: JobId, kind: &str) -> Result<RunId> {
        let now = self.now();
        self.write("engine.begin_run", |tx| {
            tx.execute(
                "INSERT INTO run (job, kind, state, started_at) VALUES (?1, ?2, 'running', ?3)",
                params![job.0, kind, now],
            )?;
            let id = tx.last_insert_rowid();
            tx.execute("DELETE FROM run WHERE id < ?1 - 10000", [id])?;
            Ok(RunId(id))
        })
    }

    /// Notes that a job has caught up, or cannot go on.
    ///
    /// # Errors
    /// Of the store.
    pub fn end_run(
        &self,
        run: RunId,
        state: &str,
        counts: &serde_json::Value,
        failure: Option<&Refusal>,
    ) -> Result<()> {
        let now = self.now();
        self.write("engine.end_run", |tx| {
            tx.execute(
                "UPDATE run SET state = ?2, ended_at = ?3, counts = ?4, failure = ?5 WHERE id = ?1",
                params![
                    run.0,
                    state,
                    now,
                    counts.to_string(),
                    failure.map(crate::store::pack).transpose()?
                ],
            )?;
            Ok(())
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
                "SELECT id, job, kind, state, started_at, ended_at, counts, failure FROM run
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
}
