//! Runs, newest first.

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
