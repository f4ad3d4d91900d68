//! Parts of a job made due because somebody asked, and whether they are done.
//!
//! Trap: only what was read once can be made due; whoever asks for what is new has it read first.

use rusqlite::params;
use sync_core::id::{JobId, LinkId, ObjectId};

use crate::{
    observe::{make_due, make_references_due},
    reason,
    store::{Engine, Result},
};

impl Engine {
    /// Makes these objects due, references included.
    ///
    /// # Errors
    /// Of the store.
    pub fn ask_for_all(&self, links: &[LinkId]) -> Result<()> {
        let now = self.now();
        self.write("engine.ask_for_all", |tx| {
            for link in links {
                make_due(tx, link.0, reason::ASKED, now)?;
                make_references_due(tx, link.0, true, now)?;
            }
            Ok(())
        })
    }

    /// Every object that was read below a container, however deep, and those of the job's links that lay there.
    ///
    /// # Errors
    /// Of the store.
    pub fn objects_below(&self, job: JobId, container: ObjectId) -> Result<Vec<LinkId>> {
        let (first, _) = crate::link_range(job);
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "WITH RECURSIVE below (id) AS (
                   SELECT id FROM object WHERE parent = ?1
                   UNION SELECT o.id FROM object o JOIN below b ON o.parent = b.id)
                 SELECT ?2 | o.id FROM below b JOIN object o ON o.id = b.id
                 WHERE o.state = 2 OR EXISTS (SELECT 1 FROM link WHERE link.id = ?2 | o.id) ORDER BY o.id",
            )?;
            let rows = statement.query_map(params![container.0, first], |row| {
                row.get(0).map(LinkId)
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The objects a group refers to as its members.
    ///
    /// # Errors
    /// Of the store.
    pub fn members_of(&self, group: ObjectId, attributes: &[&str]) -> Result<Vec<ObjectId>> {
        self.read(|c| {
            let mut all = Vec::new();
            for attribute in attributes.iter().filter_map(|name| self.name_id(name)) {
                let mut statement = c.prepare_cached(
                    "SELECT dst FROM edge WHERE src = ?1 AND attribute = ?2 AND flags & 1 ORDER BY dst",
                )?;
                let rows =
                    statement.query_map([group.0, attribute], |row| row.get(0).map(ObjectId))?;
                for row in rows {
                    all.push(row?);
                }
            }
            Ok(all)
        })
    }

    /// Those of these links that still have to be planned or carried out. What settles or is held counts as done.
    ///
    /// # Errors
    /// Of the store.
    pub fn unfinished(&self, links: &[LinkId]) -> Result<Vec<LinkId>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM due WHERE id = ?1) OR EXISTS (SELECT 1 FROM due_reference WHERE id = ?1)
                   OR EXISTS (SELECT 1 FROM link WHERE id = ?1 AND pending_state IN (1, 3, 7))",
            )?;
            let mut left = Vec::new();
            for link in links {
                if statement.query_row([link.0], |row| row.get(0))? {
                    left.push(*link);
                }
            }
            Ok(left)
        })
    }
}
