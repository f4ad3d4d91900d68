//! Deleting: users softly, everything else for good.
//!
//! Never lets a hard-deleted object leave keys or references behind. Trap: a soft-deleted user keeps its references
//! in the table; reads leave them out until it is restored.

use rusqlite::params;
use uuid::Uuid;

use super::record::Record;
use super::{Done, Stop, keyring};
use crate::batch::Batch;
use crate::fault::Fault;
use crate::keys;
use crate::operation::DeleteScope;
use crate::refusal::Refusal;
use crate::schema::{Kind, number};
use crate::values::Values;

pub(super) fn delete(
    batch: &mut Batch<'_>,
    by: i64,
    id: Uuid,
    expected_version: Option<u64>,
    scope: DeleteScope,
) -> Result<Done, Stop> {
    let record = Record::find_live(batch.connection(), id)?;
    record.expect(expected_version)?;
    let is_in_scope = match scope {
        DeleteScope::Any => true,
        DeleteScope::SynchronisedOnly => record.values.is_true(number::SYNC_ENABLED),
    };
    if !is_in_scope {
        return Err(Refusal::DeletionAccessViolation { id }.into());
    }
    match record.kind {
        Kind::User => soft_delete(batch, by, &record),
        Kind::Group | Kind::Contact | Kind::Device => destroy_record(batch, &record),
    }
}

pub(super) fn hard_delete(
    batch: &mut Batch<'_>,
    id: Uuid,
    expected_version: Option<u64>,
) -> Result<Done, Stop> {
    let record = Record::find(batch.connection(), id)?;
    record.expect(expected_version)?;
    destroy_record(batch, &record)
}

fn soft_delete(batch: &mut Batch<'_>, by: i64, record: &Record) -> Result<Done, Stop> {
    let version = batch.next_version();
    let claims = keys::claims(record.kind, &record.values);
    let reserved = keys::reserved_claims(record.kind, &record.values);
    keyring::give_back(
        batch.connection(),
        record.row,
        &keyring::without(&claims, &reserved),
    )?;
    batch
        .connection()
        .prepare_cached(
            "UPDATE object SET state = 1, version = ?2, state_version = ?2, changed_at = ?3, deleted_at = ?3, changed_by = ?4
             WHERE id = ?1",
        )?
        .execute(params![record.row, version, batch.now().as_millisecond(), by])?;
    batch.located().forget(record.uuid);
    Ok((record.uuid, version))
}

fn destroy_record(batch: &mut Batch<'_>, record: &Record) -> Result<Done, Stop> {
    let version = destroy(batch, record.row, record.uuid, record.kind, &record.values)?;
    Ok((record.uuid, version))
}

/// Removes an object with its keys and references, and leaves a tombstone for the change feed.
pub(crate) fn destroy(
    batch: &mut Batch<'_>,
    row: i64,
    uuid: Uuid,
    kind: Kind,
    values: &Values,
) -> Result<i64, Fault> {
    let version = batch.next_version();
    let now = batch.now().as_millisecond();
    let connection = batch.connection();
    keyring::give_back(connection, row, &keys::claims(kind, values))?;
    connection
        .prepare_cached("DELETE FROM edge WHERE source = ?1")?
        .execute([row])?;
    connection
        .prepare_cached("DELETE FROM edge WHERE target = ?1")?
        .execute([row])?;
    connection
        .prepare_cached("DELETE FROM object WHERE id = ?1")?
        .execute([row])?;
    connection
        .prepare_cached("INSERT INTO tombstone (version, uuid, kind, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![version, &uuid.as_bytes()[..], kind.number(), now])?;
    batch.located().forget(uuid);
    batch.count_destroyed();
    Ok(version)
}
