//! What keeps one object from being done: its place among what is due, and references that wait.
//!
//! Nothing here writes. Trap: an object that was never planned has no link row, and may be due all the same.

use rusqlite::{OptionalExtension as _, params};
use sync_core::{
    id::{JobId, ObjectId},
    value::Name,
};

use crate::store::{Engine, Result};

/// Where an object stands among what has to be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePlace {
    /// Why it is due (bits of [`crate::reason`]).
    pub reasons: i64,
    /// Since when, unix ms.
    pub since: i64,
    /// Objects of the job that are planned before it.
    pub ahead: u64,
}

/// The references of one attribute, as source and target have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceState {
    /// Linked attribute of the source.
    pub attribute: Name,
    /// How many the source says there are.
    pub wanted: u64,
    /// How many of those the target is known to hold.
    pub held: u64,
    /// Those that wait for the other end to appear in the target: how many.
    pub waiting: u64,
    /// How many of those wait for an object that is not to be in the target.
    pub outside: u64,
    /// The first of them.
    pub first: Vec<ObjectId>,
}

/// A reference to an object that is not in the target yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// Who refers to it.
    pub object: ObjectId,
    /// By which linked attribute.
    pub attribute: Name,
}

impl Engine {
    /// Where an object stands among what a job has to plan; `None`: it is not due.
    ///
    /// # Errors
    /// Of the store.
    pub fn due_place(&self, job: JobId, object: ObjectId) -> Result<Option<DuePlace>> {
        let (first, _) = crate::link_range(job);
        let link = crate::link_id(job, object);
        self.read(|c| {
            let place = c
                .prepare_cached(
                    "SELECT reasons, since, (SELECT count(*) FROM due b WHERE b.id >= ?2 AND b.id < ?1) FROM due WHERE id = ?1",
                )?
                .query_row([link.0, first], |row| {
                    Ok(DuePlace {
                        reasons: row.get(0)?,
                        since: row.get(1)?,
                        ahead: row.get::<_, i64>(2)?.cast_unsigned(),
                    })
                });
            Ok(place.optional()?)
        })
    }

    /// The references of an object in a job, by attribute, with the first `limit` of those that wait.
    ///
    /// # Errors
    /// Of the store.
    pub fn reference_states(
        &self,
        job: JobId,
        object: ObjectId,
        limit: usize,
    ) -> Result<Vec<ReferenceState>> {
        let (first_link, _) = crate::link_range(job);
        self.read(|c| {
            let slot: i64 = c
                .prepare_cached("SELECT slot FROM job WHERE id = ?1")?
                .query_row([job.0], |row| row.get(0))?;
            let mut counts = c.prepare_cached(
                "SELECT attribute, sum(flags & 1), sum((flags & 1) AND (flags & (2 << ?2))) FROM edge WHERE src = ?1
                 GROUP BY attribute",
            )?;
            let counts = counts.query_map(params![object.0, slot], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            let mut all = Vec::new();
            for (attribute, wanted, held) in
                counts.collect::<rusqlite::Result<Vec<(i64, i64, i64)>>>()?
            {
                let waits = "FROM waiting w JOIN edge e ON e.src = w.src AND e.attribute = w.attribute AND e.dst = w.dst
                     WHERE w.job = ?1 AND e.src = ?2 AND e.attribute = ?3 AND e.flags & 1 AND NOT e.flags & (2 << ?4)";
                let (waiting, outside): (i64, i64) = c
                    .prepare_cached(&format!(
                        "SELECT count(*), coalesce(sum(EXISTS (SELECT 1 FROM link l WHERE l.id = ?5 | e.dst AND l.situation = 3)), 0) {waits}"
                    ))?
                    .query_row(
                        params![job.0, object.0, attribute, slot, first_link],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )?;
                let mut first = c.prepare_cached(&format!("SELECT e.dst {waits} LIMIT ?5"))?;
                let first = first
                    .query_map(params![job.0, object.0, attribute, slot, limit], |row| {
                        row.get(0).map(ObjectId)
                    })?;
                all.push(ReferenceState {
                    attribute: self.name(attribute).unwrap_or_else(|| "?".into()),
                    wanted: wanted.cast_unsigned(),
                    held: held.cast_unsigned(),
                    waiting: waiting.cast_unsigned(),
                    outside: outside.cast_unsigned(),
                    first: first.collect::<rusqlite::Result<_>>()?,
                });
            }
            Ok(all)
        })
    }

    /// Who waits for an object to appear in the target of a job, at most `limit`.
    ///
    /// # Errors
    /// Of the store.
    pub fn waiters(&self, job: JobId, object: ObjectId, limit: usize) -> Result<Vec<Waiter>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT src, attribute FROM waiting WHERE job = ?1 AND dst = ?2 ORDER BY src LIMIT ?3",
            )?;
            let rows = statement.query_map(params![job.0, object.0, limit], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })?;
            let mut all = Vec::new();
            for row in rows {
                let (source, attribute) = row?;
                all.push(Waiter {
                    object: ObjectId(source),
                    attribute: self.name(attribute).unwrap_or_else(|| "?".into()),
                });
            }
            Ok(all)
        })
    }
}
