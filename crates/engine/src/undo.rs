//! Undoing what was carried out: which objects, and back to what.
//!
//! A plan is put together from the provisioning log, newest record first, and from the images of deleted objects; nothing is
//! evaluated and nothing is written. Carrying it out stores holds and makes objects due, in one transaction: the ordinary
//! planning does the rest, through pending exports like everything else. Trap: what was changed again after the undone
//! change is left alone, because taking it back would take back the later change, too.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    code::Code,
    hold::{HeldObject, HeldValue, HoldState, Image},
    id::{LinkId, ObjectId, TargetId},
    operation::Refusal,
    plan::{Situation, same_values},
    value::{Attributes, Name, Value},
};

use crate::{
    Action, JobRow, LogQuery, MappedReference, Record, Status,
    crossing::Crossing,
    due::situation_of,
    group::Transaction,
    hold::{self, HeldReference},
    image::{self, Kept},
    observe::{attributes_of, class_name, make_due, make_references_due},
    reason,
    store::{Engine, Result, StoreError},
};

// LIMIT: objects of one undo; more are undone in parts.
const MOST_OBJECTS: usize = 200_000;
// LIMIT: references of one undo.
const MOST_REFERENCES: usize = 2_000_000;
// LIMIT: records of the log read at once.
const SLICE: usize = 20_000;

/// What is to be undone.
#[derive(Clone, Debug, Default)]
pub struct UndoQuery {
    /// Only what this cycle did.
    pub cycle: Option<uuid::Uuid>,
    /// Only what was done at or after this time, unix ms.
    pub since: Option<i64>,
    /// Only what was done to this object, and references to it that were lost with it.
    pub link: Option<LinkId>,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UndoAct {
    /// It was deleted and is brought back.
    BringBack,
    /// It was made and is deleted.
    TakeAway,
    /// Attributes or references are set back.
    SetBack,
}

/// An attribute that is set back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoValue {
    /// Target attribute.
    pub name: Name,
    /// What the target holds.
    pub now: Vec<Value>,
    /// What it gets back.
    pub back: Vec<Value>,
}

/// A reference that is set back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UndoReference {
    /// Number of the source attribute.
    pub attribute: i64,
    /// The object referred to.
    pub dst: i64,
    /// Whether it is added again; otherwise it is taken away again.
    pub keep: bool,
}

/// What an undo does to one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoItem {
    /// The link.
    pub link: LinkId,
    /// What.
    pub act: UndoAct,
    /// Name for people.
    pub name: String,
    /// Source class.
    pub class: String,
    /// Target object.
    pub target: Option<String>,
    /// Attributes.
    pub values: Vec<UndoValue>,
    /// References.
    pub references: Vec<UndoReference>,
    /// The object as it is brought back, or as it is taken away.
    image: Option<HeldObject>,
}

/// Something an undo leaves alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoLeft {
    /// The link.
    pub link: LinkId,
    /// Name for people.
    pub name: String,
    /// Which attribute; empty: the object.
    pub what: String,
    /// Why: `changedSince`, `imageForgotten`, `notMapped`.
    pub why: &'static str,
}

/// What an undo would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoPlan {
    /// By link.
    pub items: Vec<UndoItem>,
    /// What is left alone.
    pub left: Vec<UndoLeft>,
    /// Records of the log it is about.
    pub records: u64,
    /// Time of the oldest record that is kept, unix ms: an undo reaches back no further.
    pub kept_since: Option<i64>,
}

/// An undo that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoRow {
    /// Number.
    pub id: i64,
    /// When, unix ms.
    pub at: i64,
    /// Objects.
    pub objects: usize,
}

/// What the records say of one object, gathered newest first.
#[derive(Default)]
struct Gathered {
    name: String,
    /// Newest and oldest value of each attribute.
    values: BTreeMap<Name, (Vec<Value>, Vec<Value>)>,
    /// By target attribute and target object: whether it was there afterwards, and before.
    references: BTreeMap<(Name, String), (bool, bool)>,
    /// Whether the object was there before; `None`: it was neither made nor deleted.
    existed: Option<bool>,
    /// When it was deleted, as far as the oldest deletion is concerned.
    deleted_at: Option<i64>,
}

impl Gathered {
    fn take(&mut self, record: Record) {
        if self.name.is_empty() {
            self.name = record.name;
        }
        match record.action {
            Action::Create | Action::Restore => {
                self.existed = Some(false);
                self.deleted_at = None;
            }
            Action::Delete => {
                // What is older is laid over the image of this deletion; what is newer was another life.
                self.existed = Some(true);
                self.deleted_at = Some(record.at);
                self.values.clear();
            }
            Action::Update | Action::Disable | Action::StagedDelete | Action::Skip => {}
        }
        for (name, before, after) in record.changes {
            let slot = self.values.entry(name);
            slot.or_insert_with(|| (after.to_vec(), Vec::new())).1 = before.to_vec();
        }
        for note in record.references {
            let of = |ids: Vec<TargetId>, now: bool| {
                let attribute = note.attribute.clone();
                ids.into_iter()
                    .map(move |id| ((attribute.clone(), id.to_string()), (now, !now)))
            };
            for (key, (after, before)) in of(note.added, true).chain(of(note.removed, false)) {
                self.references.entry(key).or_insert((after, before)).1 = before;
            }
        }
    }
}

/// A link as it stands.
struct Stands {
    situation: Situation,
    class: Option<Name>,
    target: Option<String>,
    exported: Attributes,
}

fn too_many(what: &str, limit: usize) -> StoreError {
    StoreError::Refused(
        Refusal::new(Code::RequestInvalid)
            .with("text", format!("an undo is of at most {limit} {what}; undo one cycle, one object or a shorter time"))
            .with("limit", limit.to_string()),
    )
}

impl Engine {
    /// What an undo of these would do. Nothing is written.
    ///
    /// # Errors
    /// `RequestInvalid` if it is about too much at once.
    pub fn plan_undo(
        &self,
        job: &JobRow,
        query: &UndoQuery,
        mapped: &[MappedReference],
    ) -> Result<UndoPlan> {
        let (gathered, records) = self.gather(job, query)?;
        let mut plan = UndoPlan {
            records,
            kept_since: self.log_begin()?,
            ..UndoPlan::default()
        };
        self.read(|c| {
            let composer = Composer {
                engine: self,
                c,
                job,
                mapped,
            };
            let mut others: BTreeMap<LinkId, Vec<UndoReference>> = BTreeMap::new();
            for (link, gathered) in gathered {
                composer.object(link, gathered, &mut plan, &mut others)?;
            }
            composer.others(others, &mut plan)
        })?;
        plan.items.sort_by_key(|item| item.link);
        let references: usize = plan.items.iter().map(|item| item.references.len()).sum();
        match references > MOST_REFERENCES {
            true => Err(too_many("references", MOST_REFERENCES)),
            false => Ok(plan),
        }
    }

    fn gather(&self, job: &JobRow, query: &UndoQuery) -> Result<(BTreeMap<LinkId, Gathered>, u64)> {
        let mut all: BTreeMap<LinkId, Gathered> = BTreeMap::new();
        let mut asked = LogQuery {
            link: query.link,
            job: Some(job.id.0),
            cycle: query.cycle,
            since: query.since,
            limit: SLICE,
            ..LogQuery::default()
        };
        let mut records = 0;
        loop {
            let page = self.log(&asked)?;
            asked.before = page.records.last().map(|record| record.sequence);
            for record in page.records {
                let is_done = matches!(record.status, Status::Success | Status::Warning);
                if !is_done {
                    continue;
                }
                records += 1;
                all.entry(LinkId(record.link)).or_default().take(record);
                if all.len() > MOST_OBJECTS {
                    return Err(too_many("objects", MOST_OBJECTS));
                }
            }
            if !page.has_more {
                return Ok((all, records));
            }
        }
    }

    /// Carries out what was planned: everything that has to stay undone is held, and all of it becomes due.
    ///
    /// # Errors
    /// Of the store; then nothing is undone.
    pub fn undo(&self, job: &JobRow, plan: &UndoPlan, actor: &str, what: &str) -> Result<UndoRow> {
        let now = self.now();
        self.write("engine.undo", |tx| {
            tx.execute(
                "INSERT INTO undo (at, actor, what, objects) VALUES (?1, ?2, ?3, ?4)",
                params![now, actor, what, plan.items.len()],
            )?;
            let id = tx.last_insert_rowid();
            for item in &plan.items {
                put(tx, item, id, now)?;
            }
            tx.execute(
                "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, 'undo', ?3)",
                params![
                    now,
                    actor,
                    format!("job {}: {what}: {} objects", job.name, plan.items.len())
                ],
            )?;
            Ok(UndoRow {
                id,
                at: now,
                objects: plan.items.len(),
            })
        })
    }

    /// Time of the oldest record of the log that is kept, unix ms.
    ///
    /// # Errors
    /// Of the store.
    pub fn log_begin(&self) -> Result<Option<i64>> {
        self.read(|c| {
            Ok(
                c.prepare_cached("SELECT first_at FROM segment ORDER BY id LIMIT 1")?
                    .query_row([], |row| row.get(0))
                    .optional()?,
            )
        })
    }
}

/// Puts the holds of one object in place.
fn put(tx: &Transaction<'_>, item: &UndoItem, undo: i64, now: i64) -> Result<()> {
    if let Some(image) = &item.image {
        hold::put_object(tx, item.link, image, undo, now)?;
        tx.prepare_cached("DELETE FROM hold_attribute WHERE id = ?1")?
            .execute([item.link.0])?;
    }
    for value in item.values.iter().filter(|_| item.act == UndoAct::SetBack) {
        let held = HeldValue {
            name: value.name.clone(),
            wanted: value.now.clone(),
            keep: value.back.clone(),
            state: HoldState::Undone,
        };
        hold::put_attribute(tx, item.link, &held, Some(undo), now)?;
    }
    for reference in &item.references {
        let held = HeldReference {
            keep: reference.keep,
            state: HoldState::Undone,
        };
        let key = (item.link, reference.attribute, reference.dst);
        hold::put_reference(tx, key, held, Some(undo), now)?;
    }
    if !item.references.is_empty() {
        make_references_due(tx, item.link.0, true, now)?;
    }
    if item.image.is_some() || !item.values.is_empty() {
        make_due(tx, item.link.0, reason::UNDO, now)?;
    }
    Ok(())
}

/// Turns what was gathered into what is done.
struct Composer<'a> {
    engine: &'a Engine,
    c: &'a Connection,
    job: &'a JobRow,
    mapped: &'a [MappedReference],
}

impl Composer<'_> {
    fn stands(&self, link: LinkId) -> Result<Option<Stands>> {
        let found = self
            .c
            .prepare_cached(
                "SELECT l.situation, o.class, l.target, l.exported FROM link l JOIN object o ON o.id = l.id & 1099511627775 WHERE l.id = ?1",
            )?
            .query_row([link.0], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, Option<i64>>(1)?,
                    row.get::<_, Option<String>>(2)?,
                    row.get::<_, Option<Vec<u8>>>(3)?,
                ))
            })
            .optional()?;
        let Some((situation, class, target, exported)) = found else {
            return Ok(None);
        };
        Ok(Some(Stands {
            situation: situation_of(situation),
            class: class_name(self.engine, class),
            target,
            exported: attributes_of(self.engine, exported)?,
        }))
    }

    fn object(
        &self,
        link: LinkId,
        gathered: Gathered,
        plan: &mut UndoPlan,
        others: &mut BTreeMap<LinkId, Vec<UndoReference>>,
    ) -> Result<()> {
        let Some(stands) = self.stands(link)? else {
            return Ok(());
        };
        let is_there = stands.situation == Situation::Linked;
        let mut item = UndoItem {
            link,
            act: UndoAct::SetBack,
            name: gathered.name.clone(),
            class: stands.class.as_deref().unwrap_or_default().to_owned(),
            target: stands.target.clone(),
            values: Vec::new(),
            references: Vec::new(),
            image: None,
        };
        match (gathered.existed, is_there) {
            (Some(true), false) => {
                let kept = match gathered.deleted_at {
                    Some(at) => image::of(self.engine, self.c, link, at)?,
                    None => None,
                };
                let Some(kept) = kept else {
                    plan.left.push(left(&item, "", "imageForgotten"));
                    return Ok(());
                };
                self.bring_back(&mut item, kept, &gathered, others)?;
            }
            (Some(false), true) => {
                item.act = UndoAct::TakeAway;
                item.image = Some(HeldObject::Absent(stands.exported.clone()));
                plan.items.push(item);
                return Ok(());
            }
            // It came and went, or is as it was.
            (Some(false), false) => return Ok(()),
            (None, false) => {
                plan.left.push(left(&item, "", "changedSince"));
                return Ok(());
            }
            (_, true) => self.set_back(&mut item, &stands, &gathered, plan),
        }
        self.references(&mut item, &stands, gathered, plan)?;
        if item.act != UndoAct::SetBack || !item.values.is_empty() || !item.references.is_empty() {
            plan.items.push(item);
        }
        Ok(())
    }

    fn set_back(
        &self,
        item: &mut UndoItem,
        stands: &Stands,
        gathered: &Gathered,
        plan: &mut UndoPlan,
    ) {
        for (name, (after, before)) in &gathered.values {
            let now = stands.exported.values(name).unwrap_or_default();
            if same_values(now, before) {
                continue;
            }
            // After a deletion in between there is no telling, and the older value counts.
            if gathered.existed.is_none() && !same_values(now, after) {
                plan.left.push(left(item, name, "changedSince"));
                continue;
            }
            item.values.push(UndoValue {
                name: name.clone(),
                now: now.to_vec(),
                back: before.clone(),
            });
        }
    }

    fn bring_back(
        &self,
        item: &mut UndoItem,
        kept: Kept,
        gathered: &Gathered,
        others: &mut BTreeMap<LinkId, Vec<UndoReference>>,
    ) -> Result<()> {
        item.act = UndoAct::BringBack;
        let mut attributes = kept.image.attributes.clone();
        for (name, (_, before)) in &gathered.values {
            match before.is_empty() {
                true => drop(attributes.remove(name)),
                false => drop(attributes.set(name.clone(), before.clone())),
            }
        }
        item.values = attributes
            .iter()
            .map(|(name, back)| UndoValue {
                name: name.clone(),
                now: Vec::new(),
                back: back.to_vec(),
            })
            .collect();
        item.image = Some(HeldObject::Present(Box::new(Image {
            attributes,
            ..kept.image
        })));
        for (attribute, dst) in kept.out {
            self.reference(item.link, attribute, dst, true, &mut item.references)?;
        }
        for (src, attribute) in kept.into {
            let holder = crate::link_id(self.job.id, ObjectId(src));
            let dst = crate::object_of(item.link).0;
            let kept = others.entry(holder).or_default();
            self.reference(holder, attribute, dst, true, kept)?;
        }
        Ok(())
    }

    /// A reference that is to be there, or not to be, unless the source itself wants that.
    fn reference(
        &self,
        holder: LinkId,
        attribute: i64,
        dst: i64,
        keep: bool,
        to: &mut Vec<UndoReference>,
    ) -> Result<()> {
        let flags: Option<i64> = self
            .c
            .prepare_cached(
                "SELECT flags FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
            )?
            .query_row([crate::object_of(holder).0, attribute, dst], |row| {
                row.get(0)
            })
            .optional()?;
        if (flags.unwrap_or(0) & 1 == 1) != keep {
            to.push(UndoReference {
                attribute,
                dst,
                keep,
            });
        }
        Ok(())
    }

    fn references(
        &self,
        item: &mut UndoItem,
        stands: &Stands,
        gathered: Gathered,
        plan: &mut UndoPlan,
    ) -> Result<()> {
        let class = stands.class.as_deref().unwrap_or_default();
        let bit = 2_i64 << self.job.slot;
        for ((name, id), (after, before)) in gathered.references {
            let source = self.mapped.iter().find(|reference| {
                reference.target == name && reference.class.eq_ignore_ascii_case(class)
            });
            let attribute = source.and_then(|reference| self.engine.name_id(&reference.source));
            let (Some(attribute), Some(dst)) = (attribute, self.object_of_target(&id)?) else {
                plan.left.push(left(item, &name, "notMapped"));
                continue;
            };
            let flags: Option<i64> = self
                .c
                .prepare_cached(
                    "SELECT flags FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
                )?
                .query_row([crate::object_of(item.link).0, attribute, dst], |row| {
                    row.get(0)
                })
                .optional()?;
            let is_there = flags.unwrap_or(0) & bit != 0;
            if is_there == before {
                continue;
            }
            if is_there != after && item.act == UndoAct::SetBack {
                plan.left.push(left(item, &name, "changedSince"));
                continue;
            }
            self.reference(item.link, attribute, dst, before, &mut item.references)?;
        }
        Ok(())
    }

    /// The object that references of this job to a target object lead to: its own, or what stands for another job's.
    fn object_of_target(&self, id: &str) -> Result<Option<i64>> {
        match self.own_of_target(id)? {
            Some(own) => Ok(Some(own)),
            None => self.of_another_job(id),
        }
    }

    fn of_another_job(&self, id: &str) -> Result<Option<i64>> {
        let mut statement = self
            .c
            .prepare_cached("SELECT id FROM link WHERE target = ?1 ORDER BY situation <> 1, id")?;
        let rows = statement.query_map([id], |row| row.get(0).map(LinkId))?;
        for link in rows {
            let link = link?;
            let crossing = Crossing::of(self.c, crate::job_of(link))?;
            let found = crossing.referred_to_as(self.c, crate::object_of(link).0)?;
            let own = found
                .into_iter()
                .find(|(sibling, _)| sibling.job == self.job.id);
            if let Some((_, row)) = own {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    fn own_of_target(&self, id: &str) -> Result<Option<i64>> {
        let (first, last) = crate::link_range(self.job.id);
        let link: Option<i64> = self
            .c
            .prepare_cached(
                "SELECT id FROM link WHERE target = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY situation <> 1 LIMIT 1",
            )?
            .query_row(params![id, first, last], |row| row.get(0))
            .optional()?;
        Ok(link.map(|link| crate::object_of(LinkId(link)).0))
    }

    /// References of other objects to those that are brought back.
    fn others(
        &self,
        others: BTreeMap<LinkId, Vec<UndoReference>>,
        plan: &mut UndoPlan,
    ) -> Result<()> {
        let mut places: BTreeMap<LinkId, usize> = BTreeMap::new();
        for (place, item) in plan.items.iter().enumerate() {
            places.insert(item.link, place);
        }
        for (link, references) in others.into_iter().filter(|(_, all)| !all.is_empty()) {
            let place = match places.get(&link) {
                Some(place) => *place,
                None => {
                    let Some(stands) = self.stands(link)? else {
                        continue;
                    };
                    plan.items.push(UndoItem {
                        link,
                        act: UndoAct::SetBack,
                        name: stands
                            .exported
                            .text("displayName")
                            .unwrap_or_default()
                            .to_owned(),
                        class: stands.class.as_deref().unwrap_or_default().to_owned(),
                        target: stands.target,
                        values: Vec::new(),
                        references: Vec::new(),
                        image: None,
                    });
                    plan.items.len() - 1
                }
            };
            if let Some(item) = plan.items.get_mut(place) {
                item.references.extend(references);
                item.references.sort();
                item.references.dedup();
            }
        }
        Ok(())
    }
}

fn left(item: &UndoItem, what: &str, why: &'static str) -> UndoLeft {
    UndoLeft {
        link: item.link,
        name: item.name.clone(),
        what: what.to_owned(),
        why,
    }
}
