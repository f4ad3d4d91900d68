//! Staging: jobs that are read and planned, and whose operations wait until somebody promotes them.
//!
//! Never decides who is active; that is held by the target. Trap: whatever was ready when a process ended counts as perhaps
//! carried out, unless it is known that nothing of the job was sent since it began to wait.

use std::collections::BTreeMap;

use rusqlite::params;
use sync_core::{id::JobId, operation::Refusal};

use crate::{
    config::note_act,
    observe::refusal_of,
    store::{Engine, Result, pack},
};

/// Who stages the whole server.
const SERVER: JobId = JobId(0);

/// Since when something is in staging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedRow {
    /// Since when, unix ms.
    pub since: i64,
    /// By whom.
    pub actor: String,
    /// Why, if it was not a person's wish.
    pub why: Option<Refusal>,
}

/// Everything that is in staging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staging {
    /// The whole server.
    pub server: Option<StagedRow>,
    /// Single jobs.
    pub jobs: BTreeMap<JobId, StagedRow>,
}

impl Staging {
    /// What keeps a job in staging: itself first, then the server.
    pub fn of(&self, job: JobId) -> Option<&StagedRow> {
        self.jobs.get(&job).or(self.server.as_ref())
    }
}

impl Engine {
    /// Everything that is in staging.
    ///
    /// # Errors
    /// Of the store.
    pub fn staging(&self) -> Result<Staging> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT job, since, actor, why FROM staged")?;
            let mut rows = statement.query([])?;
            let mut all = Staging::default();
            while let Some(row) = rows.next()? {
                let staged = StagedRow {
                    since: row.get(1)?,
                    actor: row.get(2)?,
                    why: refusal_of(row.get(3)?)?,
                };
                match JobId(row.get(0)?) {
                    SERVER => all.server = Some(staged),
                    job => drop(all.jobs.insert(job, staged)),
                }
            }
            Ok(all)
        })
    }

    /// Whether nothing of a job is carried out.
    ///
    /// # Errors
    /// Of the store.
    pub fn is_staged(&self, job: JobId) -> Result<bool> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT 1 FROM staged WHERE job IN (0, ?1)")?;
            Ok(statement.exists([job.0])?)
        })
    }

    /// Puts a job into staging, or the whole server (`None`). What is there already keeps its time.
    ///
    /// # Errors
    /// Of the store.
    pub fn stage(&self, job: Option<JobId>, actor: &str, why: Option<&Refusal>) -> Result<()> {
        let (id, now) = (job.unwrap_or(SERVER), self.now());
        let name = self.staged_name(job)?;
        let packed = why.map(pack).transpose()?;
        self.write("engine.stage", |tx| {
            let is_new = tx.execute(
                "INSERT INTO staged (job, since, actor, why) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (job) DO NOTHING",
                params![id.0, now, actor, packed],
            )?;
            match (is_new, why) {
                (0, _) => Ok(()),
                (_, None) => note_act(tx, actor, "enter staging", &name, now),
                (_, Some(why)) => {
                    note_act(tx, actor, "enter staging", &format!("{name}: {why}"), now)
                }
            }
        })
    }

    /// Takes a job out of staging, or the whole server (`None`).
    ///
    /// # Errors
    /// Of the store.
    pub fn promote(&self, job: Option<JobId>, actor: &str) -> Result<()> {
        let (id, now) = (job.unwrap_or(SERVER), self.now());
        let name = self.staged_name(job)?;
        self.write("engine.promote", |tx| {
            tx.execute("DELETE FROM staged WHERE job = ?1", [id.0])?;
            note_act(tx, actor, "promote", &name, now)
        })
    }

    /// Nothing of a job is on its way: what waits from now on was certainly not carried out.
    ///
    /// # Errors
    /// Of the store.
    pub fn nothing_sent(&self, job: JobId) -> Result<()> {
        let is_known = self.read(|c| {
            let mut statement = c.prepare_cached("SELECT 1 FROM unsent WHERE job = ?1")?;
            Ok(statement.exists([job.0])?)
        })?;
        if is_known {
            return Ok(());
        }
        self.write("engine.nothing_sent", |tx| {
            tx.execute("INSERT OR IGNORE INTO unsent (job) VALUES (?1)", [job.0])?;
            Ok(())
        })
    }

    /// Operations of a job are sent from now on. To be stored before the first one.
    ///
    /// # Errors
    /// Of the store.
    pub fn begin_sending(&self, job: JobId) -> Result<()> {
        self.write("engine.begin_sending", |tx| {
            tx.execute("DELETE FROM unsent WHERE job = ?1", [job.0])?;
            Ok(())
        })
    }

    fn staged_name(&self, job: Option<JobId>) -> Result<String> {
        match job {
            Some(job) => Ok(self.job(job)?.name),
            None => Ok("the whole server".to_owned()),
        }
    }
}
