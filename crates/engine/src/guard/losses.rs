//! Losses that are not deletions: members of groups and values of attributes, judged while they are planned.
//!
//! They do not settle: what is within the budget flows at once. What is not, is held one by one, and everything else of the
//! same object flows. Trap: a step of planning is judged as a whole, before any of it is stored.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use sync_core::{
    code::Code,
    hold::{HeldValue, HoldState},
    id::{JobId, LinkId},
    operation::{Refusal, Verb},
    plan::{ACCOUNT_ENABLED, Draft},
    value::{Name, Value, Values},
};

use super::{
    cause::Causes,
    ledger::{self, Loss, Waiting},
};
use crate::{
    DueItem, Planned, PlannedOutcome,
    config::JobRow,
    group::Transaction,
    hold,
    log::{Action, Record, ReferenceNote, Status},
    observe::{class_name, make_due, make_references_due},
    reason,
    store::{Engine, Result, pack, unpack},
};

// LIMIT: names told with one held loss.
const NAMES_TOLD: usize = 20;

/// A loss of members or values that the guard holds, or that was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct StagedLoss {
    /// The link.
    pub link: LinkId,
    /// Members rather than values.
    pub is_members: bool,
    /// Held or Refused.
    pub state: HoldState,
    /// How many members or attributes.
    pub count: u64,
    /// The first of them by name: distinguished names of members, attributes with what they keep.
    pub what: Vec<String>,
    /// Since when, unix ms.
    pub at: i64,
}

/// Whether what was planned costs its object values, as the guard counts them.
pub fn costs_values(planned: &Planned) -> bool {
    match &planned.outcome {
        PlannedOutcome::Operate(draft) => {
            !draft.verb.is_destructive() && !lost_values(&planned.item, draft).is_empty()
        }
        _ => false,
    }
}

/// The names of attributes of a draft that lose values, as far as the guard counts them.
pub(crate) fn lost_values(item: &DueItem, draft: &Draft) -> Vec<Name> {
    if matches!(draft.verb, Verb::Create | Verb::Delete) {
        return Vec::new();
    }
    let loses = |name: &Name, now: &[Value]| {
        let before = draft.before.values(name).unwrap_or_default();
        before.len() > now.len()
            && !name.eq_ignore_ascii_case(ACCOUNT_ENABLED)
            && !item.holds.allows(name)
    };
    let lost = draft
        .attributes
        .iter()
        .filter(|(name, now)| loses(name, now));
    lost.map(|(name, _)| name.clone()).collect()
}

/// Judges a step of plans: `Some`: what loses values is held, for this reason.
pub(crate) fn judge_values(
    tx: &Transaction<'_>,
    job: &JobRow,
    plans: &[Planned],
    now: i64,
) -> Result<Option<Refusal>> {
    let mut causes = Causes::default();
    let mut objects = 0;
    for planned in plans {
        let PlannedOutcome::Operate(draft) = &planned.outcome else {
            continue;
        };
        let lost = lost_values(&planned.item, draft);
        objects += u64::from(!lost.is_empty());
        let is_by_rules = planned.item.reasons & reason::RULES != 0;
        for name in lost {
            causes.take_rules(is_by_rules);
            causes.take_losses("ValuesCleared", &name, 1);
        }
    }
    if objects == 0 {
        return Ok(None);
    }
    let more = Waiting {
        objects,
        ..Waiting::default()
    };
    let verdict = ledger::verdict(tx, job, (Loss::Values, more), now)?;
    Ok(verdict.err().map(|why| causes.add_to(job, why)))
}

/// What is held of one attribute: its name, what stays, and what was wanted.
pub(crate) type HeldChange = (Name, Values, Values);

/// Takes out of a draft what loses values, and holds it. Returns the draft without it.
pub(crate) fn hold_values(
    tx: &Transaction<'_>,
    item: &DueItem,
    draft: &Draft,
    now: i64,
) -> Result<(Draft, Vec<HeldChange>)> {
    let mut rest = draft.clone();
    let mut held = Vec::new();
    for name in lost_values(item, draft) {
        let wanted = rest.attributes.remove(&name).unwrap_or_default();
        let keep = rest.before.remove(&name).unwrap_or_default();
        let value = HeldValue {
            name: name.clone(),
            wanted: wanted.to_vec(),
            keep: keep.to_vec(),
            state: HoldState::Held,
        };
        hold::put_attribute(tx, item.link, &value, None, now)?;
        held.push((name, keep, wanted));
    }
    Ok((rest, held))
}

/// The alarm: stored with the job until nothing is held any more.
pub(crate) fn raise(tx: &Transaction<'_>, job: JobId, why: &Refusal, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE job SET guard = ?2, guard_since = coalesce(guard_since, ?3) WHERE id = ?1",
        params![job.0, pack(why)?, now],
    )?;
    Ok(())
}

/// The members of one object that are held.
pub(crate) struct HeldMembers<'a> {
    /// The object's link.
    pub(crate) link: LinkId,
    /// The object's name, for people.
    pub(crate) name: &'a str,
    /// Who would leave.
    pub(crate) notes: Vec<ReferenceNote>,
}

/// A record of members that are held.
pub(crate) fn members_record(
    engine: &Engine,
    tx: &Transaction<'_>,
    job: &JobRow,
    HeldMembers { link, name, notes }: HeldMembers<'_>,
    why: &Refusal,
    (since, now): (i64, i64),
) -> Result<Record> {
    let (class, anchor, target): (Option<i64>, Vec<u8>, Option<String>) = tx
        .prepare_cached(
            "SELECT o.class, o.anchor, l.target FROM link l JOIN object o ON o.id = l.id & 1099511627775 WHERE l.id = ?1",
        )?
        .query_row([link.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(Record {
        since,
        class: class_name(engine, class)
            .as_deref()
            .unwrap_or_default()
            .to_owned(),
        name: name.to_owned(),
        anchor: sync_core::id::Anchor::new(anchor),
        target,
        references: notes,
        ..super::staged_record(job, link, why, now)
    })
}

/// What waits for a decision, or was refused.
pub(crate) fn held_count(tx: &Connection, job: JobId) -> Result<i64> {
    let (first, last) = crate::link_range(job);
    Ok(tx
        .prepare_cached(
            "SELECT (SELECT count(DISTINCT id) FROM hold_attribute WHERE state = 1 AND id BETWEEN ?1 AND ?2)
               + (SELECT count(DISTINCT id) FROM hold_reference WHERE state = 1 AND id BETWEEN ?1 AND ?2)",
        )?
        .query_row([first, last], |row| row.get(0))?)
}

/// Decides about what is held of a link, or of the whole range of links. Returns how many objects.
pub(crate) fn decide(
    tx: &Transaction<'_>,
    (first, last): (i64, i64),
    is_members: bool,
    states: &str,
    to: HoldState,
    now: i64,
) -> Result<usize> {
    let table = match is_members {
        true => "hold_reference",
        false => "hold_attribute",
    };
    let mut links: Vec<i64> = Vec::new();
    {
        let mut statement = tx.prepare(&format!(
            "SELECT DISTINCT id FROM {table} WHERE state IN ({states}) AND id BETWEEN ?1 AND ?2"
        ))?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            links.push(row.get(0)?);
        }
    }
    tx.execute(
        &format!(
            "UPDATE {table} SET state = ?3, at = ?4 WHERE state IN ({states}) AND id BETWEEN ?1 AND ?2"
        ),
        params![first, last, to.number(), now],
    )?;
    if to == HoldState::Allowed {
        for link in &links {
            match is_members {
                true => make_references_due(tx, *link, true, now)?,
                false => make_due(tx, *link, reason::ASKED, now)?,
            }
        }
    }
    Ok(links.len())
}

/// What was allowed so long ago that it waits for a decision again. Returns how many rows.
pub(crate) fn expire(tx: &Transaction<'_>, job: JobId, before: i64, now: i64) -> Result<usize> {
    let (first, last) = crate::link_range(job);
    let values = params![first, last, before, now];
    Ok(tx.execute(
        "UPDATE hold_attribute SET state = 1, at = ?4 WHERE state = 4 AND at < ?3 AND id BETWEEN ?1 AND ?2",
        values,
    )? + tx.execute(
        "UPDATE hold_reference SET state = 1, at = ?4 WHERE state = 4 AND at < ?3 AND id BETWEEN ?1 AND ?2",
        params![first, last, before, now],
    )?)
}

impl Engine {
    /// Losses of members and values that are held or refused, of links after this one; at most `limit` links.
    ///
    /// # Errors
    /// Of the store.
    pub fn staged_losses(&self, job: JobId, after: i64, limit: usize) -> Result<Vec<StagedLoss>> {
        let (first, last) = crate::link_range(job);
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, 0, state, count(*), min(at) FROM hold_attribute
                 WHERE state IN (1, 2) AND id > ?1 AND id BETWEEN ?2 AND ?3 GROUP BY id, state
                 UNION ALL SELECT id, 1, state, count(*), min(at) FROM hold_reference
                 WHERE state IN (1, 2) AND id > ?1 AND id BETWEEN ?2 AND ?3 GROUP BY id, state
                 ORDER BY 1, 2, 3 LIMIT ?4",
            )?;
            let mut rows = statement.query(params![after, first, last, limit])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let mut loss = StagedLoss {
                    link: LinkId(row.get(0)?),
                    is_members: row.get::<_, i64>(1)? == 1,
                    state: HoldState::from_number(row.get(2)?),
                    count: row.get::<_, i64>(3)?.cast_unsigned(),
                    what: Vec::new(),
                    at: row.get(4)?,
                };
                loss.what = match loss.is_members {
                    true => members_named(c, &loss)?,
                    false => values_named(c, &loss)?,
                };
                all.push(loss);
            }
            Ok(all)
        })
    }
}

fn members_named(c: &Connection, loss: &StagedLoss) -> Result<Vec<String>> {
    let mut objects: Vec<i64> = Vec::new();
    {
        let mut statement = c.prepare_cached(
            "SELECT dst FROM hold_reference WHERE id = ?1 AND state = ?2 ORDER BY dst LIMIT ?3",
        )?;
        let mut rows = statement.query(params![loss.link.0, loss.state.number(), NAMES_TOLD])?;
        while let Some(row) = rows.next()? {
            objects.push(row.get(0)?);
        }
    }
    objects
        .into_iter()
        .map(|object| crate::due::name_of(c, sync_core::id::ObjectId(object)))
        .collect()
}

fn values_named(c: &Connection, loss: &StagedLoss) -> Result<Vec<String>> {
    let mut statement = c.prepare_cached(
        "SELECT attribute, keep FROM hold_attribute WHERE id = ?1 AND state = ?2 ORDER BY attribute LIMIT ?3",
    )?;
    let mut rows = statement.query(params![loss.link.0, loss.state.number(), NAMES_TOLD])?;
    let mut named = Vec::new();
    while let Some(row) = rows.next()? {
        let (attribute, keep): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let keep: Vec<Value> = unpack(&keep)?;
        let values: Vec<String> = keep.iter().map(Value::display).collect();
        named.push(format!("{attribute}: {}", values.join(", ")));
    }
    Ok(named)
}

/// A held removal, by attribute of the target and target object.
pub(crate) type Removals = BTreeMap<Name, Vec<sync_core::id::TargetId>>;

/// Removals as a record tells them.
pub(crate) fn notes(removals: &Removals) -> Vec<ReferenceNote> {
    removals
        .iter()
        .map(|(attribute, ids)| ReferenceNote {
            attribute: attribute.clone(),
            added: Vec::new(),
            removed: ids.clone(),
        })
        .collect()
}

/// The record of a plan whose values are held.
pub(crate) fn values_record(record: Record, held: Vec<(Name, Values, Values)>) -> Record {
    Record {
        action: Action::StagedDelete,
        status: Status::Skipped,
        changes: held,
        ..record
    }
}

/// What an alarm about losses is called when there is none yet.
pub(crate) fn expired() -> Refusal {
    Refusal::new(Code::TooManyDeletes)
        .with("cause", "ApprovalExpired")
        .with(
            "text",
            "an administrator allowed it, it was not carried out in time, and it is held again",
        )
}
