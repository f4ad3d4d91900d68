//! One object of a connector space with what hangs on it: name, references, links.
//!
//! Trap: a DN is put together from the containers above, as they are now; the object itself holds only its RDN.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    id::{Anchor, ConnectorId, JobId, LinkId, ObjectId},
    operation::Refusal,
    plan::Situation,
    value::{Attributes, Name},
};

use super::dn;
use crate::{
    ObjectState, SourceObject,
    due::situation_of,
    observe::{attributes_of, class_name, refusal_of},
    store::{Engine, Result},
};

// LIMIT: containers above an object; more is a damaged chain.
const DEEPEST: usize = 128;

/// An object of a connector space.
#[derive(Clone, Debug)]
pub struct SpaceObject {
    /// Its connector.
    pub connector: ConnectorId,
    /// The object.
    pub object: SourceObject,
}

/// References of one attribute of an object.
#[derive(Clone, Debug)]
pub struct ReferenceRow {
    /// The source attribute.
    pub attribute: Name,
    /// How many the source says there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<ObjectId>,
}

/// A link as stored.
#[derive(Clone, Debug)]
pub struct LinkRow {
    /// The link.
    pub link: LinkId,
    /// Situation.
    pub situation: Situation,
    /// Target class.
    pub class: Option<Name>,
    /// Target object.
    pub target: Option<String>,
    /// Version last confirmed.
    pub version: u64,
    /// Source anchor as exported.
    pub source_anchor: Option<String>,
    /// Attributes as last exported and confirmed.
    pub exported: Attributes,
    /// Why it was skipped, or its last failure.
    pub reason: Option<Refusal>,
    /// Failed attempts.
    pub attempts: u32,
    /// When it last changed, unix ms.
    pub changed_at: i64,
    /// When it is tried again, if it waits in escrow, unix ms.
    pub retry_at: Option<i64>,
    /// Whether it still has to be planned.
    pub is_due: bool,
    /// Whether its references still have to be planned.
    pub are_references_due: bool,
}

/// Puts names together, remembering the containers it met.
pub(super) struct Names<'a> {
    connection: &'a Connection,
    known: HashMap<i64, (Option<i64>, String, Vec<u8>)>,
}

impl<'a> Names<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            known: HashMap::new(),
        }
    }

    fn place(&mut self, id: i64) -> Result<(Option<i64>, String, Vec<u8>)> {
        if let Some(place) = self.known.get(&id) {
            return Ok(place.clone());
        }
        let place = self
            .connection
            .prepare_cached("SELECT parent, coalesce(rdn, ''), anchor FROM object WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?
            .unwrap_or_default();
        self.known.insert(id, place.clone());
        Ok(place)
    }

    pub(super) fn above(
        &mut self,
        parent: Option<i64>,
        rdn: &str,
    ) -> Result<(String, Vec<Anchor>)> {
        let mut dn = rdn.to_owned();
        let mut ancestors = Vec::new();
        let mut next = parent;
        while let (Some(id), true) = (next, ancestors.len() < DEEPEST) {
            let (parent, rdn, anchor) = self.place(id)?;
            ancestors.push(Anchor::new(anchor));
            if !rdn.is_empty() {
                dn.push(',');
                dn.push_str(&rdn);
            }
            next = parent;
        }
        Ok((dn, ancestors))
    }
}

pub(super) const SPACE_OBJECT: &str =
    "SELECT id, connector, anchor, parent, class, state, coalesce(rdn, ''), attributes FROM object";

pub(super) fn space_object(
    engine: &Engine,
    names: &mut Names<'_>,
    row: &rusqlite::Row<'_>,
) -> Result<SpaceObject> {
    let rdn: String = row.get(6)?;
    let (dn, ancestors) = names.above(row.get(3)?, &rdn)?;
    Ok(SpaceObject {
        connector: ConnectorId(row.get(1)?),
        object: SourceObject {
            id: ObjectId(row.get(0)?),
            anchor: Anchor::new(row.get::<_, Vec<u8>>(2)?),
            state: ObjectState::from_number(row.get(5)?),
            class: class_name(engine, row.get(4)?),
            rdn,
            dn,
            ancestors,
            attributes: attributes_of(engine, row.get(7)?)?,
        },
    })
}

impl Engine {
    /// One object of a connector space.
    ///
    /// # Errors
    /// Of the store.
    pub fn space_object(&self, id: ObjectId) -> Result<Option<SpaceObject>> {
        self.read(|connection| {
            let mut names = Names::new(connection);
            let mut statement =
                connection.prepare_cached(&format!("{SPACE_OBJECT} WHERE id = ?1"))?;
            let mut rows = statement.query([id.0])?;
            let row = rows.next()?;
            row.map(|row| space_object(self, &mut names, row))
                .transpose()
        })
    }

    /// The links to a target object.
    ///
    /// # Errors
    /// Of the store.
    pub fn links_of_target(&self, target: &str) -> Result<Vec<LinkId>> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT id FROM link WHERE target = ?1 ORDER BY id LIMIT 100")?;
            let ids = statement.query_map([target], |row| row.get(0).map(LinkId))?;
            Ok(ids.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The object of a connector at this distinguished name, found by walking down from the top.
    ///
    /// # Errors
    /// Of the store.
    pub fn object_at_dn(&self, connector: ConnectorId, dn: &str) -> Result<Option<ObjectId>> {
        let Some(parts) = dn::split(dn) else {
            return Ok(None);
        };
        self.read(|c| {
            let mut roots = c.prepare_cached(
                "SELECT id, rdn FROM object WHERE parent IS NULL AND connector = ?1 AND rdn IS NOT NULL",
            )?;
            let roots = roots.query_map([connector.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for (root, name) in roots.collect::<rusqlite::Result<Vec<(i64, String)>>>()? {
                let top = dn::split(&name).unwrap_or_default();
                if top.is_empty() || !parts.ends_with(&top) {
                    continue;
                }
                let below = parts.get(..parts.len() - top.len()).unwrap_or_default();
                if let Some(found) = walk(c, root, below)? {
                    return Ok(Some(ObjectId(found)));
                }
            }
            Ok(None)
        })
    }

    /// What an object refers to, by attribute, with the first `limit` of each.
    ///
    /// # Errors
    /// Of the store.
    pub fn references_of(&self, object: ObjectId, limit: usize) -> Result<Vec<ReferenceRow>> {
        self.read(|c| {
            let mut counts = c.prepare_cached(
                "SELECT attribute, count(*) FROM edge WHERE src = ?1 AND flags & 1 GROUP BY attribute",
            )?;
            let counts = counts.query_map([object.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut all = Vec::new();
            for (attribute, count) in counts.collect::<rusqlite::Result<Vec<(i64, i64)>>>()? {
                let mut first = c.prepare_cached(
                    "SELECT dst FROM edge WHERE src = ?1 AND attribute = ?2 AND flags & 1 LIMIT ?3",
                )?;
                let first = first.query_map(params![object.0, attribute, limit], |row| {
                    row.get(0).map(ObjectId)
                })?;
                all.push(ReferenceRow {
                    attribute: self.name(attribute).unwrap_or_else(|| "?".into()),
                    count: count.cast_unsigned(),
                    first: first.collect::<rusqlite::Result<_>>()?,
                });
            }
            Ok(all)
        })
    }

    /// The link of a job and an object, and whether it is due.
    ///
    /// # Errors
    /// Of the store.
    pub fn link_row(&self, job: JobId, object: ObjectId) -> Result<Option<LinkRow>> {
        let link = crate::link_id(job, object);
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT situation, class, target, version, anchor, exported, reason, attempts, changed_at,
                   (SELECT not_before FROM due_later d WHERE d.id = l.id), EXISTS (SELECT 1 FROM due d WHERE d.id = l.id),
                   EXISTS (SELECT 1 FROM due_reference d WHERE d.id = l.id)
                 FROM link l WHERE id = ?1",
            )?;
            let mut rows = statement.query([link.0])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(LinkRow {
                link,
                situation: situation_of(row.get(0)?),
                class: class_name(self, row.get(1)?),
                target: row.get(2)?,
                version: row.get::<_, i64>(3)?.cast_unsigned(),
                source_anchor: row.get(4)?,
                exported: attributes_of(self, row.get(5)?)?,
                reason: refusal_of(row.get(6)?)?,
                attempts: row.get(7)?,
                changed_at: row.get(8)?,
                retry_at: row.get(9)?,
                is_due: row.get(10)?,
                are_references_due: row.get(11)?,
            }))
        })
    }
}

/// Follows RDNs (leftmost first) down from a container.
fn walk(connection: &Connection, top: i64, below: &[String]) -> Result<Option<i64>> {
    let mut at = top;
    for wanted in below.iter().rev() {
        let mut statement = connection.prepare_cached(
            "SELECT id, rdn, state < 3 FROM object WHERE parent = ?1 AND rdn IS NOT NULL",
        )?;
        let mut rows = statement.query([at])?;
        let mut found = None;
        while let Some(row) = rows.next()? {
            if dn::fold_rdn(row.get_ref(1)?.as_str().unwrap_or_default()) == *wanted {
                found = Some(row.get(0)?);
                // One that is gone has left its name to whoever lives under it.
                if row.get(2)? {
                    break;
                }
            }
        }
        match found {
            Some(id) => at = id,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}
