//! Planning references (members, managers): which edges the target does not hold yet, and which it holds too many.
//!
//! A change of one edge costs one edge, however large the group. References to objects that are not in the target wait for
//! them to appear. Trap: a large group is planned in chunks, one operation at a time, because each raises its version.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{CachedStatement, OptionalExtension, params};
use sync_core::{
    id::{Anchor, JobId, LinkId, TargetId},
    operation::{Precondition, ReferenceChange, Verb},
    plan::Situation,
    value::{Attributes, Name},
};

use crate::{
    config::JobRow,
    crossing::{Crossing, End, is_deleted_in_source},
    due::{DueItem, situation_of},
    export::{EdgeChange, PendingExport, PendingState},
    fresh::{Fresh, SourceNote},
    group::Transaction,
    guard::{
        Loss,
        cause::Causes,
        ledger::{self, Waiting},
        losses::{self, Removals},
    },
    hold::{self, HeldReference, HeldReferences},
    linked::Linked,
    log::Record,
    observe::class_name,
    store::{Engine, Result, pack},
};

/// A source link attribute and the target attribute it flows to, for one source class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedReference {
    /// Source class.
    pub class: Name,
    /// Source attribute.
    pub source: Name,
    /// Target attribute.
    pub target: Name,
    /// Whether the target attribute holds several references.
    pub is_multivalued: bool,
}

/// What a step of reference planning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReferenceWork {
    /// Links looked at.
    pub links: usize,
    /// Operations made ready.
    pub operations: usize,
    /// References that wait for their object to appear in the target.
    pub waiting: usize,
    /// References whose removal the guard holds now.
    pub held: usize,
}

/// References in one operation at most.
const MOST_IN_ONE: usize = 5_000;
// LIMIT: references planned in one step; what is left stays due. Few enough that they are carried out while the next ones
// are planned.
const MOST_AT_ONCE: usize = 5_000;
// LIMIT: references that go along with creations in one transaction, and those of one object more. Few enough that they are
// carried out while the next ones are stored.
const MOST_TRAVELLING: usize = 4_000;

struct Holder {
    link: LinkId,
    target: Option<String>,
    target_class: Option<Name>,
    version: i64,
    anchor: Option<String>,
    generation: u32,
    name: String,
    source: SourceNote,
}

#[derive(Default)]
struct Difference {
    edges: Vec<EdgeChange>,
    add: BTreeMap<Name, Vec<TargetId>>,
    remove: BTreeMap<Name, Vec<TargetId>>,
    has_more: bool,
    waiting: usize,
    /// Removals the guard counts, by edge and target attribute.
    lost: Vec<(EdgeChange, Name, TargetId)>,
    /// How many of them it lets through.
    lets_through: usize,
}

/// One link of a step of planning, before it is stored.
struct LinkStep {
    holder: Holder,
    difference: Difference,
    stamp: i64,
    since: i64,
}

/// References that go along with the creation of their object, because their other end is in the target already. In an
/// initial cycle that spares most objects a second operation.
pub(crate) struct Travellers<'a> {
    engine: &'a Engine,
    job: &'a JobRow,
    mapped: &'a [MappedReference],
    crossing: Crossing,
    /// References that were taken along.
    taken: usize,
}

impl<'a> Travellers<'a> {
    pub(crate) fn new(
        tx: &Transaction<'_>,
        engine: &'a Engine,
        job: &'a JobRow,
        mapped: &'a [MappedReference],
    ) -> Result<Self> {
        Ok(Self {
            engine,
            job,
            mapped,
            crossing: Crossing::of(tx, job.id)?,
            taken: 0,
        })
    }

    /// Whether the next plan belongs into another transaction.
    pub(crate) fn is_full(&self) -> bool {
        self.taken >= MOST_TRAVELLING
    }

    /// Adds what is known to a pending creation. What is left over becomes due when the object is in the target.
    pub(crate) fn join(
        &mut self,
        tx: &Transaction<'_>,
        item: &DueItem,
        pending: &mut PendingExport,
    ) -> Result<()> {
        let targets = targets_of(self.engine, self.mapped, item.source.class.as_ref());
        if targets.is_empty() {
            return Ok(());
        }
        let bit = 2_i64 << self.job.slot;
        let mut add: BTreeMap<Name, Vec<TargetId>> = BTreeMap::new();
        let mut statement = tx.prepare_cached(
            "SELECT attribute, dst FROM edge WHERE src = ?1 AND flags & 1 = 1 AND flags & ?2 = 0",
        )?;
        let mut ends = Ends::new(tx, self.engine.linked(), &self.crossing)?;
        let mut rows = statement.query([item.source.id.0, bit])?;
        while let Some(row) = rows.next()? {
            if pending.edges.len() >= MOST_IN_ONE {
                break;
            }
            let (attribute, dst): (i64, i64) = (row.get(0)?, row.get(1)?);
            let Some(reference) = targets.get(&attribute) else {
                continue;
            };
            let Some(End {
                situation: Situation::Linked,
                target,
                ..
            }) = ends.of(dst)?
            else {
                continue;
            };
            let held = add.entry(reference.target.clone()).or_default();
            if !reference.is_multivalued && !held.is_empty() {
                continue;
            }
            held.push(TargetId(target));
            pending.edges.push(EdgeChange {
                attribute,
                dst,
                add: true,
            });
        }
        self.taken += pending.edges.len();
        pending.references = add
            .into_iter()
            .map(|(attribute, add)| ReferenceChange {
                attribute,
                add,
                remove: Vec::new(),
            })
            .collect();
        Ok(())
    }
}

/// The mapped references of a source class, by the number of the source attribute.
fn targets_of<'m>(
    engine: &Engine,
    mapped: &'m [MappedReference],
    class: Option<&Name>,
) -> BTreeMap<i64, &'m MappedReference> {
    mapped
        .iter()
        .filter(|reference| class.is_some_and(|c| c.eq_ignore_ascii_case(&reference.class)))
        .filter_map(|reference| Some((engine.name_id(&reference.source)?, reference)))
        .collect()
}

impl Engine {
    /// Plans references of at most `limit` links that are in the target and have nothing else pending.
    ///
    /// # Errors
    /// Of the store.
    // LONG: one transaction, link by link.
    pub fn plan_references(
        &self,
        job: &JobRow,
        mapped: &[MappedReference],
        limit: usize,
    ) -> Result<ReferenceWork> {
        let (first, last) = crate::link_range(job.id);
        let now = self.now();
        let due: Vec<(i64, bool, i64, i64)> = self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT d.id, d.whole, d.stamp, d.since FROM due_reference d LEFT JOIN link l ON l.id = d.id
                 WHERE d.id BETWEEN ?1 AND ?2 AND coalesce(l.pending_state, 0) = 0 AND coalesce(l.stale, 0) < 2
                 ORDER BY d.id LIMIT ?3",
            )?;
            let rows = statement.query_map(params![first, last, limit], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)? != 0, row.get(2)?, row.get(3)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })?;
        if due.is_empty() {
            return Ok(ReferenceWork::default());
        }
        let (work, fresh) = self.write("engine.plan_references", |tx| {
            let mut fresh = Vec::new();
            let mut work = ReferenceWork::default();
            if !crate::config::is_current(tx, job)? {
                return Ok((work, fresh));
            }
            let crossing = Crossing::of(tx, job.id)?;
            let has_holds = hold::has_references(tx)?;
            let mut steps = Vec::new();
            let mut planned = 0;
            for (id, whole, stamp, since) in due {
                if planned >= MOST_AT_ONCE {
                    break;
                }
                work.links += 1;
                let link = LinkId(id);
                let Some(holder) = self.holder(tx, link)? else {
                    // Not in the target: when it gets there, all its references become due again.
                    forget(tx, link, stamp)?;
                    continue;
                };
                let held = match has_holds {
                    true => hold::references_of(tx, link)?,
                    false => HeldReferences::new(),
                };
                let jobs = (job, &crossing);
                let difference = self.difference(tx, jobs, &holder, mapped, whole, &held)?;
                work.waiting += difference.waiting;
                planned += difference.edges.len() + difference.lost.len() + difference.waiting;
                steps.push(LinkStep {
                    holder,
                    difference,
                    stamp,
                    since,
                });
            }
            work.held = self.judge_members(tx, job, &mut steps, now)?;
            for LinkStep {
                holder,
                difference,
                stamp,
                since,
            } in steps
            {
                // What is left stays due; it is planned when this operation has been carried out.
                if !difference.has_more {
                    forget(tx, holder.link, stamp)?;
                }
                if !difference.edges.is_empty() {
                    fresh.push(store(self, tx, job, holder, difference, (since, now))?);
                    work.operations += 1;
                }
            }
            Ok((work, fresh))
        })?;
        self.fresh_plans().keep(fresh);
        Ok(work)
    }

    /// Whether references of this job wait to be planned.
    ///
    /// # Errors
    /// Of the store.
    pub fn has_due_references(&self, job: JobId) -> Result<bool> {
        let (first, last) = crate::link_range(job);
        self.read(|c| {
            Ok(
                c.prepare_cached("SELECT 1 FROM due_reference WHERE id BETWEEN ?1 AND ?2 LIMIT 1")?
                    .exists([first, last])?,
            )
        })
    }

    /// Asks the guard about members that are to be removed, all of the step together and group by group. What it holds is
    /// taken out of the step; the rest goes on. Returns how many references are held.
    fn judge_members(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        steps: &mut [LinkStep],
        now: i64,
    ) -> Result<usize> {
        let losing = || steps.iter().filter(|step| !step.difference.lost.is_empty());
        let more = Waiting {
            objects: losing().count() as u64,
            going: 0,
            memberships: losing().map(|step| step.difference.lost.len() as u64).sum(),
        };
        if more.objects == 0 {
            return Ok(0);
        }
        let verdict = ledger::verdict(tx, job, (Loss::Members, more), now)?;
        let limits = job.settings.limits();
        let mut causes = Causes::default();
        let (mut held, mut reason, mut records) = (0, None, Vec::new());
        for step in steps
            .iter_mut()
            .filter(|step| !step.difference.lost.is_empty())
        {
            let count = step.difference.lost.len();
            let group = ledger::group_loss(tx, job, step.holder.link, count as u64, now)?;
            let refused = verdict.clone().and_then(|()| limits.check_group(&group));
            match refused {
                Ok(()) => step.difference.lose(),
                Err(why) => {
                    let name = name_of(self, tx, &step.holder)?;
                    causes.take_losses("MembersRemoved", &name, 1);
                    held += count;
                    records.push(self.hold_members(tx, job, step, &why, now)?);
                    reason.get_or_insert(why);
                }
            }
        }
        if let Some(why) = reason {
            losses::raise(tx, job.id, &causes.add_to(job, why), now)?;
        }
        self.append_log(tx, records, now)?;
        Ok(held)
    }

    fn hold_members(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        step: &mut LinkStep,
        why: &sync_core::operation::Refusal,
        now: i64,
    ) -> Result<Record> {
        let link = step.holder.link;
        let mut removals = Removals::new();
        for (edge, attribute, target) in std::mem::take(&mut step.difference.lost) {
            let held = HeldReference {
                keep: true,
                state: sync_core::hold::HoldState::Held,
            };
            hold::put_reference(tx, (link, edge.attribute, edge.dst), held, None, now)?;
            removals.entry(attribute).or_default().push(target);
        }
        let notes = losses::notes(&removals);
        let name = name_of(self, tx, &step.holder)?;
        let held = losses::HeldMembers {
            link,
            name: &name,
            notes,
        };
        losses::members_record(self, tx, job, held, why, (step.since, now))
    }

    fn holder(&self, tx: &Transaction<'_>, link: LinkId) -> Result<Option<Holder>> {
        // Two statements, not a join: SQLite prepares a join anew for every new value bound to it.
        let found = tx
            .prepare_cached(
                "SELECT situation, target, class, version, anchor, generation FROM link WHERE id = ?1",
            )?
            .query_row([link.0], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            })
            .optional()?;
        let Some((situation, target, target_class, version, anchor, generation)) = found else {
            return Ok(None);
        };
        if situation_of(situation) != Situation::Linked {
            return Ok(None);
        }
        let object = tx
            .prepare_cached("SELECT class, rdn, anchor FROM object WHERE id = ?1")?
            .query_row([crate::object_of(link).0], |row| {
                Ok((
                    row.get::<_, Option<i64>>(0)?,
                    row.get::<_, Option<String>>(1)?,
                    row.get::<_, Vec<u8>>(2)?,
                ))
            })
            .optional()?;
        Ok(object.map(|(class, rdn, source)| Holder {
            link,
            target,
            target_class: class_name(self, target_class),
            version,
            anchor,
            generation,
            name: rdn.unwrap_or_default(),
            source: SourceNote {
                class: class_name(self, class),
                anchor: Anchor::new(source),
            },
        }))
    }

    // LONG: what the source says against what the target holds, by one walk of the edges.
    fn difference(
        &self,
        tx: &Transaction<'_>,
        (job, crossing): (&JobRow, &Crossing),
        holder: &Holder,
        mapped: &[MappedReference],
        whole: bool,
        held: &HeldReferences,
    ) -> Result<Difference> {
        let src = crate::object_of(holder.link).0;
        let bit = 2_i64 << job.slot;
        let mut difference = Difference::default();
        let targets = targets_of(self, mapped, holder.source.class.as_ref());
        // Edges named one by one are looked at even where source and target agree: their other end may be gone.
        const NAMED: &str = "SELECT e.attribute, e.dst, e.flags FROM due_edge d JOIN edge e ON e.src = ?1 AND e.attribute = d.attribute AND e.dst = d.dst
             WHERE d.id = ?3";
        let sql = match whole {
            true => format!(
                "SELECT attribute, dst, flags FROM edge WHERE src = ?1 AND (flags & 1) <> ((flags & ?2) <> 0)
                 UNION ALL {NAMED} AND (e.flags & 1) = ((e.flags & ?2) <> 0)"
            ),
            false => format!("{NAMED} AND ?2 = ?2"),
        };
        let mut statement = tx.prepare_cached(&sql)?;
        let mut ends = Ends::new(tx, self.linked(), crossing)?;
        let mut rows = statement.query([src, bit, holder.link.0])?;
        while let Some(row) = rows.next()? {
            let (attribute, dst, flags): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Some(reference) = targets.get(&attribute) else {
                continue;
            };
            let hold = held.get(&(attribute, dst)).copied();
            if hold.is_some_and(HeldReference::blocks) {
                continue;
            }
            if difference.edges.len() + difference.lost.len() >= MOST_IN_ONE {
                difference.has_more = true;
                break;
            }
            let (is_wanted, is_held) = (flags & 1 == 1, flags & bit != 0);
            if !is_wanted && !is_held {
                continue;
            }
            let end = ends.of(dst)?;
            match step(tx, is_wanted, is_held, end)? {
                Step::Nothing => {}
                Step::Add(target) => difference.add(reference, (attribute, dst), target),
                Step::Remove { target, is_there } => {
                    let edge = EdgeChange {
                        attribute,
                        dst,
                        add: false,
                    };
                    let (name, target) = (reference.target.clone(), TargetId(target));
                    // What was allowed is no loss.
                    match is_there && hold.is_none() {
                        true => difference.lost.push((edge, name, target)),
                        false => difference.remove(edge, name, target),
                    }
                }
                Step::Wait => {
                    difference.waiting += 1;
                    tx.prepare_cached("INSERT OR IGNORE INTO waiting (job, dst, src, attribute) VALUES (?1, ?2, ?3, ?4)")?
                        .execute([job.id.0, dst, src, attribute])?;
                }
                Step::Forget => {
                    tx.prepare_cached(
                        "DELETE FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
                    )?
                    .execute([src, attribute, dst])?;
                }
            }
        }
        drop(rows);
        let edges = (holder.link, src, bit);
        let ended = replace(tx, &mut ends, edges, &targets, held, &mut difference)?;
        let mut held = held.clone();
        held.retain(|key, _| !ended.contains(key));
        keep_held(tx, &mut ends, (src, bit), &targets, &held, &mut difference)?;
        // Another manager is no loss.
        let replaces = |name: &Name| {
            let is_single = targets
                .values()
                .any(|reference| reference.target == *name && !reference.is_multivalued);
            is_single && difference.add.contains_key(name)
        };
        let (replaced, lost) = std::mem::take(&mut difference.lost)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, name, _)| replaces(name));
        difference.lost = lost;
        for (edge, name, target) in replaced {
            difference.remove(edge, name, target);
        }
        Ok(difference)
    }
}

/// What is to be done about one edge.
enum Step {
    Nothing,
    Add(Arc<str>),
    Remove {
        target: Arc<str>,
        /// Whether the target has the other end: who is deleted there is no loss any more.
        is_there: bool,
    },
    Wait,
    /// The target cannot hold it, and the source no longer has it.
    Forget,
}

/// Looks at other ends; prepared once for all of an object, of which a group has thousands.
struct Ends<'t> {
    tx: &'t Transaction<'t>,
    linked: &'t Linked,
    crossing: &'t Crossing,
    own: JobId,
    statement: CachedStatement<'t>,
}

impl<'t> Ends<'t> {
    fn new(tx: &'t Transaction<'t>, linked: &'t Linked, crossing: &'t Crossing) -> Result<Self> {
        Ok(Self {
            tx,
            linked,
            crossing,
            own: crossing.own(),
            statement: tx.prepare_cached("SELECT situation, target FROM link WHERE id = ?1")?,
        })
    }

    /// The job's own object, and only if that is not in the target one of another job.
    fn of(&mut self, dst: i64) -> Result<Option<End>> {
        let link = crate::link_id(self.own, sync_core::id::ObjectId(dst));
        if let Some(target) = self.linked.find(link) {
            return Ok(Some(End {
                situation: Situation::Linked,
                target,
                link,
            }));
        }
        let found: Option<(i64, Option<Arc<str>>)> = self
            .statement
            .query_row([link.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let own = found.and_then(|(situation, target)| {
            Some(End {
                situation: situation_of(situation),
                target: target?,
                link,
            })
        });
        match &own {
            Some(end) if end.situation == Situation::Linked => {
                self.linked.know(link, &end.target);
                Ok(own)
            }
            _ if self.crossing.is_alone() => Ok(own),
            _ => self.crossing.end_of(self.tx, dst),
        }
    }
}

fn step(tx: &Transaction<'_>, is_wanted: bool, is_held: bool, end: Option<End>) -> Result<Step> {
    let is_gone = |end: &End| is_deleted_in_source(tx, crate::object_of(end.link).0);
    Ok(match (is_wanted, is_held, end) {
        (true, false, Some(end)) if end.situation == Situation::Linked => Step::Add(end.target),
        (true, false, _) => Step::Wait,
        // The source of the other end had it deleted, and that was carried out; this source may never say so.
        (true, true, Some(end)) if end.situation == Situation::Deleted && is_gone(&end)? => {
            Step::Remove {
                target: end.target,
                is_there: false,
            }
        }
        (true, true, _) => Step::Nothing,
        // Taken back when the deletion of the other end is carried out: it may yet be refused.
        (false, _, Some(end)) if end.situation == Situation::Linked && is_gone(&end)? => {
            Step::Nothing
        }
        (false, _, Some(end)) => Step::Remove {
            is_there: end.situation == Situation::Linked,
            target: end.target,
        },
        (false, _, None) => Step::Forget,
    })
}

impl Difference {
    fn add(&mut self, reference: &MappedReference, (attribute, dst): (i64, i64), target: Arc<str>) {
        let name = reference.target.clone();
        self.add.entry(name).or_default().push(TargetId(target));
        self.edges.push(EdgeChange {
            attribute,
            dst,
            add: true,
        });
    }

    fn remove(&mut self, edge: EdgeChange, attribute: Name, target: TargetId) {
        self.remove.entry(attribute).or_default().push(target);
        self.edges.push(edge);
    }

    /// What is lost is lost: the guard lets it through.
    fn lose(&mut self) {
        self.lets_through = self.lost.len();
        for (edge, attribute, target) in std::mem::take(&mut self.lost) {
            self.remove(edge, attribute, target);
        }
    }
}

/// Where the source gives a single reference another end, the one before leaves the target with it, also one whose removal waits
/// for its own deletion, or is held: what is kept is kept instead of nothing, and not instead of somebody else. Returns the
/// holds that end with it.
fn replace(
    tx: &Transaction<'_>,
    ends: &mut Ends<'_>,
    (link, src, bit): (LinkId, i64, i64),
    targets: &BTreeMap<i64, &MappedReference>,
    held: &HeldReferences,
    difference: &mut Difference,
) -> Result<BTreeSet<(i64, i64)>> {
    let mut ended = BTreeSet::new();
    let is_given = |reference: &MappedReference| {
        !reference.is_multivalued && difference.add.contains_key(&reference.target)
    };
    let given: Vec<(i64, Name)> = targets
        .iter()
        .filter(|(_, reference)| is_given(reference))
        .map(|(attribute, reference)| (*attribute, reference.target.clone()))
        .collect();
    for (attribute, name) in given {
        let mut statement = tx.prepare_cached(
            "SELECT dst FROM edge WHERE src = ?1 AND attribute = ?2 AND flags & ?3 <> 0 AND flags & 1 = 0",
        )?;
        let before = statement.query_map([src, attribute, bit], |row| row.get(0))?;
        for dst in before.collect::<rusqlite::Result<Vec<i64>>>()? {
            let is_same = |edge: &EdgeChange| edge.attribute == attribute && edge.dst == dst;
            let is_leaving = difference.edges.iter().any(is_same)
                || difference.lost.iter().any(|(edge, ..)| is_same(edge));
            if let (false, Some(end)) = (is_leaving, ends.of(dst)?) {
                let edge = EdgeChange {
                    attribute,
                    dst,
                    add: false,
                };
                difference.remove(edge, name.clone(), TargetId(end.target));
            }
        }
        let is_over = |hold: &HeldReference| hold.keep && hold.blocks();
        for ((of, dst), _) in held.iter().filter(|(_, hold)| is_over(hold)) {
            if *of == attribute {
                tx.prepare_cached(
                    "DELETE FROM hold_reference WHERE id = ?1 AND attribute = ?2 AND dst = ?3",
                )?
                .execute([link.0, attribute, *dst])?;
                ended.insert((attribute, *dst));
            }
        }
    }
    Ok(ended)
}

/// References that are kept, or kept away, although the source says otherwise: where the target does not show that, it is
/// brought about.
fn keep_held(
    tx: &Transaction<'_>,
    ends: &mut Ends<'_>,
    (src, bit): (i64, i64),
    targets: &BTreeMap<i64, &MappedReference>,
    held: &HeldReferences,
    difference: &mut Difference,
) -> Result<()> {
    for ((attribute, dst), hold) in held {
        let Some(reference) = targets.get(attribute) else {
            continue;
        };
        if !hold.blocks() {
            continue;
        }
        if difference.edges.len() + difference.lost.len() >= MOST_IN_ONE {
            difference.has_more = true;
            break;
        }
        let flags: Option<i64> = tx
            .prepare_cached(
                "SELECT flags FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
            )?
            .query_row([src, *attribute, *dst], |row| row.get(0))
            .optional()?;
        let is_there = flags.unwrap_or(0) & bit != 0;
        if is_there == hold.keep {
            continue;
        }
        let key = (*attribute, *dst);
        match (hold.keep, ends.of(*dst)?) {
            (
                true,
                Some(End {
                    situation: Situation::Linked,
                    target,
                    ..
                }),
            ) => difference.add(reference, key, target),
            (false, Some(End { target, .. })) => {
                let edge = EdgeChange {
                    attribute: *attribute,
                    dst: *dst,
                    add: false,
                };
                difference.remove(edge, reference.target.clone(), TargetId(target));
            }
            // When it gets into the target, the reference becomes due.
            _ => {}
        }
    }
    Ok(())
}

/// Takes the due row back, unless something was added to it meanwhile.
fn forget(tx: &Transaction<'_>, link: LinkId, stamp: i64) -> Result<()> {
    let gone = tx
        .prepare_cached("DELETE FROM due_reference WHERE id = ?1 AND stamp = ?2")?
        .execute([link.0, stamp])?;
    if gone > 0 {
        tx.prepare_cached("DELETE FROM due_edge WHERE id = ?1")?
            .execute([link.0])?;
    }
    Ok(())
}

// LONG: one transaction over the statements it prepares.
fn store(
    engine: &Engine,
    tx: &Transaction<'_>,
    job: &JobRow,
    holder: Holder,
    mut difference: Difference,
    (since, now): (i64, i64),
) -> Result<Fresh> {
    let names: Vec<Name> = difference
        .add
        .keys()
        .chain(difference.remove.keys())
        .cloned()
        .collect();
    let mut references: Vec<ReferenceChange> = Vec::new();
    for attribute in names {
        if references
            .iter()
            .any(|change| change.attribute == attribute)
        {
            continue;
        }
        references.push(ReferenceChange {
            add: difference.add.remove(&attribute).unwrap_or_default(),
            remove: difference.remove.remove(&attribute).unwrap_or_default(),
            attribute,
        });
    }
    let name = name_of(engine, tx, &holder)?;
    let loss = i64::try_from(difference.lets_through).unwrap_or(i64::MAX);
    let pending = PendingExport {
        verb: Verb::Update,
        class: holder
            .target_class
            .clone()
            .unwrap_or_else(|| "Group".into()),
        target: holder.target.clone(),
        source_anchor: holder.anchor.clone().unwrap_or_default(),
        precondition: Precondition::Version(holder.version.cast_unsigned()),
        attributes: Attributes::new(),
        before: Attributes::new(),
        references,
        edges: difference.edges,
        name,
        job: job.id.0,
        since,
        planned_at: now,
        reasons: crate::reason::CHANGED,
        is_adoption: false,
        why: None,
    };
    let blob = pack(&pending)?;
    let generation = holder.generation + 1;
    tx.prepare_cached(
        "UPDATE link SET pending = ?2, pending_state = ?3, generation = ?4, loss = ?5, allowed_at = NULL WHERE id = ?1",
    )?
    .execute(params![
        holder.link.0,
        blob,
        PendingState::Ready.number(),
        generation,
        loss
    ])?;
    Ok(Fresh {
        link: holder.link,
        generation,
        pending,
        source: holder.source,
        bytes: blob.len(),
    })
}

/// What the target calls the holder.
fn name_of(engine: &Engine, tx: &Transaction<'_>, holder: &Holder) -> Result<String> {
    let name = tx
        .prepare_cached("SELECT exported FROM link WHERE id = ?1")?
        .query_row([holder.link.0], |row| row.get::<_, Option<Vec<u8>>>(0))
        .optional()?
        .flatten()
        .and_then(|blob| engine.codec().attributes(&blob).ok())
        .and_then(|attributes| attributes.text("displayName").map(str::to_owned));
    Ok(name.unwrap_or_else(|| holder.name.clone()))
}
