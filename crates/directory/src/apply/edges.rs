//! References between objects.
//!
//! Never changes anything while planning: every referred object is looked up first, and what would have no effect is
//! dropped. Nesting and cycles of groups are allowed, as in the directories this stands in for. Trap: the object that
//! refers gets the new version, the object referred to does not.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::record::{Record, locate};
use super::{MAX_REFERENCES_PER_OPERATION, Stop};
use crate::batch::Batch;
use crate::fault::Fault;
use crate::operation::ReferenceChange;
use crate::refusal::Refusal;
use crate::schema::{Attribute, Kind, ValueType, attribute, number};

/// Fewer references than this are looked up one by one.
const FEW: usize = 8;

/// An effective change of one reference attribute.
#[derive(Debug)]
pub(super) struct PlannedChange {
    attribute: u16,
    add: Vec<(i64, Uuid)>,
    remove: Vec<(i64, Uuid)>,
}

/// A change of references as the change feed keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredReferences {
    pub(crate) attribute: u16,
    pub(crate) added: Vec<[u8; 16]>,
    pub(crate) removed: Vec<[u8; 16]>,
}

/// What the changes come to. `record` is the referring object, if it exists already.
pub(super) fn plan(
    batch: &Batch<'_>,
    kind: Kind,
    record: Option<&Record>,
    changes: &[ReferenceChange],
) -> Result<Vec<PlannedChange>, Stop> {
    check_names(kind, changes)?;
    let planned = changes
        .iter()
        .map(|change| plan_one(batch, kind, record, change));
    let planned: Vec<PlannedChange> = planned.collect::<Result<_, _>>()?;
    Ok(planned
        .into_iter()
        .filter(|change| !change.add.is_empty() || !change.remove.is_empty())
        .collect())
}

/// Writes planned changes of `row` and remembers them for the feed under `version`.
pub(super) fn write(
    batch: &Batch<'_>,
    row: i64,
    version: i64,
    planned: &[PlannedChange],
) -> Result<(), Fault> {
    if planned.is_empty() {
        return Ok(());
    }
    let connection = batch.connection();
    let mut delete = connection
        .prepare_cached("DELETE FROM edge WHERE source = ?1 AND attribute = ?2 AND target = ?3")?;
    let mut insert = connection
        .prepare_cached("INSERT INTO edge (source, attribute, target) VALUES (?1, ?2, ?3)")?;
    for change in planned {
        for (target, _) in &change.remove {
            delete.execute(params![row, change.attribute, target])?;
        }
        for (target, _) in &change.add {
            insert.execute(params![row, change.attribute, target])?;
        }
    }
    let stored: Vec<StoredReferences> = planned.iter().map(stored).collect();
    let blob = postcard::to_stdvec(&stored).map_err(|_| Fault::Unreadable {
        place: "references to be written",
    })?;
    connection
        .prepare_cached(
            "INSERT INTO reference_change (version, object, at, changes) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![version, row, batch.now().as_millisecond(), blob])?;
    Ok(())
}

fn stored(change: &PlannedChange) -> StoredReferences {
    let ids = |side: &[(i64, Uuid)]| side.iter().map(|(_, id)| *id.as_bytes()).collect();
    StoredReferences {
        attribute: change.attribute,
        added: ids(&change.add),
        removed: ids(&change.remove),
    }
}

fn check_names(kind: Kind, changes: &[ReferenceChange]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let mut actual = 0usize;
    for change in changes {
        let attribute = reference_attribute(kind, &change.attribute)?;
        if !seen.insert(attribute.number) {
            return Err(Refusal::SchemaPropertyCanOnlyAcceptValue {
                attribute: attribute.name,
                expected: "one change per operation",
            });
        }
        actual = actual
            .saturating_add(change.add.len())
            .saturating_add(change.remove.len());
        if actual > MAX_REFERENCES_PER_OPERATION {
            let max = MAX_REFERENCES_PER_OPERATION;
            return Err(Refusal::ExceededAllowedLength {
                attribute: attribute.name,
                unit: "changes",
                max,
                actual,
            });
        }
    }
    Ok(())
}

fn reference_attribute(kind: Kind, name: &str) -> Result<&'static Attribute, Refusal> {
    match attribute(kind, name) {
        Some(attribute) if attribute.value_type == ValueType::Reference => Ok(attribute),
        _ => Err(Refusal::SchemaAttributeNotFound {
            kind,
            attribute: name.to_owned(),
        }),
    }
}

fn plan_one(
    batch: &Batch<'_>,
    kind: Kind,
    record: Option<&Record>,
    change: &ReferenceChange,
) -> Result<PlannedChange, Stop> {
    let attribute = reference_attribute(kind, &change.attribute)?;
    let connection = batch.connection();
    let wanted = resolve(batch, attribute, record, &change.add)?;
    if !attribute.is_multi_valued && wanted.len() > 1 {
        return Err(Refusal::SchemaPropertyCanOnlyAcceptValue {
            attribute: attribute.name,
            expected: "one reference",
        }
        .into());
    }
    let Some(record) = record else {
        return Ok(PlannedChange {
            attribute: attribute.number,
            add: wanted,
            remove: Vec::new(),
        });
    };
    let mut remove = removals(connection, attribute, record, change)?;
    if !attribute.is_multi_valued && !wanted.is_empty() {
        remove = present(connection, record.row, attribute.number)?;
    }
    remove.retain(|gone| wanted.binary_search(gone).is_err());
    Ok(PlannedChange {
        attribute: attribute.number,
        add: missing(connection, record.row, attribute.number, wanted)?,
        remove,
    })
}

/// Row numbers of the objects to point at, sorted, each once.
fn resolve(
    batch: &Batch<'_>,
    attribute: &'static Attribute,
    record: Option<&Record>,
    ids: &[Uuid],
) -> Result<Vec<(i64, Uuid)>, Stop> {
    let mut resolved = Vec::with_capacity(ids.len());
    for &id in ids {
        let refuse = |reason| Refusal::InvalidReference {
            attribute: attribute.name,
            id,
            reason,
        };
        if attribute.number == number::MEMBERS && record.is_some_and(|record| record.uuid == id) {
            return Err(refuse("a group cannot be a member of itself").into());
        }
        match located(batch, id)? {
            Some((row, kind, false)) if attribute.may_point_to(kind) => resolved.push((row, id)),
            Some((_, _, false)) => {
                return Err(refuse("objects of its kind are not allowed here").into());
            }
            Some((_, _, true)) | None => {
                return Err(Refusal::UnableToResolveReferenceAttributeValue {
                    attribute: attribute.name,
                    id,
                }
                .into());
            }
        }
    }
    resolved.sort_unstable();
    resolved.dedup();
    Ok(resolved)
}

/// An object as [`locate`] finds it, looked up once.
fn located(batch: &Batch<'_>, id: Uuid) -> Result<Option<(i64, Kind, bool)>, Fault> {
    if let Some((row, kind)) = batch.located().find(id) {
        return Ok(Some((row, kind, false)));
    }
    let found = locate(batch.connection(), id)?;
    if let Some((row, kind, false)) = found {
        batch.located().know(id, row, kind);
    }
    Ok(found)
}

/// Those of sorted targets that are not there yet.
fn missing(
    connection: &Connection,
    source: i64,
    attribute: u16,
    mut wanted: Vec<(i64, Uuid)>,
) -> Result<Vec<(i64, Uuid)>, Fault> {
    if let Some(held) = held_between(connection, source, attribute, &wanted)? {
        wanted.retain(|(target, _)| held.binary_search(target).is_err());
        return Ok(wanted);
    }
    let mut missing = Vec::with_capacity(wanted.len());
    for target in wanted {
        if !exists(connection, source, attribute, target.0)? {
            missing.push(target);
        }
    }
    Ok(missing)
}

/// What is there between the first and the last of these, sorted; `None`: they are few, or there is too much else between
/// them, and asking for each is quicker.
fn held_between(
    connection: &Connection,
    source: i64,
    attribute: u16,
    wanted: &[(i64, Uuid)],
) -> Result<Option<Vec<i64>>, Fault> {
    let (Some((first, _)), Some((last, _))) = (wanted.first(), wanted.last()) else {
        return Ok(None);
    };
    if wanted.len() < FEW {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(
        "SELECT target FROM edge WHERE source = ?1 AND attribute = ?2 AND target BETWEEN ?3 AND ?4 ORDER BY target",
    )?;
    let mut rows = statement.query(params![source, attribute, first, last])?;
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        if held.len() >= 4 * wanted.len() {
            return Ok(None);
        }
        held.push(row.get(0)?);
    }
    Ok(Some(held))
}

/// Those of the objects to be removed that are there, sorted, each once.
fn removals(
    connection: &Connection,
    attribute: &Attribute,
    record: &Record,
    change: &ReferenceChange,
) -> Result<Vec<(i64, Uuid)>, Fault> {
    let mut removals = Vec::new();
    for &id in &change.remove {
        if let Some((row, _, _)) = locate(connection, id)?
            && exists(connection, record.row, attribute.number, row)?
        {
            removals.push((row, id));
        }
    }
    removals.sort_unstable();
    removals.dedup();
    Ok(removals)
}

fn exists(
    connection: &Connection,
    source: i64,
    attribute: u16,
    target: i64,
) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM edge WHERE source = ?1 AND attribute = ?2 AND target = ?3",
    )?;
    Ok(statement
        .query_row(params![source, attribute, target], |_| Ok(()))
        .optional()?
        .is_some())
}

fn present(
    connection: &Connection,
    source: i64,
    attribute: u16,
) -> Result<Vec<(i64, Uuid)>, Fault> {
    // Two statements, not a join: SQLite prepares a join anew for every new value bound to it.
    let mut targets = connection.prepare_cached(
        "SELECT target FROM edge WHERE source = ?1 AND attribute = ?2 ORDER BY target",
    )?;
    let mut ids = connection.prepare_cached("SELECT uuid FROM object WHERE id = ?1")?;
    let rows = targets.query_map(params![source, attribute], |row| row.get::<_, i64>(0))?;
    let mut present = Vec::new();
    for row in rows {
        let target = row?;
        let id: Option<[u8; 16]> = ids.query_row([target], |row| row.get(0)).optional()?;
        present.extend(id.map(|id| (target, Uuid::from_bytes(id))));
    }
    Ok(present)
}
