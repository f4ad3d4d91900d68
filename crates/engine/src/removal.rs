//! Removing a job: what becomes of its objects is decided, carried out object by object, and then everything that was remembered
//! of the job is forgotten, in pieces.
//!
//! Never touches the target; what was done there is reported here. What the log says of the job stays, and so do the versions of
//! its rules, by which values are hidden in it. Trap: the number of a removed job is never given again, or its records would be
//! those of another one.

use rusqlite::{OptionalExtension, params};
use sync_core::{
    code::Code,
    id::{Anchor, JobId, LinkId},
    operation::Refusal,
    value::{Name, Values},
};

use crate::{
    config::{JobRow, JobState, note_act},
    group::Transaction,
    log::{Action, Record, Status},
    observe::{class_name, refusal_of},
    reason,
    store::{Engine, Result, StoreError, pack},
};

/// What becomes of the objects of a removed job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalMode {
    /// They stay as they are, for another server or job that goes on with them.
    Keep,
    /// They stay, and are the tenant's own from then on.
    Release,
    /// Accounts cannot sign in any more; all are the tenant's own.
    Disable,
    /// They are deleted.
    Delete,
}

impl RemovalMode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Keep, Self::Release, Self::Disable, Self::Delete];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Release => "release",
            Self::Disable => "disable",
            Self::Delete => "delete",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether somebody loses something.
    pub fn is_destructive(self) -> bool {
        matches!(self, Self::Disable | Self::Delete)
    }
}

/// A job that is being removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalRow {
    /// What becomes of its objects.
    pub mode: RemovalMode,
    /// Who asked.
    pub actor: String,
    /// When it began, unix ms.
    pub at: i64,
    /// Objects it had.
    pub objects: i64,
    /// How many failed in the last round.
    pub failed: i64,
    /// Why one of them did.
    pub failure: Option<Refusal>,
}

/// What became of an object.
#[derive(Clone, Debug)]
pub struct RemovedObject {
    /// Its link.
    pub link: LinkId,
    /// Its name for people.
    pub name: String,
    /// Its target object.
    pub target: Option<String>,
    /// What was done.
    pub action: Action,
    /// Attributes that changed: name, old, new.
    pub changes: Vec<(Name, Values, Values)>,
    /// Why not, if not.
    pub failure: Option<Refusal>,
}

/// Rows removed in one transaction.
const PIECE: i64 = 5_000;

/// Tables with rows by link, and the column.
const BY_LINK: [(&str, &str); 12] = [
    ("due", "id"),
    ("due_later", "id"),
    ("due_reference", "id"),
    ("due_edge", "id"),
    ("aside", "id"),
    ("leaver", "id"),
    ("target_change", "id"),
    ("hold_object", "id"),
    ("hold_attribute", "id"),
    ("hold_reference", "id"),
    ("before_image", "link"),
    ("link", "id"),
];
/// Tables with rows by job.
const BY_JOB: [&str; 8] = [
    "waiting",
    "conflict",
    "tally",
    "counted_link",
    "scope_group",
    "quarantine",
    "staged",
    "unsent",
];

impl Engine {
    /// The removal of a job, if it is being removed.
    ///
    /// # Errors
    /// Of the store.
    pub fn removal(&self, job: JobId) -> Result<Option<RemovalRow>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT mode, actor, at, objects, failed, failure FROM removal WHERE job = ?1",
            )?;
            let mut rows = statement.query([job.0])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(RemovalRow {
                mode: RemovalMode::from_name(row.get_ref(0)?.as_str().unwrap_or_default())
                    .unwrap_or(RemovalMode::Keep),
                actor: row.get(1)?,
                at: row.get(2)?,
                objects: row.get(3)?,
                failed: row.get(4)?,
                failure: refusal_of(row.get(5)?)?,
            }))
        })
    }

    /// Begins to remove a job; it does nothing else any more.
    ///
    /// # Errors
    /// Conflict if it is being removed already, or it does not have this many linked objects any more.
    pub fn begin_removal(
        &self,
        job: &JobRow,
        mode: RemovalMode,
        expected: Option<i64>,
        actor: &str,
    ) -> Result<RemovalRow> {
        let now = self.now();
        let conflict = |text: String| {
            StoreError::Refused(
                Refusal::new(Code::Conflict)
                    .with("job", &job.name)
                    .with("text", text),
            )
        };
        self.write("engine.begin_removal", |tx| {
            if tx
                .prepare("SELECT 1 FROM removal WHERE job = ?1")?
                .exists([job.id.0])?
            {
                return Err(conflict("the job is being removed already".into()));
            }
            let linked: i64 = tx.query_row(
                "SELECT coalesce(sum(count), 0) FROM tally WHERE job = ?1 AND situation = 1",
                [job.id.0],
                |row| row.get(0),
            )?;
            if let Some(expected) = expected.filter(|expected| *expected != linked) {
                return Err(conflict(format!(
                    "the job has {linked} objects, not {expected}; look at the preview again"
                )));
            }
            tx.execute(
                "INSERT INTO removal (job, mode, actor, at, objects) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![job.id.0, mode.name(), actor, now, linked],
            )?;
            tx.execute(
                "UPDATE job SET state = ?2 WHERE id = ?1",
                params![job.id.0, JobState::Paused.name()],
            )?;
            let detail = format!("{}: {} of {linked} objects", job.name, mode.name());
            note_act(tx, actor, "remove job", &detail, now)
        })?;
        self.removal(job.id)?
            .ok_or_else(|| conflict("the removal ended at once".into()))
    }

    /// Stops removing a job. What was done stays done; the job is paused, and matches again what it lost.
    ///
    /// # Errors
    /// NotFound if it is not being removed.
    pub fn cancel_removal(&self, job: &JobRow, actor: &str) -> Result<()> {
        let now = self.now();
        self.write("engine.cancel_removal", |tx| {
            if tx.execute("DELETE FROM removal WHERE job = ?1", [job.id.0])? == 0 {
                return Err(crate::config::not_found("removal of the job", &job.name));
            }
            crate::config::everything_due(tx, job.id, job.source, reason::ASKED, now)?;
            note_act(tx, actor, "cancel removal", &job.name, now)
        })
    }

    /// Takes what became of objects: those that are done with are not linked any more, and all of it stands in the log.
    ///
    /// # Errors
    /// Of the store.
    pub fn note_removed(&self, job: &JobRow, objects: &[RemovedObject]) -> Result<()> {
        let now = self.now();
        self.write("engine.note_removed", |tx| {
            let mut records = Vec::new();
            for object in objects {
                records.push(self.removal_record(tx, job, object, now)?);
                if object.failure.is_none() {
                    self.take_apart(tx, job, object.link, now)?;
                }
            }
            self.append_log(tx, records, now)
        })
    }

    fn removal_record(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        object: &RemovedObject,
        now: i64,
    ) -> Result<Record> {
        let found: Option<(Vec<u8>, Option<i64>)> = tx
            .prepare_cached("SELECT anchor, class FROM object WHERE id = ?1")?
            .query_row([crate::object_of(object.link).0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let (anchor, class) = found.unwrap_or_default();
        Ok(Record {
            sequence: 0,
            at: now,
            since: now,
            link: object.link.0,
            job: job.id.0,
            action: object.action,
            status: match object.failure {
                None => Status::Success,
                Some(_) => Status::Failure,
            },
            class: class_name(self, class)
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            name: object.name.clone(),
            anchor: Anchor::new(anchor),
            target: object.target.clone(),
            refusal: object.failure.clone(),
            changes: object.changes.clone(),
            references: Vec::new(),
            reasons: reason::ASKED,
            cycle: uuid::Uuid::nil(),
        })
    }

    /// Remembers how a round of a removal went.
    ///
    /// # Errors
    /// Of the store.
    pub fn removal_failed(&self, job: JobId, failed: i64, why: Option<&Refusal>) -> Result<()> {
        let packed = why.map(pack).transpose()?;
        self.write("engine.removal_failed", |tx| {
            tx.execute(
                "UPDATE removal SET failed = ?2, failure = ?3 WHERE job = ?1",
                params![job.0, failed, packed],
            )?;
            Ok(())
        })
    }

    /// Forgets a piece of what is remembered of a job that is being removed. Says whether the job is gone.
    ///
    /// # Errors
    /// Of the store.
    pub fn forget_job(&self, job: &JobRow, removal: &RemovalRow) -> Result<bool> {
        let (first, last) = crate::link_range(job.id);
        for (table, column) in BY_LINK {
            if self.forget_piece(table, column, first, last)? {
                return Ok(false);
            }
        }
        if self.forget_marks(job)? {
            return Ok(false);
        }
        let now = self.now();
        self.write("engine.forget_job", |tx| {
            for table in BY_JOB {
                tx.execute(&format!("DELETE FROM {table} WHERE job = ?1"), [job.id.0])?;
            }
            tx.execute("DELETE FROM harm WHERE job = ?1", [job.id.0])?;
            tx.execute("DELETE FROM destroyed WHERE job = ?1", [job.id.0])?;
            tx.execute("DELETE FROM meta WHERE key = ?1", [format!("containers.{}", job.guid)])?;
            tx.execute(
                "UPDATE run SET state = 'succeeded', ended_at = ?2 WHERE job = ?1 AND state = 'running'",
                params![job.id.0, now],
            )?;
            tx.execute(
                "INSERT INTO removed_job (id, guid, name, source, target, mode, actor, at, objects) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    job.id.0,
                    job.guid,
                    job.name,
                    job.source.0,
                    job.target.0,
                    removal.mode.name(),
                    removal.actor,
                    now,
                    removal.objects
                ],
            )?;
            tx.execute("DELETE FROM removal WHERE job = ?1", [job.id.0])?;
            tx.execute("DELETE FROM job WHERE id = ?1", [job.id.0])?;
            let detail = format!("{} ({}), {} objects", job.name, removal.mode.name(), removal.objects);
            note_act(tx, &removal.actor, "job removed", &detail, now)
        })?;
        Ok(true)
    }

    /// Removes a piece of a table; whether there was one.
    fn forget_piece(&self, table: &str, column: &str, first: i64, last: i64) -> Result<bool> {
        let has_any = self.read(|c| {
            let sql = format!("SELECT 1 FROM {table} WHERE {column} BETWEEN ?1 AND ?2 LIMIT 1");
            Ok(c.prepare_cached(&sql)?.exists([first, last])?)
        })?;
        if !has_any {
            return Ok(false);
        }
        self.write("engine.forget_piece", |tx| {
            let bound: Option<i64> = tx
                .prepare_cached(&format!(
                    "SELECT {column} FROM {table} WHERE {column} BETWEEN ?1 AND ?2 ORDER BY {column} LIMIT 1 OFFSET ?3"
                ))?
                .query_row(params![first, last, PIECE], |row| row.get(0))
                .optional()?;
            tx.execute(
                &format!("DELETE FROM {table} WHERE {column} BETWEEN ?1 AND ?2"),
                [first, bound.unwrap_or(last)],
            )?;
            Ok(true)
        })
    }

    /// Takes the job's marks from a piece of the references of its source; whether there were any.
    fn forget_marks(&self, job: &JobRow) -> Result<bool> {
        let bit = 2_i64 << job.slot;
        self.write("engine.forget_marks", |tx| {
            let marked: Vec<i64> = {
                let mut statement = tx.prepare_cached(
                    "SELECT DISTINCT e.src FROM edge e JOIN object o ON o.id = e.src
                     WHERE o.connector = ?1 AND e.flags & ?2 LIMIT ?3",
                )?;
                let rows =
                    statement.query_map(params![job.source.0, bit, PIECE], |row| row.get(0))?;
                rows.collect::<rusqlite::Result<_>>()?
            };
            let mut update = tx.prepare_cached(
                "UPDATE edge SET flags = flags & ~?2 WHERE src = ?1 AND flags & ?2",
            )?;
            let mut delete = tx.prepare_cached("DELETE FROM edge WHERE src = ?1 AND flags = 0")?;
            for src in &marked {
                update.execute(params![src, bit])?;
                delete.execute([src])?;
            }
            Ok(!marked.is_empty())
        })
    }

    /// Jobs that were removed: number, outside id and name.
    ///
    /// # Errors
    /// Of the store.
    pub fn removed_jobs(&self) -> Result<Vec<RemovedJobRow>> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT id, guid, name, source, target FROM removed_job")?;
            let rows = statement.query_map([], |row| {
                Ok(RemovedJobRow {
                    id: JobId(row.get(0)?),
                    guid: row.get(1)?,
                    name: row.get(2)?,
                    source: sync_core::id::ConnectorId(row.get(3)?),
                    target: sync_core::id::ConnectorId(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// A job that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedJobRow {
    /// Number it had.
    pub id: JobId,
    /// Outside id it had.
    pub guid: String,
    /// Name it had.
    pub name: String,
    /// Its source.
    pub source: sync_core::id::ConnectorId,
    /// Its target.
    pub target: sync_core::id::ConnectorId,
}
