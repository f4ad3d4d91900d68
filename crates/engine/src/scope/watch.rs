//! Who becomes due because a page changed references that a scope asks for.
//!
//! Never decides who is in scope; the planner asks again. Trap: called within the merge of a page, so that without a scope that
//! asks anything it must cost nothing.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashSet},
};

use rusqlite::params;
use sync_core::id::{ConnectorId, JobId, ObjectId};

use super::{Groups, Members, counted_of, groups_of, member_attributes};
use crate::{
    config::everything_due,
    group::Transaction,
    observe::UNTIL_PLACED,
    reason,
    store::{Engine, Result},
};

/// What the scopes of the jobs of one source ask of references, while a page of it is merged.
pub(crate) struct Watch<'a> {
    engine: &'a Engine,
    tx: &'a Transaction<'a>,
    jobs: Vec<i64>,
    asked: OnceCell<Vec<Asked>>,
}

/// What the scope of one job asks.
struct Asked {
    job: i64,
    groups: Groups,
    counted: BTreeSet<i64>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(engine: &'a Engine, tx: &'a Transaction<'a>, jobs: &[i64]) -> Self {
        Self {
            engine,
            tx,
            jobs: jobs.to_vec(),
            asked: OnceCell::new(),
        }
    }

    /// The jobs that ask anything; usually none. Read once.
    fn asked(&self) -> Result<&[Asked]> {
        if let Some(asked) = self.asked.get() {
            return Ok(asked);
        }
        let mut all = Vec::new();
        for job in &self.jobs {
            let one = Asked {
                job: *job,
                groups: groups_of(self.tx, *job)?,
                counted: counted_of(self.tx, *job)?,
            };
            if !one.groups.rows.is_empty() || !one.counted.is_empty() {
                all.push(one);
            }
        }
        Ok(self.asked.get_or_init(|| all))
    }

    /// Links of an object changed: who may come into scope or leave it by that becomes due.
    pub(crate) fn links_changed(
        &self,
        src: i64,
        attribute: i64,
        ends: &[i64],
        now: i64,
    ) -> Result<()> {
        if ends.is_empty() {
            return Ok(());
        }
        for asked in self.asked()? {
            if asked.counted.contains(&attribute) {
                self.one_due(asked.job, src, now)?;
            }
            if !asked.groups.rows.is_empty()
                && member_attributes(self.engine).contains(&attribute)
                && Members::new(self.engine, self.tx, &asked.groups).counts(src)?
            {
                self.due(asked, ends, now)?;
            }
        }
        Ok(())
    }

    /// An object was deleted, or is back, or was read for the first time: if it is a group of a scope, or below one, then its
    /// members may be out of scope or in it by that. Asked while its edges are as they were before a deletion, or after it came.
    pub(crate) fn state_changed(&self, object: i64, now: i64) -> Result<()> {
        for asked in self.asked()? {
            if asked.groups.rows.contains(&object) {
                let source: i64 = self
                    .tx
                    .prepare_cached("SELECT source FROM job WHERE id = ?1")?
                    .query_row([asked.job], |row| row.get(0))?;
                let (job, source) = (JobId(asked.job), ConnectorId(source));
                everything_due(self.tx, job, source, reason::SCOPE_GROUP, now)?;
            } else if asked.groups.is_transitive
                && Members::new(self.engine, self.tx, &asked.groups).counts(object)?
            {
                self.due(asked, &[object], now)?;
            }
        }
        Ok(())
    }

    /// Makes objects due, and with nested groups everybody below them.
    fn due(&self, asked: &Asked, objects: &[i64], now: i64) -> Result<()> {
        let attributes = member_attributes(self.engine);
        let mut seen: HashSet<i64> = HashSet::new();
        let mut open = objects.to_vec();
        while let Some(object) = open.pop() {
            if !seen.insert(object) {
                continue;
            }
            self.one_due(asked.job, object, now)?;
            if !asked.groups.is_transitive {
                continue;
            }
            for attribute in &attributes {
                let mut statement = self.tx.prepare_cached(
                    "SELECT dst FROM edge WHERE src = ?1 AND attribute = ?2 AND flags & 1 = 1",
                )?;
                let rows = statement.query_map([object, *attribute], |row| row.get(0))?;
                open.extend(rows.collect::<rusqlite::Result<Vec<i64>>>()?);
            }
        }
        Ok(())
    }

    /// Makes an object due, unless nobody has read it yet or its containers are still to be shown: then it becomes due by that.
    fn one_due(&self, job: i64, object: i64, now: i64) -> Result<()> {
        let link = crate::link_id(JobId(job), ObjectId(object));
        self.tx
            .prepare_cached(
                "INSERT INTO due (id, reasons, stamp, since) SELECT ?1, ?2, 1, ?3 FROM object o
                 WHERE o.id = ?4 AND (o.state = 2 OR EXISTS (SELECT 1 FROM link WHERE link.id = ?1))
                   AND NOT EXISTS (SELECT 1 FROM due_later l WHERE l.id = ?1 AND l.not_before = ?5)
                 ON CONFLICT (id) DO UPDATE SET reasons = reasons | excluded.reasons, stamp = stamp + 1",
            )?
            .execute(params![link.0, reason::SCOPE_GROUP, now, object, UNTIL_PLACED])?;
        Ok(())
    }
}
