//! Values set aside: remembered by link, tried again when they are released and once an hour.
//!
//! Rows are written only with the outcome of an operation, in its transaction, and by a plan that finds that the source
//! does not want a value any more. Trap: most installations have no row here, so whoever reads on the hot path asks once for
//! a whole range of links.

use rusqlite::{Connection, params};
use sync_core::{
    aside::{Aside, retain_missing},
    id::{JobId, LinkId},
    value::Attributes,
};

use crate::{
    DueItem,
    due::remember_conflict,
    group::Transaction,
    observe::make_due,
    reason,
    store::{Engine, Result},
};

/// How long until a value is tried again by itself, in milliseconds.
const AGAIN: i64 = 3_600_000;
// LIMIT: links tried again in one transaction.
const CHUNK: i64 = 2_000;

/// A value set aside, with the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsideRow {
    /// The link.
    pub link: LinkId,
    /// What and because of whom.
    pub aside: Aside,
    /// Since when, unix ms.
    pub since: i64,
}

fn of_range(connection: &Connection, first: i64, last: i64) -> Result<Vec<AsideRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, attribute, value, owner, since FROM aside WHERE id BETWEEN ?1 AND ?2 ORDER BY id, attribute, value",
    )?;
    let rows = statement.query_map([first, last], |row| {
        Ok(AsideRow {
            link: LinkId(row.get(0)?),
            aside: Aside {
                attribute: row.get::<_, String>(1)?.as_str().into(),
                value: row.get(2)?,
                owner: row.get(3)?,
            },
            since: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Adds to items, in order of their links, what was set aside of them.
pub(crate) fn add_to(connection: &Connection, items: &mut [DueItem]) -> Result<()> {
    let (Some(first), Some(last)) = (items.first(), items.last()) else {
        return Ok(());
    };
    for row in of_range(connection, first.link.0, last.link.0)? {
        let place = items.binary_search_by_key(&row.link.0, |item| item.link.0);
        if let Some(item) = place.ok().and_then(|place| items.get_mut(place)) {
            item.asides.push(row.aside);
            item.asides_stored += 1;
        }
    }
    Ok(())
}

/// Whether any of these links has something set aside.
pub(crate) fn any(tx: &Transaction<'_>, first: i64, last: i64) -> Result<bool> {
    Ok(tx
        .prepare_cached("SELECT 1 FROM aside WHERE id BETWEEN ?1 AND ?2 LIMIT 1")?
        .exists([first, last])?)
}

pub(crate) fn forget(tx: &Transaction<'_>, link: LinkId) -> Result<()> {
    tx.prepare_cached("DELETE FROM aside WHERE id = ?1")?
        .execute([link.0])?;
    Ok(())
}

/// Leaves of a link's values only these.
pub(crate) fn keep_only(tx: &Transaction<'_>, link: LinkId, kept: &[Aside]) -> Result<()> {
    for row in of_range(tx, link.0, link.0)? {
        if !kept.contains(&row.aside) {
            tx.prepare_cached("DELETE FROM aside WHERE id = ?1 AND attribute = ?2 AND value = ?3")?
                .execute(params![link.0, &*row.aside.attribute, row.aside.value])?;
        }
    }
    Ok(())
}

/// After an operation: what the target holds now is not aside any more, what was left out is. Says whether anything
/// changed.
pub(crate) fn store(
    tx: &Transaction<'_>,
    job: JobId,
    link: LinkId,
    held: &Attributes,
    left_out: &[Aside],
    now: i64,
) -> Result<bool> {
    let rows = of_range(tx, link.0, link.0)?;
    let mut kept: Vec<Aside> = rows.iter().map(|row| row.aside.clone()).collect();
    retain_missing(held, &mut kept);
    keep_only(tx, link, &kept)?;
    let mut is_changed = kept.len() != rows.len();
    for aside in left_out {
        let is_known = kept
            .iter()
            .any(|have| have.attribute == aside.attribute && have.value == aside.value);
        is_changed |= !is_known;
        tx.prepare_cached(
            "INSERT INTO aside (id, attribute, value, owner, since, tried_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
             ON CONFLICT (id, attribute, value) DO UPDATE SET owner = excluded.owner, tried_at = excluded.tried_at",
        )?
        .execute(params![link.0, &*aside.attribute, aside.value, aside.owner, now])?;
        remember_conflict(tx, job, link, &aside.refusal())?;
    }
    Ok(is_changed)
}

/// Whether the time has come for any value.
pub(crate) fn is_time(connection: &Connection, now: i64) -> Result<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM aside WHERE tried_at <= ?1 LIMIT 1")?
        .exists([now - AGAIN])?)
}

/// Makes due what was tried long ago.
pub(crate) fn try_again(tx: &Transaction<'_>, now: i64) -> Result<()> {
    let mut links: Vec<i64> = Vec::new();
    {
        let mut statement =
            tx.prepare_cached("SELECT DISTINCT id FROM aside WHERE tried_at <= ?1 LIMIT ?2")?;
        let mut rows = statement.query([now - AGAIN, CHUNK])?;
        while let Some(row) = rows.next()? {
            links.push(row.get(0)?);
        }
    }
    for link in links {
        make_due(tx, link, reason::RETRY, now)?;
        tx.prepare_cached("UPDATE aside SET tried_at = ?2 WHERE id = ?1")?
            .execute([link, now])?;
    }
    Ok(())
}

impl Engine {
    /// What is set aside of one link.
    ///
    /// # Errors
    /// Of the store.
    pub fn asides(&self, link: LinkId) -> Result<Vec<AsideRow>> {
        self.read(|connection| of_range(connection, link.0, link.0))
    }

    /// How many values of a job are set aside.
    ///
    /// # Errors
    /// Of the store.
    pub fn aside_count(&self, job: JobId) -> Result<u64> {
        let (first, last) = crate::link_range(job);
        self.read(|connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM aside WHERE id BETWEEN ?1 AND ?2")?
                .query_row([first, last], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }
}
