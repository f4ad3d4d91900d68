//! Objects as they were when they were deleted in the target: what an undo brings back.
//!
//! Changes need nothing of this kind, because the provisioning log holds old values beside new ones. A deletion keeps one
//! row: the attributes in the compact form they have in the link, and references in both directions as numbers,
//! compressed. Trap: an image is kept as long as the log is, and no longer: after that a deletion cannot be undone.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sync_core::{hold::Image, id::LinkId};

use crate::{
    config::JobRow,
    export::PlannedChange,
    group::Transaction,
    observe::attributes_of,
    store::{Engine, Result, StoreError, pack, unpack},
};

/// How many days images of deleted objects are kept.
pub const IMAGES_KEPT_DAYS: i64 = 30;
// LIMIT: bytes an image unpacks to at most.
const LARGEST_IMAGE: usize = 256 << 20;
// LIMIT: images forgotten in one transaction.
const CHUNK: i64 = 5_000;

/// As stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    class: String,
    source_anchor: String,
    exported: Option<Vec<u8>>,
    /// References of the object: source attribute and object.
    out: Vec<(i64, i64)>,
    /// References to it: object and source attribute.
    into: Vec<(i64, i64)>,
}

/// An object as it was, with its references.
pub(crate) struct Kept {
    pub image: Image,
    pub out: Vec<(i64, i64)>,
    pub into: Vec<(i64, i64)>,
}

/// Keeps an object that is just deleted.
pub(crate) fn keep(
    tx: &Transaction<'_>,
    job: &JobRow,
    change: &PlannedChange,
    exported: Option<&[u8]>,
    now: i64,
) -> Result<()> {
    let object = crate::object_of(change.link).0;
    let bit = 2_i64 << job.slot;
    let pairs = |sql: &str| -> Result<Vec<(i64, i64)>> {
        let mut statement = tx.prepare_cached(sql)?;
        let rows = statement.query_map([object, bit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let stored = Stored {
        class: change.pending.class.to_string(),
        source_anchor: change.pending.source_anchor.clone(),
        exported: exported.map(<[u8]>::to_vec),
        out: pairs("SELECT attribute, dst FROM edge WHERE src = ?1 AND flags & ?2 <> 0")?,
        into: pairs("SELECT src, attribute FROM edge WHERE dst = ?1 AND flags & ?2 <> 0")?,
    };
    tx.prepare_cached("INSERT INTO before_image (link, at, data) VALUES (?1, ?2, ?3)")?
        .execute(params![
            change.link.0,
            now,
            lz4_flex::compress_prepend_size(&pack(&stored)?)
        ])?;
    Ok(())
}

/// An object as it was when it was deleted at this time; `None`: that is not kept any more.
pub(crate) fn of(engine: &Engine, c: &Connection, link: LinkId, at: i64) -> Result<Option<Kept>> {
    let data: Option<Vec<u8>> = c
        .prepare_cached(
            "SELECT data FROM before_image WHERE link = ?1 AND at = ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![link.0, at], |row| row.get(0))
        .optional()?;
    let Some(data) = data else { return Ok(None) };
    let stored = open(&data)?;
    Ok(Some(Kept {
        image: Image {
            class: stored.class.as_str().into(),
            source_anchor: stored.source_anchor,
            attributes: attributes_of(engine, stored.exported)?,
        },
        out: stored.out,
        into: stored.into,
    }))
}

fn open(data: &[u8]) -> Result<Stored> {
    let size = data
        .first_chunk::<4>()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    if size > LARGEST_IMAGE {
        return Err(StoreError::Blob("image of a deleted object"));
    }
    let plain = lz4_flex::decompress_size_prepended(data)
        .map_err(|_| StoreError::Blob("image of a deleted object"))?;
    unpack(&plain)
}

impl Engine {
    /// Forgets images that are older than they are kept. Says whether there may be more.
    ///
    /// # Errors
    /// Of the store.
    pub fn forget_images(&self) -> Result<bool> {
        let before = self.now().saturating_sub(IMAGES_KEPT_DAYS * 86_400_000);
        let is_needed = self.read(|c| {
            Ok(
                c.prepare_cached("SELECT 1 FROM before_image WHERE at < ?1 LIMIT 1")?
                    .exists([before])?,
            )
        })?;
        if !is_needed {
            return Ok(false);
        }
        self.write("engine.forget_images", |tx| {
            let gone = tx.execute(
                "DELETE FROM before_image WHERE id IN (SELECT id FROM before_image WHERE at < ?1 LIMIT ?2)",
                [before, CHUNK],
            )?;
            Ok(gone as i64 == CHUNK)
        })
    }
}
