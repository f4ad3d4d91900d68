//! Taking and giving back unique keys.
//!
//! Never leaves some keys of an operation taken and others not. Trap: the check names the owner for the
//! caller's sake; what guarantees uniqueness is the primary key of the table.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::Stop;
use super::record::kind_of;
use crate::fault::Fault;
use crate::keys::Claim;
use crate::refusal::{Clash, Refusal};
use crate::schema::{Kind, number};
use crate::values::Values;

/// Refuses if another object holds one of the claims; `own` is the row of the claiming object, if it exists.
pub(super) fn check_free(
    connection: &Connection,
    kind: Kind,
    own: Option<i64>,
    claims: &[Claim<'_>],
) -> Result<(), Stop> {
    let mut statement =
        connection.prepare_cached("SELECT object FROM unique_key WHERE key = ?1")?;
    for claim in claims {
        let owner: Option<i64> = statement
            .query_row([&claim.key], |row| row.get(0))
            .optional()?;
        match owner {
            Some(owner) if Some(owner) != own => {
                return Err(clash(connection, kind, claim, owner)?.into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes all claims for a new row, or none: then the claims taken so far are given back, and the owner of the one that
/// stood in the way is named. Cheaper than looking at every key first, because most are free.
pub(super) fn take_free(
    connection: &Connection,
    kind: Kind,
    row: i64,
    claims: &[Claim<'_>],
) -> Result<(), Stop> {
    let mut statement = connection
        .prepare_cached("INSERT OR IGNORE INTO unique_key (key, object) VALUES (?1, ?2)")?;
    for (taken, claim) in claims.iter().enumerate() {
        if statement.execute(params![claim.key, row])? > 0 {
            continue;
        }
        give_back(connection, row, claims.get(..taken).unwrap_or_default())?;
        check_free(
            connection,
            kind,
            None,
            claims.get(taken..).unwrap_or_default(),
        )?;
        return Err(Fault::Unreadable {
            place: "a unique key that is neither free nor held",
        }
        .into());
    }
    Ok(())
}

pub(super) fn take(connection: &Connection, row: i64, claims: &[Claim<'_>]) -> Result<(), Fault> {
    let mut statement =
        connection.prepare_cached("INSERT INTO unique_key (key, object) VALUES (?1, ?2)")?;
    for claim in claims {
        statement.execute(params![claim.key, row])?;
    }
    Ok(())
}

pub(super) fn give_back(
    connection: &Connection,
    row: i64,
    claims: &[Claim<'_>],
) -> Result<(), Fault> {
    let mut statement =
        connection.prepare_cached("DELETE FROM unique_key WHERE key = ?1 AND object = ?2")?;
    for claim in claims {
        statement.execute(params![claim.key, row])?;
    }
    Ok(())
}

/// Of two sorted lists of claims, those of the first whose key the second lacks.
pub(super) fn without<'a>(claims: &[Claim<'a>], others: &[Claim<'_>]) -> Vec<Claim<'a>> {
    let is_missing = |claim: &&Claim<'a>| {
        others
            .binary_search_by(|other| other.key.cmp(&claim.key))
            .is_err()
    };
    claims.iter().filter(is_missing).cloned().collect()
}

fn clash(
    connection: &Connection,
    kind: Kind,
    claim: &Claim<'_>,
    owner: i64,
) -> Result<Refusal, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT uuid, kind, state, attributes FROM object WHERE id = ?1")?;
    let mut rows = statement.query([owner])?;
    let row = rows.next()?.ok_or(Fault::Unreadable {
        place: "a unique key without an object",
    })?;
    let values = Values::decode(&row.get::<_, Vec<u8>>(3)?)?;
    let owner_kind = kind_of(row.get(1)?)?;
    let clash = Box::new(Clash {
        attribute: claim.attribute,
        value: claim.value.to_owned(),
        owner_id: Uuid::from_bytes(row.get(0)?),
        owner_kind,
        owner_name: values
            .text(number::DISPLAY_NAME)
            .unwrap_or_default()
            .to_owned(),
        is_owner_deleted: row.get::<_, i64>(2)? != 0,
    });
    match claim.is_address() && owner_kind != kind {
        true => Ok(Refusal::ObjectTypeMismatch(clash)),
        false => Ok(Refusal::AttributeValueMustBeUnique(clash)),
    }
}
