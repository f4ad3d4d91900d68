//! Changing an object.
//!
//! Never writes when nothing would change: the version stays, and so does the change feed. Trap: the source anchor of
//! a synchronised object may be cleared, not replaced.

use uuid::Uuid;

use super::record::{Record, store_values, store_version};
use super::{Done, Stop, edges, keyring};
use crate::batch::Batch;
use crate::check;
use crate::keys::{self, fold};
use crate::operation::ReferenceChange;
use crate::refusal::Refusal;
use crate::schema::number;
use crate::tenant;
use crate::value::Attributes;
use crate::values::Values;

pub(super) fn update(
    batch: &mut Batch<'_>,
    by: i64,
    id: Uuid,
    expected_version: Option<u64>,
    set: Attributes,
    references: &[ReferenceChange],
) -> Result<Done, Stop> {
    let record = Record::find_live(batch.connection(), id)?;
    record.expect(expected_version)?;
    if set.is_empty() {
        return update_references(batch, by, &record, references);
    }
    let values = check::merge(record.kind, record.values.clone(), set, &batch.domains)?;
    check_anchor(&record, &values)?;
    check_federation(batch, &record, &values)?;
    let (old, new) = (
        keys::claims(record.kind, &record.values),
        keys::claims(record.kind, &values),
    );
    let (released, taken) = (keyring::without(&old, &new), keyring::without(&new, &old));
    keyring::check_free(batch.connection(), record.kind, Some(record.row), &taken)?;
    let planned = edges::plan(batch, record.kind, Some(&record), references)?;

    let is_changed = values != record.values;
    if !is_changed && planned.is_empty() {
        return Ok((id, record.version));
    }
    let version = batch.next_version();
    match is_changed {
        true => store_values(batch, record.row, version, by, &values)?,
        false => store_version(batch, record.row, version, by)?,
    }
    keyring::give_back(batch.connection(), record.row, &released)?;
    keyring::take(batch.connection(), record.row, &taken)?;
    edges::write(batch, record.row, version, &planned)?;
    Ok((id, version))
}

/// Attributes and keys stay as they are.
fn update_references(
    batch: &mut Batch<'_>,
    by: i64,
    record: &Record,
    references: &[ReferenceChange],
) -> Result<Done, Stop> {
    let planned = edges::plan(batch, record.kind, Some(record), references)?;
    if planned.is_empty() {
        return Ok((record.uuid, record.version));
    }
    let version = batch.next_version();
    store_version(batch, record.row, version, by)?;
    edges::write(batch, record.row, version, &planned)?;
    Ok((record.uuid, version))
}

fn check_anchor(record: &Record, values: &Values) -> Result<(), Refusal> {
    let (old, new) = (
        record.values.text(number::IMMUTABLE_ID),
        values.text(number::IMMUTABLE_ID),
    );
    let is_replaced = old.is_some() && new.is_some() && old != new;
    match is_replaced && record.values.is_true(number::SYNC_ENABLED) {
        true => Err(Refusal::SourceAnchorChanged { id: record.uuid }),
        false => Ok(()),
    }
}

/// Whoever signs in at one federation would not be known at the other: the name has to go by an ordinary domain.
fn check_federation(batch: &Batch<'_>, record: &Record, values: &Values) -> Result<(), Stop> {
    let domain = |values: &Values| {
        let name = values.text(number::USER_PRINCIPAL_NAME)?;
        let (_, domain) = name.rsplit_once('@')?;
        Some(fold(domain))
    };
    let (Some(from), Some(to)) = (domain(&record.values), domain(values)) else {
        return Ok(());
    };
    if from == to || !tenant::are_federated(batch.connection(), [&from, &to])? {
        return Ok(());
    }
    let initial = tenant::initial_domain(batch.connection())?;
    Err(Refusal::FederatedDomainChange { from, to, initial }.into())
}
