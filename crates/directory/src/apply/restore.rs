//! Bringing a soft-deleted user back.
//!
//! Never renames anybody by itself. Trap: domains may have been removed in the meantime, so the sign-in name is
//! checked again even if it is not set anew.

use rusqlite::params;
use uuid::Uuid;

use super::record::{Record, store_values};
use super::{Done, Stop, keyring};
use crate::batch::Batch;
use crate::check;
use crate::keys;
use crate::refusal::Refusal;
use crate::value::Attributes;

pub(super) fn restore(
    batch: &mut Batch<'_>,
    by: i64,
    id: Uuid,
    expected_version: Option<u64>,
    set: Attributes,
) -> Result<Done, Stop> {
    let record = Record::find(batch.connection(), id)?;
    if !record.is_deleted {
        return Err(Refusal::NotDeleted { id }.into());
    }
    record.expect(expected_version)?;
    let values = check::merge(record.kind, record.values.clone(), set, &batch.domains)?;
    check::check_domain(&values, &batch.domains)?;
    let held = keys::reserved_claims(record.kind, &record.values);
    let wanted = keys::claims(record.kind, &values);
    let (released, taken) = (
        keyring::without(&held, &wanted),
        keyring::without(&wanted, &held),
    );
    keyring::check_free(batch.connection(), record.kind, Some(record.row), &taken)?;

    let version = batch.next_version();
    keyring::give_back(batch.connection(), record.row, &released)?;
    keyring::take(batch.connection(), record.row, &taken)?;
    store_values(batch, record.row, version, by, &values)?;
    batch
        .connection()
        .prepare_cached(
            "UPDATE object SET state = 0, state_version = ?2, deleted_at = NULL WHERE id = ?1",
        )?
        .execute(params![record.row, version])?;
    Ok((id, version))
}
