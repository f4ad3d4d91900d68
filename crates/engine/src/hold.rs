//! What stays as it is in the target although something else is wanted: stored, given to planning, ended and released.
//!
//! Whole objects, single attributes and single references are held; leavers within their grace period are kept beside them.
//! Never decides what is held: the guard, an administrator or an undo does. Trap: most installations hold nothing, so
//! whoever reads on the hot path asks once for a whole range of links.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    grace::Leaver,
    hold::{HeldObject, HeldValue, HoldState, Holds, Image},
    id::{JobId, LinkId},
    value::{Attributes, Name, Value},
};

use crate::{
    DueItem,
    group::Transaction,
    observe::{make_due, make_references_due},
    reason,
    store::{Engine, Result, pack, unpack},
};

// LIMIT: leavers made due in one transaction.
const CHUNK: i64 = 2_000;

/// A reference that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldReference {
    pub keep: bool,
    pub state: HoldState,
}

impl HeldReference {
    /// Whether the target keeps it, whatever the source says.
    pub(crate) fn blocks(self) -> bool {
        self.state != HoldState::Allowed
    }
}

/// Held references of a link, by source attribute and object.
pub(crate) type HeldReferences = BTreeMap<(i64, i64), HeldReference>;

/// What is held of one object, as listed.
#[derive(Clone, Debug, PartialEq)]
pub struct HoldRow {
    /// The link.
    pub link: LinkId,
    /// Why.
    pub state: HoldState,
    /// What.
    pub what: HeldWhat,
    /// The undo that put it there.
    pub undo: Option<i64>,
    /// Since when, unix ms.
    pub at: i64,
}

/// What is held.
#[derive(Clone, Debug, PartialEq)]
pub enum HeldWhat {
    /// The object stays (true) or stays away.
    Object(bool),
    /// An attribute: what is kept, and instead of what.
    Attribute(Name, Vec<Value>, Vec<Value>),
    /// References of a source attribute: how many stay, and how many stay away.
    References(Name, u64, u64),
    /// A deletion that was refused.
    Deletion,
    /// A leaver: when it is deleted, unix ms.
    Leaver(i64),
}

fn range_has(connection: &Connection, sql: &str, first: i64, last: i64) -> Result<bool> {
    Ok(connection.prepare_cached(sql)?.exists([first, last])?)
}

/// Adds to items, in order of their links, what is held of them.
pub(crate) fn add_to(c: &Connection, items: &mut [DueItem]) -> Result<()> {
    let (Some(first), Some(last)) = (items.first(), items.last()) else {
        return Ok(());
    };
    let (first, last) = (first.link.0, last.link.0);
    let mut place = |id: i64, change: &mut dyn FnMut(&mut DueItem)| {
        let found = items.binary_search_by_key(&id, |item| item.link.0);
        if let Some(item) = found.ok().and_then(|place| items.get_mut(place)) {
            change(item);
        }
    };
    if range_has(
        c,
        "SELECT 1 FROM hold_object WHERE id BETWEEN ?1 AND ?2 LIMIT 1",
        first,
        last,
    )? {
        let mut statement =
            c.prepare_cached("SELECT id, keep, image FROM hold_object WHERE id BETWEEN ?1 AND ?2")?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let held = object_of(row.get::<_, i64>(1)? == 1, &row.get::<_, Vec<u8>>(2)?)?;
            place(row.get(0)?, &mut |item| {
                item.holds.object = Some(held.clone());
                item.holds_stored += 1;
            });
        }
    }
    if range_has(
        c,
        "SELECT 1 FROM hold_attribute WHERE id BETWEEN ?1 AND ?2 LIMIT 1",
        first,
        last,
    )? {
        let mut statement = c.prepare_cached(
            "SELECT id, attribute, wanted, keep, state FROM hold_attribute WHERE id BETWEEN ?1 AND ?2 ORDER BY id, attribute",
        )?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let held = HeldValue {
                name: row.get::<_, String>(1)?.as_str().into(),
                wanted: unpack(&row.get::<_, Vec<u8>>(2)?)?,
                keep: unpack(&row.get::<_, Vec<u8>>(3)?)?,
                state: HoldState::from_number(row.get(4)?),
            };
            place(row.get(0)?, &mut |item| {
                item.holds.values.push(held.clone());
                item.holds_stored += 1;
            });
        }
    }
    if range_has(
        c,
        "SELECT 1 FROM leaver WHERE id BETWEEN ?1 AND ?2 LIMIT 1",
        first,
        last,
    )? {
        let mut statement =
            c.prepare_cached("SELECT id, since, until FROM leaver WHERE id BETWEEN ?1 AND ?2")?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let leaver = Leaver {
                since: row.get(1)?,
                until: row.get(2)?,
            };
            place(row.get(0)?, &mut |item| {
                item.leaver = Some(leaver);
                item.leaver_stored = Some(leaver);
            });
        }
    }
    Ok(())
}

fn object_of(keep: bool, image: &[u8]) -> Result<HeldObject> {
    Ok(match keep {
        true => HeldObject::Present(Box::new(unpack::<Image>(image)?)),
        false => HeldObject::Absent(unpack::<Attributes>(image)?),
    })
}

/// Stores what planning found out: holds that have ended are forgotten, leavers are remembered or are none any more.
pub(crate) fn store_planned(tx: &Transaction<'_>, item: &DueItem) -> Result<()> {
    if item.holds.len() != item.holds_stored {
        keep_only(tx, item.link, &item.holds)?;
    }
    match (item.leaver, item.leaver_stored) {
        (now, before) if now == before => {}
        (Some(leaver), _) => {
            tx.prepare_cached(
                "INSERT INTO leaver (id, since, until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET until = excluded.until, woken = 0",
            )?
            .execute(params![item.link.0, leaver.since, leaver.until])?;
        }
        (None, _) => forget_leaver(tx, item.link)?,
    }
    Ok(())
}

fn keep_only(tx: &Transaction<'_>, link: LinkId, kept: &Holds) -> Result<()> {
    if kept.object.is_none() {
        tx.prepare_cached("DELETE FROM hold_object WHERE id = ?1")?
            .execute([link.0])?;
    }
    let mut known: Vec<String> = Vec::new();
    {
        let mut statement =
            tx.prepare_cached("SELECT attribute FROM hold_attribute WHERE id = ?1")?;
        let mut rows = statement.query([link.0])?;
        while let Some(row) = rows.next()? {
            known.push(row.get(0)?);
        }
    }
    for attribute in known {
        let is_kept = |held: &HeldValue| held.name.eq_ignore_ascii_case(&attribute);
        if !kept.values.iter().any(is_kept) {
            tx.prepare_cached("DELETE FROM hold_attribute WHERE id = ?1 AND attribute = ?2")?
                .execute(params![link.0, attribute])?;
        }
    }
    Ok(())
}

pub(crate) fn forget_leaver(tx: &Transaction<'_>, link: LinkId) -> Result<()> {
    tx.prepare_cached("DELETE FROM leaver WHERE id = ?1")?
        .execute([link.0])?;
    Ok(())
}

/// The object of the target belongs to somebody else now: nothing of it is held in this one's name.
pub(crate) fn forget(tx: &Transaction<'_>, link: LinkId) -> Result<()> {
    for table in ["hold_object", "hold_attribute", "hold_reference", "leaver"] {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?
            .execute([link.0])?;
    }
    Ok(())
}

/// Whether any leaver's time has come.
pub(crate) fn is_time(connection: &Connection, now: i64) -> Result<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM leaver WHERE woken = 0 AND until <= ?1 LIMIT 1")?
        .exists([now])?)
}

/// Makes leavers due whose time has come.
pub(crate) fn wake_leavers(tx: &Transaction<'_>, now: i64) -> Result<()> {
    let mut links: Vec<i64> = Vec::new();
    {
        let mut statement =
            tx.prepare_cached("SELECT id FROM leaver WHERE woken = 0 AND until <= ?1 LIMIT ?2")?;
        let mut rows = statement.query([now, CHUNK])?;
        while let Some(row) = rows.next()? {
            links.push(row.get(0)?);
        }
    }
    for link in links {
        make_due(tx, link, reason::GRACE_OVER, now)?;
        tx.prepare_cached("UPDATE leaver SET woken = 1 WHERE id = ?1")?
            .execute([link])?;
    }
    Ok(())
}

/// Whether anything at all is held by reference.
pub(crate) fn has_references(connection: &Connection) -> Result<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM hold_reference LIMIT 1")?
        .exists([])?)
}

/// Held references of a link.
pub(crate) fn references_of(connection: &Connection, link: LinkId) -> Result<HeldReferences> {
    let mut statement = connection
        .prepare_cached("SELECT attribute, dst, keep, state FROM hold_reference WHERE id = ?1")?;
    let mut rows = statement.query([link.0])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let held = HeldReference {
            keep: row.get::<_, i64>(2)? == 1,
            state: HoldState::from_number(row.get(3)?),
        };
        all.insert((row.get(0)?, row.get(1)?), held);
    }
    Ok(all)
}

/// One held reference.
pub(crate) fn reference(
    connection: &Connection,
    link: LinkId,
    attribute: i64,
    dst: i64,
) -> Result<Option<HeldReference>> {
    Ok(connection
        .prepare_cached(
            "SELECT keep, state FROM hold_reference WHERE id = ?1 AND attribute = ?2 AND dst = ?3",
        )?
        .query_row([link.0, attribute, dst], |row| {
            Ok(HeldReference {
                keep: row.get::<_, i64>(0)? == 1,
                state: HoldState::from_number(row.get(1)?),
            })
        })
        .optional()?)
}

/// The source changed a reference: what was held of it has ended.
pub(crate) fn source_changed(
    tx: &Transaction<'_>,
    jobs: &[i64],
    src: i64,
    attribute: i64,
    dst: i64,
) -> Result<()> {
    for job in jobs {
        let link = crate::link_id(JobId(*job), sync_core::id::ObjectId(src)).0;
        tx.prepare_cached(
            "DELETE FROM hold_reference WHERE id = ?1 AND attribute = ?2 AND dst = ?3",
        )?
        .execute([link, attribute, dst])?;
    }
    Ok(())
}

/// An object got into the target: references to it that are to be kept are due, and its own.
pub(crate) fn newly_linked(tx: &Transaction<'_>, job: JobId, link: LinkId, now: i64) -> Result<()> {
    if tx
        .prepare_cached("SELECT 1 FROM hold_reference WHERE id = ?1 LIMIT 1")?
        .exists([link.0])?
    {
        make_references_due(tx, link.0, true, now)?;
    }
    let (first, last) = crate::link_range(job);
    let mut holders: Vec<i64> = Vec::new();
    {
        let mut statement = tx.prepare_cached(
            "SELECT DISTINCT id FROM hold_reference WHERE dst = ?1 AND keep = 1 AND id BETWEEN ?2 AND ?3",
        )?;
        let mut rows = statement.query([crate::object_of(link).0, first, last])?;
        while let Some(row) = rows.next()? {
            holders.push(row.get(0)?);
        }
    }
    for holder in holders {
        make_references_due(tx, holder, true, now)?;
    }
    Ok(())
}

/// Whether anything was allowed that is not carried out yet.
pub(crate) fn has_allowed(connection: &Connection) -> Result<bool> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM hold_attribute WHERE state = 4)
               OR EXISTS (SELECT 1 FROM hold_reference WHERE state = 4)",
        )?
        .exists([])?)
}

/// What was allowed of a link was carried out: values that an operation wrote, references that it removed.
pub(crate) fn carried_out(
    tx: &Transaction<'_>,
    link: LinkId,
    attributes: &Attributes,
    edges: &[crate::EdgeChange],
) -> Result<()> {
    for (name, _) in attributes.iter() {
        tx.prepare_cached(
            "DELETE FROM hold_attribute WHERE id = ?1 AND attribute = ?2 COLLATE NOCASE AND state = 4",
        )?
        .execute(params![link.0, &**name])?;
    }
    for edge in edges.iter().filter(|edge| !edge.add) {
        tx.prepare_cached(
            "DELETE FROM hold_reference WHERE id = ?1 AND attribute = ?2 AND dst = ?3 AND state = 4",
        )?
        .execute([link.0, edge.attribute, edge.dst])?;
    }
    Ok(())
}

/// Keeps an attribute.
pub(crate) fn put_attribute(
    tx: &Transaction<'_>,
    link: LinkId,
    held: &HeldValue,
    undo: Option<i64>,
    now: i64,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO hold_attribute (id, attribute, wanted, keep, state, undo, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id, attribute) DO UPDATE SET wanted = excluded.wanted, keep = excluded.keep, state = excluded.state,
           undo = excluded.undo, at = excluded.at",
    )?
    .execute(params![
        link.0,
        &*held.name,
        pack(&held.wanted)?,
        pack(&held.keep)?,
        held.state.number(),
        undo,
        now
    ])?;
    Ok(())
}

/// Keeps a reference, or keeps it away.
pub(crate) fn put_reference(
    tx: &Transaction<'_>,
    (link, attribute, dst): (LinkId, i64, i64),
    held: HeldReference,
    undo: Option<i64>,
    now: i64,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO hold_reference (id, attribute, dst, keep, state, undo, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id, attribute, dst) DO UPDATE SET keep = excluded.keep, state = excluded.state, undo = excluded.undo,
           at = excluded.at",
    )?
    .execute(params![
        link.0,
        attribute,
        dst,
        i64::from(held.keep),
        held.state.number(),
        undo,
        now
    ])?;
    Ok(())
}

/// Keeps a whole object, or keeps it away.
pub(crate) fn put_object(
    tx: &Transaction<'_>,
    link: LinkId,
    held: &HeldObject,
    undo: i64,
    now: i64,
) -> Result<()> {
    let (keep, image) = match held {
        HeldObject::Present(image) => (1, pack(&**image)?),
        HeldObject::Absent(wanted) => (0, pack(wanted)?),
    };
    tx.prepare_cached(
        "INSERT INTO hold_object (id, keep, image, undo, at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET keep = excluded.keep, image = excluded.image, undo = excluded.undo, at = excluded.at",
    )?
    .execute(params![link.0, keep, image, undo, now])?;
    Ok(())
}

/// Every kind of hold of a range of links, as (id, kind): what a list goes through.
const LISTED: &str = "SELECT id FROM hold_object WHERE id > ?1 AND id BETWEEN ?2 AND ?3
   UNION SELECT id FROM hold_attribute WHERE id > ?1 AND id BETWEEN ?2 AND ?3 AND state IN (2, 3)
   UNION SELECT id FROM hold_reference WHERE id > ?1 AND id BETWEEN ?2 AND ?3 AND state IN (2, 3)
   UNION SELECT id FROM link WHERE id > ?1 AND pending_state > 0 AND pending_state = 6 AND id BETWEEN ?2 AND ?3
   UNION SELECT id FROM leaver WHERE id > ?1 AND id BETWEEN ?2 AND ?3
   ORDER BY id LIMIT ?4";

impl Engine {
    /// Links of a job with holds that somebody decided (undone, refused) and leavers, after this one, at most `limit`. What the
    /// guard holds is in [`Engine::staged_deletes`] and [`Engine::staged_losses`].
    ///
    /// # Errors
    /// Of the store.
    pub fn held_links(&self, job: JobId, after: i64, limit: usize) -> Result<Vec<LinkId>> {
        let (first, last) = crate::link_range(job);
        self.read(|c| {
            let mut statement = c.prepare_cached(LISTED)?;
            let rows = statement.query_map(params![after, first, last, limit], |row| {
                Ok(LinkId(row.get(0)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Everything held of a link.
    ///
    /// # Errors
    /// Of the store.
    pub fn holds_of(&self, link: LinkId) -> Result<Vec<HoldRow>> {
        self.read(|c| {
            let mut all = Vec::new();
            let object: Option<(i64, Option<i64>, i64)> = c
                .prepare_cached("SELECT keep, undo, at FROM hold_object WHERE id = ?1")?
                .query_row([link.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            all.extend(object.map(|(keep, undo, at)| HoldRow {
                link,
                state: HoldState::Undone,
                what: HeldWhat::Object(keep == 1),
                undo,
                at,
            }));
            self.attributes_held(c, link, &mut all)?;
            self.references_held(c, link, &mut all)?;
            let refused: Option<i64> = c
                .prepare_cached("SELECT changed_at FROM link WHERE id = ?1 AND pending_state = 6")?
                .query_row([link.0], |row| row.get(0))
                .optional()?;
            all.extend(refused.map(|at| HoldRow {
                link,
                state: HoldState::Refused,
                what: HeldWhat::Deletion,
                undo: None,
                at,
            }));
            let leaver: Option<(i64, i64)> = c
                .prepare_cached("SELECT since, until FROM leaver WHERE id = ?1")?
                .query_row([link.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            all.extend(leaver.map(|(at, until)| HoldRow {
                link,
                state: HoldState::Held,
                what: HeldWhat::Leaver(until),
                undo: None,
                at,
            }));
            Ok(all)
        })
    }

    fn attributes_held(&self, c: &Connection, link: LinkId, all: &mut Vec<HoldRow>) -> Result<()> {
        let mut statement = c.prepare_cached(
            "SELECT attribute, keep, wanted, state, undo, at FROM hold_attribute WHERE id = ?1 ORDER BY attribute",
        )?;
        let mut rows = statement.query([link.0])?;
        while let Some(row) = rows.next()? {
            let name: Name = row.get::<_, String>(0)?.as_str().into();
            let (keep, wanted): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
            all.push(HoldRow {
                link,
                state: HoldState::from_number(row.get(3)?),
                what: HeldWhat::Attribute(name, unpack(&keep)?, unpack(&wanted)?),
                undo: row.get(4)?,
                at: row.get(5)?,
            });
        }
        Ok(())
    }

    fn references_held(&self, c: &Connection, link: LinkId, all: &mut Vec<HoldRow>) -> Result<()> {
        let mut statement = c.prepare_cached(
            "SELECT attribute, state, sum(keep), count(*) - sum(keep), max(undo), min(at) FROM hold_reference
             WHERE id = ?1 GROUP BY attribute, state ORDER BY attribute, state",
        )?;
        let mut rows = statement.query([link.0])?;
        while let Some(row) = rows.next()? {
            let name = self.name(row.get(0)?).unwrap_or_else(|| "?".into());
            let (stay, away): (i64, i64) = (row.get(2)?, row.get(3)?);
            all.push(HoldRow {
                link,
                state: HoldState::from_number(row.get(1)?),
                what: HeldWhat::References(name, stay.cast_unsigned(), away.cast_unsigned()),
                undo: row.get(4)?,
                at: row.get(5)?,
            });
        }
        Ok(())
    }

    /// Lets go of links: what source and rules want of them is planned, and the guard looks at it as at anything else. A
    /// leaver is deleted now. Returns how many of them were held.
    ///
    /// # Errors
    /// Of the store.
    pub fn release_holds(&self, links: &[LinkId], actor: &str) -> Result<usize> {
        let now = self.now();
        self.write("engine.release_holds", |tx| {
            let mut released = 0;
            for link in links {
                released += usize::from(release(tx, *link, now)?);
            }
            tx.execute(
                "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, 'release holds', ?3)",
                params![now, actor, released.to_string()],
            )?;
            Ok(released)
        })
    }
}

fn release(tx: &Transaction<'_>, link: LinkId, now: i64) -> Result<bool> {
    let objects = tx.execute("DELETE FROM hold_object WHERE id = ?1", [link.0])?
        + tx.execute(
            "DELETE FROM hold_attribute WHERE id = ?1 AND state IN (2, 3)",
            [link.0],
        )?;
    let references = tx.execute(
        "DELETE FROM hold_reference WHERE id = ?1 AND state IN (2, 3)",
        [link.0],
    )?;
    // As new: it settles, and the guard is asked.
    let deletions = tx.execute(
        "UPDATE link SET pending_state = 4, reason = NULL, changed_at = ?2 WHERE id = ?1 AND pending_state = 6",
        [link.0, now],
    )?;
    let leavers = tx.execute(
        "UPDATE leaver SET since = 0, until = ?2, woken = 1 WHERE id = ?1",
        [link.0, now],
    )?;
    if objects + leavers > 0 {
        make_due(tx, link.0, reason::ASKED, now)?;
    }
    if references > 0 {
        make_references_due(tx, link.0, true, now)?;
    }
    Ok(objects + references + deletions + leavers > 0)
}
