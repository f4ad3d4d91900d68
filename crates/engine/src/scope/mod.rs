//! What the scope of a job asks of references: membership of its groups, and numbers of links.
//!
//! A change of an edge makes due whoever it may bring into scope or out of it, in the transaction that stores the edge; of
//! nested groups everybody below. Never decides who is in scope. Trap: membership is *not known* while a group of the scope
//! was not read or is deleted, and not known is neither in nor out.

mod watch;

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    id::{Anchor, ConnectorId, JobId, ObjectId},
    object::ReadSpec,
    scope::MEMBER_ATTRIBUTES,
    value::Name,
};

use crate::{
    DueItem, ObjectState,
    config::{JobRow, everything_due},
    group::Transaction,
    reason,
    store::{Engine, Result, unpack_option},
};

pub(crate) use watch::Watch;

/// What the scope of a job asks of references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeLinks {
    /// Groups whose members are in scope, by anchor.
    pub groups: Vec<Anchor>,
    /// Whether members of groups that are members count too.
    pub is_transitive: bool,
    /// Linked attributes whose number of values is asked for.
    pub counted: Vec<Name>,
}

/// The groups of one job, by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Groups {
    rows: BTreeSet<i64>,
    is_transitive: bool,
}

fn groups_of(connection: &Connection, job: i64) -> Result<Groups> {
    let mut statement = connection
        .prepare_cached("SELECT object, is_transitive FROM scope_group WHERE job = ?1")?;
    let mut rows = statement.query([job])?;
    let mut groups = Groups::default();
    while let Some(row) = rows.next()? {
        groups.rows.insert(row.get(0)?);
        groups.is_transitive |= row.get::<_, bool>(1)?;
    }
    Ok(groups)
}

fn counted_of(connection: &Connection, job: i64) -> Result<BTreeSet<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT name FROM counted_link WHERE job = ?1")?;
    let rows = statement.query_map([job], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Engine {
    /// Remembers what the scope of a job asks of references. If that is another thing than before, everything becomes due.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_scope_links(&self, job: &JobRow, links: &ScopeLinks) -> Result<()> {
        if self.read(|c| self.holds(c, job, links))? {
            return Ok(());
        }
        let now = self.now();
        self.write("engine.scope_links", |tx| {
            tx.execute("DELETE FROM scope_group WHERE job = ?1", [job.id.0])?;
            tx.execute("DELETE FROM counted_link WHERE job = ?1", [job.id.0])?;
            for anchor in &links.groups {
                let row = row_of(tx, job.source, anchor)?;
                tx.execute(
                    "INSERT OR IGNORE INTO scope_group (job, object, is_transitive) VALUES (?1, ?2, ?3)",
                    params![job.id.0, row, links.is_transitive],
                )?;
            }
            for name in &links.counted {
                tx.execute(
                    "INSERT OR IGNORE INTO counted_link (job, name) VALUES (?1, ?2)",
                    params![job.id.0, self.intern(tx, name)?],
                )?;
            }
            everything_due(tx, job.id, job.source, reason::SCOPE_GROUP, now)?;
            Ok(())
        })
    }

    /// Whether this is what is remembered.
    fn holds(&self, connection: &Connection, job: &JobRow, links: &ScopeLinks) -> Result<bool> {
        let groups = groups_of(connection, job.id.0)?;
        let mut wanted = BTreeSet::new();
        for anchor in &links.groups {
            match find(connection, job.source, anchor)? {
                Some(row) => _ = wanted.insert(row),
                None => return Ok(false),
            }
        }
        let counted: Option<BTreeSet<i64>> = links
            .counted
            .iter()
            .map(|name| self.name_id(name))
            .collect();
        Ok(groups.rows == wanted
            && (groups.rows.is_empty() || groups.is_transitive == links.is_transitive)
            && counted == Some(counted_of(connection, job.id.0)?))
    }

    /// Tells of each item whether it is a member of a group of the scope, and counts its links, where the scope asks for it.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_scope_links(&self, job: JobId, items: &mut [DueItem]) -> Result<()> {
        self.read(|connection| {
            let groups = groups_of(connection, job.0)?;
            let is_known = are_known(connection, &groups)?;
            let counted = counted_of(connection, job.0)?;
            self.add_links(connection, &groups, is_known, &counted, items)
        })
    }

    /// The same for a scope that is not in force.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_links_of(
        &self,
        source: ConnectorId,
        links: &ScopeLinks,
        items: &mut [DueItem],
    ) -> Result<()> {
        self.read(|connection| {
            let mut groups = Groups {
                is_transitive: links.is_transitive,
                ..Groups::default()
            };
            for anchor in &links.groups {
                groups.rows.extend(find(connection, source, anchor)?);
            }
            let are_found = groups.rows.len() == links.groups.len();
            let is_known = are_found && are_known(connection, &groups)?;
            let counted = links.counted.iter().filter_map(|name| self.name_id(name));
            self.add_links(connection, &groups, is_known, &counted.collect(), items)
        })
    }

    fn add_links(
        &self,
        connection: &Connection,
        groups: &Groups,
        is_known: bool,
        counted: &BTreeSet<i64>,
        items: &mut [DueItem],
    ) -> Result<()> {
        if !groups.rows.is_empty() {
            let mut members = Members::new(self, connection, groups);
            for item in items.iter_mut() {
                let is_member = members.has(item.source.id.0)?;
                item.is_group_member = (is_member || is_known).then_some(is_member);
            }
        }
        for name in counted {
            let Some(text) = self.name(*name) else {
                continue;
            };
            for item in items.iter_mut() {
                let count = count(connection, item.source.id.0, *name)?;
                item.link_counts.push((text.clone(), count));
            }
        }
        Ok(())
    }

    /// Whether an object is a member of a group of the scope, or such a group; `None`: not known, or there is no such group.
    ///
    /// # Errors
    /// Of the store.
    pub fn is_scope_member(&self, job: JobId, objects: &[ObjectId]) -> Result<Vec<Option<bool>>> {
        self.read(|connection| {
            let groups = groups_of(connection, job.0)?;
            if groups.rows.is_empty() {
                return Ok(vec![None; objects.len()]);
            }
            let is_known = are_known(connection, &groups)?;
            let mut members = Members::new(self, connection, &groups);
            let one = |object: &ObjectId| {
                let is_member = members.has(object.0)?;
                Ok((is_member || is_known).then_some(is_member))
            };
            objects.iter().map(one).collect()
        })
    }

    /// What the last complete read of a source asked for.
    ///
    /// # Errors
    /// Of the store.
    pub fn last_spec(&self, connector: ConnectorId) -> Result<Option<ReadSpec>> {
        let blob: Option<Vec<u8>> = self.read(|c| {
            let found = c
                .prepare_cached("SELECT spec FROM connector WHERE id = ?1")?
                .query_row([connector.0], |row| row.get(0))
                .optional()?;
            Ok(found.flatten())
        })?;
        unpack_option(blob)
    }
}

fn find(connection: &Connection, source: ConnectorId, anchor: &Anchor) -> Result<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT id FROM object WHERE connector = ?1 AND anchor = ?2")?
        .query_row(params![source.0, anchor.as_bytes()], |row| row.get(0))
        .optional()?)
}

/// The row of an anchor; a stub if nobody has shown it yet.
fn row_of(tx: &Transaction<'_>, source: ConnectorId, anchor: &Anchor) -> Result<i64> {
    if let Some(row) = find(tx, source, anchor)? {
        return Ok(row);
    }
    tx.execute(
        "INSERT INTO object (connector, anchor, state) VALUES (?1, ?2, 0)",
        params![source.0, anchor.as_bytes()],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Whether every group of the scope was read and is not deleted: only then is nobody outside who is not a member.
fn are_known(connection: &Connection, groups: &Groups) -> Result<bool> {
    let mut statement = connection.prepare_cached("SELECT state FROM object WHERE id = ?1")?;
    for group in &groups.rows {
        let state: Option<i64> = statement.query_row([group], |row| row.get(0)).optional()?;
        let is_known = state.is_some_and(|state| {
            matches!(
                ObjectState::from_number(state),
                ObjectState::Live | ObjectState::Vanished | ObjectState::Missing
            )
        });
        if !is_known {
            return Ok(false);
        }
    }
    Ok(true)
}

fn count(connection: &Connection, object: i64, name: i64) -> Result<u64> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FROM edge WHERE src = ?1 AND attribute = ?2 AND flags & 1 = 1",
        )?
        .query_row([object, name], |row| row.get(0))?)
}

/// The numbers of the attributes that make members.
fn member_attributes(engine: &Engine) -> Vec<i64> {
    let number = |name: &&str| engine.name_id(name);
    MEMBER_ATTRIBUTES.iter().filter_map(number).collect()
}

/// Answers who is a member, from below: the groups an object is in, the groups those are in, and so on.
struct Members<'a> {
    connection: &'a Connection,
    groups: &'a Groups,
    attributes: Vec<i64>,
    /// Groups that were looked at already, and whether they are below a group of the scope (or are one).
    known: HashMap<i64, bool>,
}

impl<'a> Members<'a> {
    fn new(engine: &Engine, connection: &'a Connection, groups: &'a Groups) -> Self {
        Self {
            connection,
            groups,
            attributes: member_attributes(engine),
            known: HashMap::new(),
        }
    }

    /// Whether an object is a group of the scope or a member of one.
    fn has(&mut self, object: i64) -> Result<bool> {
        if self.groups.rows.contains(&object) {
            return Ok(true);
        }
        for group in self.holders(object)? {
            if self.counts(group)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether members of this group are in scope.
    fn counts(&mut self, group: i64) -> Result<bool> {
        if self.groups.rows.contains(&group) {
            return Ok(true);
        }
        if !self.groups.is_transitive {
            return Ok(false);
        }
        if let Some(known) = self.known.get(&group) {
            return Ok(*known);
        }
        let mut seen = HashSet::from([group]);
        let mut open = vec![group];
        while let Some(next) = open.pop() {
            let is_below = self.groups.rows.contains(&next) || self.known.get(&next) == Some(&true);
            if is_below {
                self.known.insert(group, true);
                return Ok(true);
            }
            for holder in self.holders(next)? {
                if self.known.get(&holder) != Some(&false) && seen.insert(holder) {
                    open.push(holder);
                }
            }
        }
        // All of them were followed to their ends, and none ended in the scope.
        self.known
            .extend(seen.into_iter().map(|group| (group, false)));
        Ok(false)
    }

    /// The groups that hold an object, but for deleted ones.
    fn holders(&self, object: i64) -> Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT e.src, e.attribute FROM edge e JOIN object o ON o.id = e.src
             WHERE e.dst = ?1 AND e.flags & 1 = 1 AND o.state <> 3",
        )?;
        let mut rows = statement.query([object])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            if self.attributes.contains(&row.get(1)?) {
                all.push(row.get(0)?);
            }
        }
        Ok(all)
    }
}
