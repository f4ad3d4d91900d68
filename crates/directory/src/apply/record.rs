//! One object as the writer sees it.
//!
//! Never cached: it is read and written within one operation. Trap: versions are signed in the database and unsigned
//! outside.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::Stop;
use crate::batch::Batch;
use crate::fault::Fault;
use crate::refusal::Refusal;
use crate::schema::Kind;
use crate::values::Values;

/// A stored object.
pub(super) struct Record {
    pub(super) row: i64,
    pub(super) uuid: Uuid,
    pub(super) kind: Kind,
    pub(super) is_deleted: bool,
    pub(super) version: i64,
    pub(super) values: Values,
}

/// A version as callers see it.
pub(super) fn version_out(version: i64) -> u64 {
    version.unsigned_abs()
}

impl Record {
    /// The object, live or soft-deleted.
    pub(super) fn find(connection: &Connection, uuid: Uuid) -> Result<Record, Stop> {
        let mut statement = connection.prepare_cached(
            "SELECT id, kind, state, version, attributes FROM object WHERE uuid = ?1",
        )?;
        let mut rows = statement.query([&uuid.as_bytes()[..]])?;
        let Some(row) = rows.next()? else {
            return Err(Refusal::NotFound {
                id: uuid,
                is_deleted: false,
            }
            .into());
        };
        Ok(Record {
            row: row.get(0)?,
            uuid,
            kind: kind_of(row.get(1)?)?,
            is_deleted: row.get::<_, i64>(2)? != 0,
            version: row.get(3)?,
            values: Values::decode(row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?)?,
        })
    }

    /// The live object.
    pub(super) fn find_live(connection: &Connection, uuid: Uuid) -> Result<Record, Stop> {
        let record = Record::find(connection, uuid)?;
        match record.is_deleted {
            true => Err(Refusal::NotFound {
                id: uuid,
                is_deleted: true,
            }
            .into()),
            false => Ok(record),
        }
    }

    /// Refuses unless the object is at the version the caller believes.
    pub(super) fn expect(&self, expected: Option<u64>) -> Result<(), Refusal> {
        let actual = version_out(self.version);
        match expected {
            Some(expected) if expected != actual => Err(Refusal::PreconditionFailed {
                id: self.uuid,
                expected,
                actual,
            }),
            _ => Ok(()),
        }
    }
}

pub(super) fn kind_of(number: i64) -> Result<Kind, Fault> {
    Kind::from_number(number).ok_or(Fault::Unreadable {
        place: "the kind of an object",
    })
}

/// Writes new values, and the version and author of the change.
pub(super) fn store_values(
    batch: &Batch<'_>,
    row: i64,
    version: i64,
    by: i64,
    values: &Values,
) -> Result<(), Fault> {
    batch
        .connection()
        .prepare_cached("UPDATE object SET version = ?2, changed_at = ?3, changed_by = ?4, attributes = ?5 WHERE id = ?1")?
        .execute(params![row, version, batch.now().as_millisecond(), by, values.encode()?])?;
    Ok(())
}

/// Writes only version and author of a change.
pub(super) fn store_version(
    batch: &Batch<'_>,
    row: i64,
    version: i64,
    by: i64,
) -> Result<(), Fault> {
    batch
        .connection()
        .prepare_cached(
            "UPDATE object SET version = ?2, changed_at = ?3, changed_by = ?4 WHERE id = ?1",
        )?
        .execute(params![row, version, batch.now().as_millisecond(), by])?;
    Ok(())
}

/// Row number, kind and state of an object, without its attributes.
pub(super) fn locate(
    connection: &Connection,
    uuid: Uuid,
) -> Result<Option<(i64, Kind, bool)>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT id, kind, state FROM object WHERE uuid = ?1")?;
    let found = statement
        .query_row([&uuid.as_bytes()[..]], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    match found {
        Some((row, kind, state)) => Ok(Some((row, kind_of(kind)?, state != 0))),
        None => Ok(None),
    }
}
