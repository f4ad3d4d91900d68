//! Making an object.
//!
//! Never reuses an id. Trap: the surrogate row number is the version of the creation; the change feed relies on it.

use rusqlite::params;

use super::{Done, Stop, edges, keyring};
use crate::batch::Batch;
use crate::check;
use crate::keys;
use crate::operation::ReferenceChange;
use crate::schema::Kind;
use crate::value::Attributes;
use crate::values::Values;

pub(super) fn create(
    batch: &mut Batch<'_>,
    by: i64,
    kind: Kind,
    attributes: Attributes,
    references: &[ReferenceChange],
) -> Result<Done, Stop> {
    batch.check_quota()?;
    let values = check::merge(kind, Values::default(), attributes, &batch.domains)?;
    let claims = keys::claims(kind, &values);
    let row = batch.coming_version();
    keyring::take_free(batch.connection(), kind, row, &claims)?;
    let planned = match edges::plan(batch, kind, None, references) {
        Ok(planned) => planned,
        Err(stop) => {
            keyring::give_back(batch.connection(), row, &claims)?;
            return Err(stop);
        }
    };
    batch.next_version();
    let uuid = (batch.options.ids)();
    let now = batch.now().as_millisecond();
    batch
        .connection()
        .prepare_cached(
            "INSERT INTO object
             (id, uuid, kind, state, version, state_version, created_at, changed_at, changed_by, attributes)
             VALUES (?1, ?2, ?3, 0, ?1, ?1, ?4, ?4, ?5, ?6)",
        )?
        .execute(params![row, &uuid.as_bytes()[..], kind.number(), now, by, values.encode()?])?;
    edges::write(batch, row, row, &planned)?;
    batch.count_created();
    batch.located().know(uuid, row, kind);
    Ok((uuid, row))
}
