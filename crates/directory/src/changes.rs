//! The change feed: what happened after a sequence number.
//!
//! Never keeps old states: an object appears once, with its latest change. Trap: because of that an entry about
//! references can come before the entry about the object itself; a reader applies a page as a whole, or first reads
//! everything and then follows.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::apply::StoredReferences;
use crate::fault::Fault;
use crate::principal::Reads;
use crate::read::{MAX_PAGE_SIZE, kind};
use crate::schema::{Kind, by_number};
use crate::store::Directory;

/// One entry of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The number of the change.
    pub sequence: u64,
    /// The object.
    pub id: Uuid,
    /// What it is.
    pub kind: Kind,
    /// What happened.
    pub event: Event,
}

/// What happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was made, and perhaps changed since.
    Created,
    /// It was changed.
    Updated,
    /// It was soft-deleted; its memberships are hidden until it returns.
    SoftDeleted,
    /// It was restored with its memberships, and perhaps changed since.
    Restored,
    /// It is gone for good, with all references from and to it.
    Deleted,
    /// References were added and removed.
    ReferencesChanged(Vec<ChangedReferences>),
}

/// References of one attribute that were added and removed by one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedReferences {
    /// The reference attribute.
    pub attribute: &'static str,
    /// Objects pointed at since.
    pub added: Vec<Uuid>,
    /// Objects not pointed at any more.
    pub removed: Vec<Uuid>,
}

/// Part of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// The entries by ascending sequence number.
    pub changes: Vec<Change>,
    /// From where to read on.
    pub next: u64,
    /// Whether there is more already.
    pub has_more: bool,
}

impl Directory {
    /// The number of the last change.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn sequence(&self, caller: &impl Reads) -> Result<u64, Fault> {
        self.read(caller, |connection| {
            Ok(bounds(connection)?.1.unsigned_abs())
        })
    }

    /// What happened after `since`, about `limit` entries of it. Entries of one number are never torn apart.
    ///
    /// # Errors
    /// `FeedExpired` when the feed no longer reaches back to `since`; also when the caller is not admitted or the
    /// store fails.
    pub fn changes(
        &self,
        caller: &impl Reads,
        since: u64,
        limit: usize,
    ) -> Result<ChangePage, Fault> {
        let limit = limit.clamp(1, MAX_PAGE_SIZE);
        self.read(caller, |connection| {
            let (trimmed_to, last) = bounds(connection)?;
            let after = i64::try_from(since).unwrap_or(i64::MAX);
            if after < trimmed_to {
                return Err(Fault::FeedExpired {
                    since,
                    oldest: trimmed_to.unsigned_abs(),
                });
            }
            page(connection, after, last, limit)
        })
    }
}

fn page(connection: &Connection, after: i64, last: i64, limit: usize) -> Result<ChangePage, Fault> {
    let mut changes = objects(connection, after, limit)?;
    changes.extend(tombstones(connection, after, limit)?);
    changes.extend(references(connection, after, limit)?);
    changes.sort_by_key(|change| change.sequence);
    let has_more = changes.len() > limit;
    if has_more {
        let edge = changes
            .get(limit.saturating_sub(1))
            .map_or(u64::MAX, |change| change.sequence);
        changes.retain(|change| change.sequence <= edge);
    }
    let reached = changes
        .last()
        .map_or(after.unsigned_abs(), |change| change.sequence);
    // At the end the reader is up to date even if the last numbers belong to changes that were overwritten.
    let next = if has_more {
        reached
    } else {
        last.unsigned_abs().max(reached)
    };
    Ok(ChangePage {
        changes,
        next,
        has_more,
    })
}

/// From where the feed is complete, and its end.
fn bounds(connection: &Connection) -> Result<(i64, i64), Fault> {
    let mut statement = connection.prepare_cached("SELECT trimmed_to, sequence FROM tenant")?;
    Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// One more than asked for, so that the reader knows whether there is more.
fn probe(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}

fn objects(connection: &Connection, after: i64, limit: usize) -> Result<Vec<Change>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT version, uuid, kind, id, state, state_version FROM object WHERE version > ?1 ORDER BY version LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, probe(limit)])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let (created, state, turned): (i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?);
        let event = match state {
            0 if created > after => Event::Created,
            0 if turned > after => Event::Restored,
            0 => Event::Updated,
            _ => Event::SoftDeleted,
        };
        changes.push(Change {
            sequence: row.get::<_, i64>(0)?.unsigned_abs(),
            id: Uuid::from_bytes(row.get(1)?),
            kind: kind(row.get(2)?)?,
            event,
        });
    }
    Ok(changes)
}

fn tombstones(connection: &Connection, after: i64, limit: usize) -> Result<Vec<Change>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT version, uuid, kind FROM tombstone WHERE version > ?1 ORDER BY version LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, probe(limit)])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        changes.push(Change {
            sequence: row.get::<_, i64>(0)?.unsigned_abs(),
            id: Uuid::from_bytes(row.get(1)?),
            kind: kind(row.get(2)?)?,
            event: Event::Deleted,
        });
    }
    Ok(changes)
}

/// Reference changes of objects that still exist; of the others the tombstone says all.
fn references(connection: &Connection, after: i64, limit: usize) -> Result<Vec<Change>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT r.version, o.uuid, o.kind, r.changes FROM reference_change r JOIN object o ON o.id = r.object
         WHERE r.version > ?1 ORDER BY r.version LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, probe(limit)])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let blob = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        let stored: Vec<StoredReferences> =
            postcard::from_bytes(blob).map_err(|_| Fault::Unreadable {
                place: "a change of references",
            })?;
        changes.push(Change {
            sequence: row.get::<_, i64>(0)?.unsigned_abs(),
            id: Uuid::from_bytes(row.get(1)?),
            kind: kind(row.get(2)?)?,
            event: Event::ReferencesChanged(stored.into_iter().filter_map(changed).collect()),
        });
    }
    Ok(changes)
}

fn changed(stored: StoredReferences) -> Option<ChangedReferences> {
    let ids = |side: Vec<[u8; 16]>| side.into_iter().map(Uuid::from_bytes).collect();
    let attribute = by_number(stored.attribute)?.name;
    Some(ChangedReferences {
        attribute,
        added: ids(stored.added),
        removed: ids(stored.removed),
    })
}
