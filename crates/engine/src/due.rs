//! Due work: taking it for planning, and storing what was planned.
//!
//! A due row is removed in the transaction that stores its plan, and only if nothing was added to it meanwhile, so no
//! cause is ever forgotten. Trap: an object stores its parent and RDN only; its DN is put together here, from the
//! containers above it, each time it is planned.
// LONG: taking and storing are two ends of one transaction rule.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    aside::Aside,
    code::Code,
    grace::Leaver,
    hold::Holds,
    id::{Anchor, ConnectorId, JobId, LinkId, ObjectId, TargetId},
    operation::{Precondition, Refusal, Verb},
    plan::{Confirmed, Draft, LinkView, Situation},
    value::{Attributes, Name},
};

use crate::{
    ObjectState, aside,
    config::JobRow,
    crossing,
    export::{PendingExport, PendingState},
    fresh::{Fresh, SourceNote},
    group::Transaction,
    guard::{
        ledger::{OBJECT_LOSS, VALUE_LOSS},
        losses,
    },
    hold,
    log::{Action, Record, Status},
    observe::{
        DEEPEST, attributes_of, class_name, due_for_jobs, jobs_of, make_due, make_references_due,
        refusal_of, subtree_due,
    },
    reason,
    reference::{MappedReference, Travellers},
    store::{Engine, Result, StoreError, pack, unpack, unpack_option},
};

/// The source side of an object, as planned from.
#[derive(Clone, Debug)]
pub struct SourceObject {
    /// Row.
    pub id: ObjectId,
    /// Anchor.
    pub anchor: Anchor,
    /// State.
    pub state: ObjectState,
    /// Class.
    pub class: Option<Name>,
    /// Relative distinguished name.
    pub rdn: String,
    /// Distinguished name, put together from the containers above.
    pub dn: String,
    /// Anchors of the containers above, nearest first.
    pub ancestors: Vec<Anchor>,
    /// Attributes.
    pub attributes: Attributes,
}

/// One object to be planned.
#[derive(Clone, Debug)]
pub struct DueItem {
    /// The link.
    pub link: LinkId,
    /// Stamp of the due row.
    pub stamp: i64,
    /// Since when.
    pub since: i64,
    /// Why (bits of [`crate::reason`]).
    pub reasons: i64,
    /// The object.
    pub source: SourceObject,
    /// The link as remembered.
    pub view: LinkView,
    /// Why it was skipped or failed last.
    pub last: Option<Refusal>,
    /// Failed attempts so far.
    pub attempts: u32,
    /// What is pending already.
    pub pending: PendingState,
    /// Whether it is a member of a group of the scope; `None`: not known, or not asked ([`Engine::add_scope_links`]).
    pub is_group_member: Option<bool>,
    /// Numbers of links, where the scope asks for them.
    pub link_counts: Vec<(Name, u64)>,
    /// Whether the link is stored already.
    pub is_stored: bool,
    /// Values that are set aside; the planner drops those that are not wanted any more.
    pub asides: Vec<Aside>,
    /// How many of them are stored.
    pub(crate) asides_stored: usize,
    /// Plans of the link so far.
    pub(crate) generation: u32,
    /// What is held of it; planning drops what has ended.
    pub holds: Holds,
    /// How many of them are stored.
    pub(crate) holds_stored: usize,
    /// Since when it is to go and when it is deleted, within a grace period; planning keeps it up to date.
    pub leaver: Option<Leaver>,
    /// The same as stored.
    pub(crate) leaver_stored: Option<Leaver>,
    /// Why it is to go, if planning puts that off.
    pub why: Option<Refusal>,
}

/// What planning an object came to.
#[derive(Clone, Debug)]
pub enum PlannedOutcome {
    /// The target holds what is wanted (and here is what it holds, if it was read back).
    Same(Option<Box<Confirmed>>),
    /// Nothing to do, for this reason.
    Skip(Refusal),
    /// Cannot be planned: into escrow.
    Refuse(Refusal),
    /// An operation.
    Operate(Box<Draft>),
}

/// A planned object.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The item it was planned from.
    pub item: DueItem,
    /// The outcome.
    pub outcome: PlannedOutcome,
    /// A name for people.
    pub name: String,
    /// The link whose object of the target it takes.
    pub takes_from: Option<LinkId>,
}

pub(crate) fn situation_number(situation: Situation) -> i64 {
    match situation {
        Situation::Unlinked => 0,
        Situation::Linked => 1,
        Situation::Deleted => 2,
        Situation::Skipped => 3,
        Situation::Lost => 4,
    }
}

pub(crate) fn situation_of(number: i64) -> Situation {
    match number {
        1 => Situation::Linked,
        2 => Situation::Deleted,
        3 => Situation::Skipped,
        4 => Situation::Lost,
        _ => Situation::Unlinked,
    }
}

/// Rows of containers, read once per batch.
struct Places<'a> {
    connection: &'a Connection,
    known: HashMap<i64, (Option<i64>, String, Anchor)>,
}

impl Places<'_> {
    fn place(&mut self, id: i64) -> Result<(Option<i64>, String, Anchor)> {
        if let Some(place) = self.known.get(&id) {
            return Ok(place.clone());
        }
        let place = self
            .connection
            .prepare_cached("SELECT parent, rdn, anchor FROM object WHERE id = ?1")?
            .query_row([id], |row| {
                Ok((
                    row.get(0)?,
                    row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                    row.get::<_, Vec<u8>>(2)?,
                ))
            })
            .optional()?;
        let place = place.map_or(
            (None, String::new(), Anchor::new([])),
            |(p, r, a): (_, _, Vec<u8>)| (p, r, Anchor::new(a)),
        );
        self.known.insert(id, place.clone());
        Ok(place)
    }

    fn above(&mut self, parent: Option<i64>, rdn: &str) -> Result<(String, Vec<Anchor>)> {
        let mut dn = rdn.to_owned();
        let mut ancestors = Vec::new();
        let mut next = parent;
        while let Some(id) = next {
            let (parent, rdn, anchor) = self.place(id)?;
            ancestors.push(anchor);
            if !rdn.is_empty() {
                dn.push(',');
                dn.push_str(&rdn);
            }
            if ancestors.len() >= DEEPEST {
                break;
            }
            next = parent;
        }
        Ok((dn, ancestors))
    }
}

/// Distinguished names of the containers above an object, the outermost first.
pub(crate) fn place_of(connection: &Connection, object: ObjectId) -> Result<Vec<String>> {
    let mut places = Places {
        connection,
        known: HashMap::new(),
    };
    let (mut next, _, _) = places.place(object.0)?;
    let mut above: Vec<String> = Vec::new();
    while let Some(id) = next {
        let (parent, rdn, _) = places.place(id)?;
        if !rdn.is_empty() {
            above.push(places.above(parent, &rdn)?.0);
        }
        if above.len() >= DEEPEST {
            break;
        }
        next = parent;
    }
    above.reverse();
    Ok(above)
}

/// The distinguished name of an object.
pub(crate) fn name_of(connection: &Connection, object: ObjectId) -> Result<String> {
    let mut places = Places {
        connection,
        known: HashMap::new(),
    };
    let (parent, rdn, _) = places.place(object.0)?;
    Ok(places.above(parent, &rdn)?.0)
}

const ITEM: &str = "SELECT o.id, o.anchor, o.parent, o.class, o.state, o.rdn, o.attributes,
   l.situation, l.class, l.target, l.version, l.anchor, l.exported, l.stale, l.reason, l.attempts, l.pending_state,
   l.generation";

fn item(
    engine: &Engine,
    places: &mut Places<'_>,
    job: JobId,
    row: &rusqlite::Row<'_>,
    (stamp, since, reasons): (i64, i64, i64),
) -> Result<DueItem> {
    let object: i64 = row.get(0)?;
    let rdn = row.get::<_, Option<String>>(5)?.unwrap_or_default();
    let (dn, ancestors) = places.above(row.get(2)?, &rdn)?;
    let source = SourceObject {
        id: ObjectId(object),
        anchor: Anchor::new(row.get::<_, Vec<u8>>(1)?),
        state: ObjectState::from_number(row.get(4)?),
        class: class_name(engine, row.get(3)?),
        rdn,
        dn,
        ancestors,
        attributes: shown_or_stored(engine, object, row)?,
    };
    let situation: Option<i64> = row.get(7)?;
    let view = match situation {
        None => LinkView::unlinked(),
        Some(situation) => LinkView {
            situation: situation_of(situation),
            class: class_name(engine, row.get(8)?),
            target: row.get::<_, Option<String>>(9)?.map(TargetId::from),
            version: row.get::<_, i64>(10)?.cast_unsigned(),
            source_anchor: row.get(11)?,
            exported: attributes_of(engine, row.get(12)?)?,
            is_stale: row.get::<_, i64>(13)? != 0,
        },
    };
    Ok(DueItem {
        link: crate::link_id(job, ObjectId(object)),
        stamp,
        since,
        reasons,
        source,
        view,
        last: refusal_of(row.get(14)?)?,
        attempts: row.get::<_, Option<u32>>(15)?.unwrap_or(0),
        pending: PendingState::from_number(row.get::<_, Option<i64>>(16)?.unwrap_or(0)),
        is_group_member: None,
        link_counts: Vec::new(),
        is_stored: situation.is_some(),
        asides: Vec::new(),
        asides_stored: 0,
        generation: row.get::<_, Option<u32>>(17)?.unwrap_or(0),
        holds: Holds::default(),
        holds_stored: 0,
        leaver: None,
        leaver_stored: None,
        why: None,
    })
}

/// What a transaction that stores plans came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredPlans {
    /// Plans that were stored, from the first one on.
    pub plans: usize,
    /// Operations that are ready now.
    pub ready: usize,
}

/// The attributes of a row, which need not be unpacked if they were just packed.
fn shown_or_stored(engine: &Engine, object: i64, row: &rusqlite::Row<'_>) -> Result<Attributes> {
    let blob = row
        .get_ref(6)?
        .as_blob_or_null()
        .map_err(rusqlite::Error::from)?;
    let Some(blob) = blob else {
        return Ok(Attributes::new());
    };
    match engine.shown_objects().take(object, blob) {
        Some(attributes) => Ok(attributes),
        None => engine.codec().attributes(blob),
    }
}

/// One transaction that stores plans.
struct Storing<'a> {
    job: &'a JobRow,
    now: i64,
    /// Whether anything of the job waits for a time or for its containers.
    has_later: bool,
    travellers: Travellers<'a>,
    tally: Tally,
    records: Vec<Record>,
    fresh: Vec<Fresh>,
    /// Why what loses values is held, if it is.
    holds_losses: Option<Refusal>,
}

impl Engine {
    /// The next objects to plan, at most `limit`, in order of their rows. Whose last operation has no answer yet has to
    /// wait: what the target holds is not known.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_due(&self, job: JobId, limit: usize) -> Result<Vec<DueItem>> {
        let (first, last) = crate::link_range(job);
        self.read(|connection| {
            let mut places = Places { connection, known: HashMap::new() };
            let mut statement = connection.prepare_cached(&format!(
                "{ITEM}, d.stamp, d.since, d.reasons FROM due d JOIN object o ON o.id = d.id & 1099511627775
                 LEFT JOIN link l ON l.id = d.id WHERE d.id BETWEEN ?1 AND ?2 AND coalesce(l.pending_state, 0) <> 3
                 ORDER BY d.id LIMIT ?3"
            ))?;
            let mut rows = statement.query(params![first, last, limit])?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                let due = (row.get(18)?, row.get(19)?, row.get(20)?);
                items.push(item(self, &mut places, job, row, due)?);
            }
            aside::add_to(connection, &mut items)?;
            hold::add_to(connection, &mut items)?;
            Ok(items)
        })
    }

    /// One object as it would be planned, due or not.
    ///
    /// # Errors
    /// Of the store.
    pub fn plan_item(&self, job: JobId, object: ObjectId) -> Result<Option<DueItem>> {
        self.read(|connection| {
            let mut places = Places {
                connection,
                known: HashMap::new(),
            };
            let mut statement = connection.prepare_cached(&format!(
                "{ITEM} FROM object o LEFT JOIN link l ON l.id = ?2 WHERE o.id = ?1"
            ))?;
            let mut rows = statement.query(params![object.0, crate::link_id(job, object).0])?;
            match rows.next()? {
                Some(row) => {
                    let mut one = [item(self, &mut places, job, row, (0, 0, 0))?];
                    aside::add_to(connection, &mut one)?;
                    hold::add_to(connection, &mut one)?;
                    Ok(one.into_iter().next())
                }
                None => Ok(None),
            }
        })
    }

    /// Objects after this one as they would be planned, due or not, at most `limit`, in order of their rows: those that were
    /// read, in whatever scope, and those that are linked.
    ///
    /// # Errors
    /// Of the store.
    pub fn plan_items(&self, job: &JobRow, after: ObjectId, limit: usize) -> Result<Vec<DueItem>> {
        let (first, _) = crate::link_range(job.id);
        self.read(|connection| {
            let mut places = Places {
                connection,
                known: HashMap::new(),
            };
            // The plus keeps SQLite from going by connector, which would sort everything for every batch.
            let mut statement = connection.prepare_cached(&format!(
                "{ITEM} FROM object o LEFT JOIN link l ON l.id = ?1 | o.id
                 WHERE o.id > ?2 AND +o.connector = ?3 AND (o.state IN (1, 2) OR l.id IS NOT NULL) ORDER BY o.id LIMIT ?4"
            ))?;
            let mut rows = statement.query(params![first, after.0, job.source.0, limit])?;
            let mut items = Vec::new();
            while let Some(row) = rows.next()? {
                items.push(item(self, &mut places, job.id, row, (0, 0, 0))?);
            }
            aside::add_to(connection, &mut items)?;
            hold::add_to(connection, &mut items)?;
            Ok(items)
        })
    }

    /// Whether a job has anything due that [`Engine::take_due`] would give.
    ///
    /// # Errors
    /// Of the store.
    pub fn has_due(&self, job: JobId) -> Result<bool> {
        let (first, last) = crate::link_range(job);
        self.read(|c| {
            Ok(c.prepare_cached(
                "SELECT 1 FROM due d LEFT JOIN link l ON l.id = d.id
                     WHERE d.id BETWEEN ?1 AND ?2 AND coalesce(l.pending_state, 0) <> 3 LIMIT 1",
            )?
            .exists([first, last])?)
        })
    }

    /// Moves what waited for this time into due, and moves on through moved containers. Says whether anything became due.
    ///
    /// # Errors
    /// Of the store.
    pub fn wake(&self) -> Result<bool> {
        let now = self.now();
        let is_needed = self.read(|c| {
            Ok(
                c.prepare_cached("SELECT 1 FROM due_later WHERE not_before <= ?1 LIMIT 1")?
                    .exists([now])?
                    || c.prepare_cached("SELECT 1 FROM subtree LIMIT 1")?
                        .exists([])?
                    || crossing::is_searching(c)?
                    || hold::is_time(c, now)?
                    || aside::is_time(c, now)?,
            )
        })?;
        if !is_needed {
            return Ok(false);
        }
        self.write("engine.wake", |tx| {
            let mut later: Vec<(i64, i64)> = Vec::new();
            {
                let mut statement =
                    tx.prepare_cached("SELECT id, reasons FROM due_later WHERE not_before <= ?1 ORDER BY not_before LIMIT 2000")?;
                let mut rows = statement.query([now])?;
                while let Some(row) = rows.next()? {
                    later.push((row.get(0)?, row.get(1)?));
                }
            }
            for (id, reasons) in later {
                make_due(tx, id, reasons, now)?;
                if reasons & reason::REFERENCES != 0 {
                    make_references_due(tx, id, true, now)?;
                }
                tx.prepare_cached("DELETE FROM due_later WHERE id = ?1")?.execute([id])?;
            }
            aside::try_again(tx, now)?;
            hold::wake_leavers(tx, now)?;
            subtree_step(tx, now)?;
            self.search_accounts(tx, now)?;
            Ok(true)
        })
    }

    /// Stores what planning came to, in one transaction: of plans with many references only the first ones, so that these are
    /// carried out while the next ones are stored. What is left is stored by another call. If the job has other rules or
    /// settings by now than it was planned with, nothing is stored and all of it stays due.
    ///
    /// References in `travelling` go along with the creation of an object where their other end is in the target already;
    /// the others, and all of them if it is empty, follow by [`Engine::plan_references`].
    ///
    /// # Errors
    /// Of the store; then nothing of the batch was stored.
    pub fn store_plans(
        &self,
        job: &JobRow,
        plans: &[Planned],
        travelling: &[MappedReference],
    ) -> Result<StoredPlans> {
        let now = self.now();
        let (stored, fresh) = self.write("engine.store_plans", |tx| {
            if !crate::config::is_current(tx, job)? {
                return Ok((StoredPlans::default(), Vec::new()));
            }
            let mut batch = Storing {
                job,
                now,
                has_later: has_later(tx, job.id)?,
                travellers: Travellers::new(tx, self, job, travelling)?,
                tally: Tally::default(),
                records: Vec::new(),
                fresh: Vec::with_capacity(plans.len()),
                holds_losses: losses::judge_values(tx, job, plans, now)?,
            };
            let mut stored = StoredPlans::default();
            let mut planned_off =
                tx.prepare_cached("DELETE FROM due WHERE id = ?1 AND stamp = ?2")?;
            for planned in plans {
                if batch.travellers.is_full() {
                    break;
                }
                stored.ready += usize::from(self.store_plan(tx, planned, &mut batch)?);
                stored.plans += 1;
                planned_off.execute([planned.item.link.0, planned.item.stamp])?;
            }
            batch.tally.store(tx, job.id)?;
            self.append_log(tx, batch.records, now)?;
            Ok((stored, batch.fresh))
        })?;
        self.fresh_plans().keep(fresh);
        Ok(stored)
    }

    // LONG: one arm a kind of plan.
    fn store_plan(
        &self,
        tx: &Transaction<'_>,
        planned: &Planned,
        batch: &mut Storing<'_>,
    ) -> Result<bool> {
        let item = &planned.item;
        let (job, now) = (batch.job, batch.now);
        if let Some(from) = planned.takes_from
            && !self.take_over(tx, job, from, item, &mut batch.tally, now)?
        {
            // Planned again, against what is there then.
            make_due(tx, item.link.0, item.reasons, item.since)?;
            return Ok(false);
        }
        let later: Option<i64> = match batch.has_later {
            true => tx
                .prepare_cached("DELETE FROM due_later WHERE id = ?1 RETURNING reasons")?
                .query_row([item.link.0], |row| row.get(0))
                .optional()?,
            false => None,
        };
        let before = pending_before(tx, item)?;
        if item.asides.len() != item.asides_stored {
            aside::keep_only(tx, item.link, &item.asides)?;
        }
        hold::store_planned(tx, item)?;
        if later.is_some_and(|reasons| reasons & reason::REFERENCES != 0)
            || before.as_ref().is_some_and(|old| !old.edges.is_empty())
        {
            make_references_due(tx, item.link.0, true, now)?;
        }
        match &planned.outcome {
            PlannedOutcome::Same(confirmed) => {
                self.store_same(tx, item, confirmed.as_deref(), now)?;
                Ok(false)
            }
            PlannedOutcome::Skip(why) => {
                let is_new = item.view.situation == Situation::Unlinked;
                // What came and went without ever mattering to this job (a container, a computer) is not worth a record.
                let is_passed = is_new && item.source.state == ObjectState::Deleted;
                if !is_passed && (is_new || item.last.as_ref() != Some(why)) {
                    batch.records.push(self.record(
                        job,
                        planned,
                        Action::Skip,
                        Status::Skipped,
                        Some(why.clone()),
                        now,
                    ));
                }
                let situation = match item.view.situation {
                    Situation::Unlinked => Situation::Skipped,
                    // The target was asked, and had nothing left to delete.
                    Situation::Linked if item.view.is_stale && is_gone(item.source.state) => {
                        Situation::Lost
                    }
                    other => other,
                };
                self.upsert_outcome(tx, item, situation, Some(why), 0, now, &mut batch.tally)?;
                Ok(false)
            }
            PlannedOutcome::Refuse(why) => {
                self.put_into_escrow(tx, job.id, item, why, now, &mut batch.tally)?;
                if item.last.as_ref() != Some(why) {
                    let action = if item.view.situation == Situation::Linked {
                        Action::Update
                    } else {
                        Action::Create
                    };
                    batch.records.push(self.record(
                        job,
                        planned,
                        action,
                        Status::Failure,
                        Some(why.clone()),
                        now,
                    ));
                }
                Ok(false)
            }
            PlannedOutcome::Operate(draft) => {
                let draft: &Draft = draft;
                if batch.holds_losses.is_none() || losses::lost_values(item, draft).is_empty() {
                    return self.store_operation(tx, planned, (draft, before), batch);
                }
                match self.without_losses(tx, planned, draft, batch)? {
                    Some(rest) => self.store_operation(tx, planned, (&rest, before), batch),
                    None => {
                        self.store_same(tx, item, None, now)?;
                        Ok(false)
                    }
                }
            }
        }
    }

    /// Holds the values an operation would cost, and says what is left of it.
    fn without_losses(
        &self,
        tx: &Transaction<'_>,
        planned: &Planned,
        draft: &Draft,
        batch: &mut Storing<'_>,
    ) -> Result<Option<Draft>> {
        let (job, now) = (batch.job, batch.now);
        let (rest, held) = losses::hold_values(tx, &planned.item, draft, now)?;
        if let Some(why) = &batch.holds_losses {
            losses::raise(tx, job.id, why, now)?;
            let record = self.record(
                job,
                planned,
                Action::StagedDelete,
                Status::Skipped,
                Some(why.clone()),
                now,
            );
            batch.records.push(losses::values_record(record, held));
        }
        let is_empty =
            rest.attributes.is_empty() && rest.adopted.is_none() && rest.verb == Verb::Update;
        Ok((!is_empty).then_some(rest))
    }

    pub(crate) fn record(
        &self,
        job: &JobRow,
        planned: &Planned,
        action: Action,
        status: Status,
        refusal: Option<Refusal>,
        now: i64,
    ) -> Record {
        Record {
            sequence: 0,
            at: now,
            since: planned.item.since,
            link: planned.item.link.0,
            job: job.id.0,
            action,
            status,
            class: planned
                .item
                .source
                .class
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            name: planned.name.clone(),
            anchor: planned.item.source.anchor.clone(),
            target: planned.item.view.target.as_ref().map(ToString::to_string),
            refusal,
            changes: Vec::new(),
            references: Vec::new(),
            reasons: planned.item.reasons,
            cycle: uuid::Uuid::nil(),
        }
    }

    fn store_same(
        &self,
        tx: &Transaction<'_>,
        item: &DueItem,
        confirmed: Option<&Confirmed>,
        now: i64,
    ) -> Result<()> {
        match confirmed {
            Some(confirmed) => {
                let mut exported = item.view.exported.clone();
                exported.merge(confirmed.attributes.clone());
                tx.prepare_cached(
                    "UPDATE link SET exported = ?2, version = ?3, stale = 0, reason = NULL, attempts = 0,
                       pending = NULL, pending_state = 0, changed_at = ?4, generation = generation + (pending_state > 0)
                     WHERE id = ?1",
                )?
                .execute(params![item.link.0, self.encode(tx, &exported)?, confirmed.version.cast_signed(), now])?;
            }
            None => {
                tx.prepare_cached(
                    "UPDATE link SET reason = NULL, attempts = 0, pending = NULL, pending_state = 0, changed_at = ?2,
                       generation = generation + (pending_state > 0)
                     WHERE id = ?1 AND (reason IS NOT NULL OR attempts > 0 OR pending_state > 0)",
                )?
                .execute(params![item.link.0, now])?;
            }
        }
        Ok(())
    }

    /// Writes situation and reason of a link that has nothing pending now.
    #[expect(
        clippy::too_many_arguments,
        reason = "one row's outcome: each argument is a different thing it needs"
    )]
    fn upsert_outcome(
        &self,
        tx: &Transaction<'_>,
        item: &DueItem,
        situation: Situation,
        why: Option<&Refusal>,
        attempts: u32,
        now: i64,
        tally: &mut Tally,
    ) -> Result<()> {
        let number = situation_number(situation);
        let reason = why.map(pack).transpose()?;
        let values = params![item.link.0, number, reason, attempts, now];
        let is_new = !item.is_stored
            && tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO link (id, identity, situation, reason, attempts, changed_at) VALUES (?1, ?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(values)?
                > 0;
        if is_new {
            tally.moved(None, situation);
            return Ok(());
        }
        tally.moved(Some(item.view.situation), situation);
        tx.prepare_cached(
            "UPDATE link SET situation = ?2, reason = ?3, attempts = ?4, pending = NULL, pending_state = 0, changed_at = ?5,
               stale = CASE WHEN ?2 = 4 THEN 0 ELSE stale END, generation = generation + (pending_state > 0) WHERE id = ?1",
        )?
        .execute(values)?;
        Ok(())
    }

    fn put_into_escrow(
        &self,
        tx: &Transaction<'_>,
        job: JobId,
        item: &DueItem,
        why: &Refusal,
        now: i64,
        tally: &mut Tally,
    ) -> Result<()> {
        let attempts = item.attempts + 1;
        self.upsert_outcome(
            tx,
            item,
            item.view.situation,
            Some(why),
            attempts,
            now,
            tally,
        )?;
        let at = sync_core::guard::escrow_retry_at(now, attempts, why.code.retry(), item.link);
        retry_later(tx, item.link, reason::RETRY, at)?;
        remember_conflict(tx, job, item.link, why)
    }

    // LONG: everything an operation changes, in one transaction.
    fn store_operation(
        &self,
        tx: &Transaction<'_>,
        planned: &Planned,
        (draft, before): (&Draft, Option<PendingExport>),
        batch: &mut Storing<'_>,
    ) -> Result<bool> {
        let item = &planned.item;
        let (job, now) = (batch.job, batch.now);
        // A decision about the same act stands; a disable that became a delete is another act.
        let stands =
            item.pending.holds_delete() && before.is_some_and(|old| old.verb == draft.verb);
        let needs_person = item.source.state == ObjectState::Missing;
        let is_destructive = draft.verb.is_destructive();
        let state = match (is_destructive, needs_person) {
            (true, _) if item.holds.asks_for(draft.verb) => PendingState::Approved,
            (true, true) if !stands || item.pending == PendingState::Settling => PendingState::Held,
            (true, _) if stands && draft.verb == Verb::Delete => return Ok(false),
            (true, _) if stands => item.pending,
            (true, _) => PendingState::Settling,
            (false, _) => PendingState::Ready,
        };
        let loss = match (is_destructive, losses::lost_values(item, draft).is_empty()) {
            (true, _) => OBJECT_LOSS,
            (false, false) => VALUE_LOSS,
            (false, true) => 0,
        };
        let allowed_at = item.holds.asks_for(draft.verb).then_some(now);
        let mut pending = PendingExport::from_draft(job.id, planned, draft, now);
        if draft.verb == Verb::Create {
            batch.travellers.join(tx, item, &mut pending)?;
        }
        let class = self.intern(tx, &draft.class)?;
        let blob = pack(&pending)?;
        let bytes = blob.len();
        let (state_number, situation) = (state.number(), situation_number(item.view.situation));
        // Nearly always right for an object without a link, and cheaper than looking first.
        let is_new = !item.is_stored
            && tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO link (id, identity, situation, class, version, pending_state, pending, generation, changed_at, loss)
                     VALUES (?1, ?1, ?6, ?2, 0, ?3, ?4, 1, ?5, ?7)",
                )?
                .execute(params![item.link.0, class, state_number, blob, now, situation, loss])?
                > 0;
        if is_new {
            batch.tally.moved(None, item.view.situation);
        } else {
            tx.prepare_cached(
                "UPDATE link SET class = coalesce(class, ?2), pending_state = ?3, pending = ?4, generation = generation + 1,
                   changed_at = ?5, loss = ?6, allowed_at = CASE WHEN ?3 = 7 THEN coalesce(?7, allowed_at) END WHERE id = ?1",
            )?
            .execute(params![item.link.0, class, state_number, blob, now, loss, allowed_at])?;
        }
        if state == PendingState::Held && needs_person {
            let why = Refusal::new(Code::ObjectVanished).with("dn", &item.source.dn);
            tx.execute(
                "UPDATE job SET guard = coalesce(guard, ?2), guard_since = coalesce(guard_since, ?3) WHERE id = ?1",
                params![job.id.0, pack(&why)?, now],
            )?;
            batch.records.push(self.record(
                job,
                planned,
                Action::StagedDelete,
                Status::Skipped,
                Some(why),
                now,
            ));
        }
        let is_ready = state == PendingState::Ready;
        if is_ready {
            batch.fresh.push(Fresh {
                link: item.link,
                generation: if is_new { 1 } else { item.generation + 1 },
                pending,
                source: SourceNote {
                    class: item.source.class.clone(),
                    anchor: item.source.anchor.clone(),
                },
                bytes,
            });
        }
        Ok(is_ready || state == PendingState::Approved)
    }

    /// Objects to be looked up one by one: row, anchor, and whether a full read did not show them.
    ///
    /// # Errors
    /// Of the store.
    pub fn lookups(
        &self,
        connector: ConnectorId,
        limit: usize,
    ) -> Result<Vec<(ObjectId, Anchor, bool)>> {
        let now = self.now();
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT o.id, o.anchor, l.why FROM lookup l JOIN object o ON o.id = l.object
                 WHERE o.connector = ?1 AND l.not_before <= ?2 LIMIT ?3",
            )?;
            let rows = statement.query_map(params![connector.0, now, limit], |row| {
                let why: i64 = row.get(2)?;
                Ok((
                    ObjectId(row.get(0)?),
                    Anchor::new(row.get::<_, Vec<u8>>(1)?),
                    why == crate::read::LOOKUP_VANISHED,
                ))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A looked-up object was found nowhere, not even as a tombstone: it stays vanished, and its deletion needs a person.
    ///
    /// # Errors
    /// Of the store.
    pub fn lookup_found_nothing(&self, object: ObjectId) -> Result<()> {
        let now = self.now();
        self.write("engine.lookup_nothing", |tx| {
            tx.execute("DELETE FROM lookup WHERE object = ?1", [object.0])?;
            let connector: Option<i64> = tx
                .query_row("UPDATE object SET state = 5 WHERE id = ?1 AND state IN (0, 1, 2, 4) RETURNING connector", [object.0], |r| {
                    r.get(0)
                })
                .optional()?;
            if let Some(connector) = connector {
                due_for_jobs(tx, &jobs_of(tx, ConnectorId(connector))?, object.0, reason::ASKED, now)?;
            }
            Ok(())
        })
    }

    /// A look-up failed: try it again later.
    ///
    /// # Errors
    /// Of the store.
    pub fn lookup_failed(&self, object: ObjectId) -> Result<()> {
        let now = self.now();
        self.write("engine.lookup_failed", |tx| {
            tx.execute(
                "UPDATE lookup SET attempts = attempts + 1, not_before = ?2 + min(3600000, 5000 << min(attempts, 10)) WHERE object = ?1",
                params![object.0, now],
            )?;
            Ok(())
        })
    }

    /// Merges a whole entry and reports its row, for reads asked for by a person.
    ///
    /// # Errors
    /// Of the store.
    pub fn object_by_anchor(
        &self,
        connector: ConnectorId,
        anchor: &Anchor,
    ) -> Result<Option<ObjectId>> {
        self.read(|c| {
            Ok(
                c.prepare_cached("SELECT id FROM object WHERE connector = ?1 AND anchor = ?2")?
                    .query_row(params![connector.0, anchor.as_bytes()], |row| row.get(0))
                    .optional()?
                    .map(ObjectId),
            )
        })
    }

    /// Makes one object due because somebody asked.
    ///
    /// # Errors
    /// Of the store.
    pub fn ask_for(&self, link: LinkId) -> Result<()> {
        let now = self.now();
        self.write("engine.ask", |tx| make_due(tx, link.0, reason::ASKED, now))
    }
}

/// Moves on through one moved container: a chunk of what is directly below it becomes due; containers below queue up.
fn subtree_step(tx: &Transaction<'_>, now: i64) -> Result<()> {
    const CHUNK: usize = 2_000;
    let next: Option<(i64, i64)> = tx
        .query_row(
            "SELECT container, cursor FROM subtree ORDER BY container LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((container, cursor)) = next else {
        return Ok(());
    };
    let connector: i64 = tx.query_row(
        "SELECT connector FROM object WHERE id = ?1",
        [container],
        |row| row.get(0),
    )?;
    let jobs = jobs_of(tx, ConnectorId(connector))?;
    let mut children: Vec<(i64, i64)> = Vec::new();
    {
        let mut statement = tx.prepare_cached(
            "SELECT id, state FROM object WHERE parent = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let mut rows = statement.query(params![container, cursor, CHUNK])?;
        while let Some(row) = rows.next()? {
            children.push((row.get(0)?, row.get(1)?));
        }
    }
    for (child, state) in &children {
        if *state == 2 {
            due_for_jobs(tx, &jobs, *child, reason::CONTAINER, now)?;
        }
        if tx
            .prepare_cached("SELECT 1 FROM object WHERE parent = ?1 LIMIT 1")?
            .exists([child])?
        {
            subtree_due(tx, *child, now)?;
        }
    }
    match children.last() {
        Some((last, _)) if children.len() == CHUNK => {
            tx.execute(
                "UPDATE subtree SET cursor = ?2 WHERE container = ?1",
                [container, *last],
            )?;
        }
        _ => {
            tx.execute("DELETE FROM subtree WHERE container = ?1", [container])?;
        }
    }
    Ok(())
}

/// Whether anything of a job waits for a time or for its containers.
fn has_later(tx: &Transaction<'_>, job: JobId) -> Result<bool> {
    let (first, last) = crate::link_range(job);
    Ok(tx
        .prepare_cached("SELECT 1 FROM due_later WHERE id BETWEEN ?1 AND ?2 LIMIT 1")?
        .exists([first, last])?)
}

/// Puts a link into escrow until a time.
pub(crate) fn retry_later(tx: &Transaction<'_>, link: LinkId, bits: i64, at: i64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO due_later (id, reasons, not_before) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET reasons = reasons | excluded.reasons, not_before = excluded.not_before",
    )?
    .execute(params![link.0, bits, at])?;
    Ok(())
}

/// The form in which a unique value is remembered, whichever spelling it has.
pub(crate) fn fold_value(value: &str) -> String {
    let folded = value.to_lowercase();
    folded
        .strip_prefix("smtp:")
        .map_or(folded.clone(), str::to_owned)
}

/// Remembers which value an object waits for, so that it is tried again as soon as the value is released.
pub(crate) fn remember_conflict(
    tx: &Transaction<'_>,
    job: JobId,
    link: LinkId,
    why: &Refusal,
) -> Result<()> {
    let waits = matches!(
        why.code,
        Code::AttributeValueMustBeUnique
            | Code::InvalidSoftMatch
            | Code::ObjectTypeMismatch
            | Code::DuplicateTargetEntries
            | Code::DuplicateSourceEntries
    );
    if let (true, Some(value)) = (waits, why.argument("value")) {
        tx.prepare_cached("INSERT OR IGNORE INTO conflict (job, value, link) VALUES (?1, ?2, ?3)")?
            .execute(params![job.0, fold_value(value), link.0])?;
    }
    Ok(())
}

/// What was counted by situation, gathered over a transaction.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<i64, i64>);

impl Tally {
    /// A link moves from one situation to another; `None`: it had no row.
    pub(crate) fn moved(&mut self, from: Option<Situation>, to: Situation) {
        if let Some(from) = from {
            *self.0.entry(situation_number(from)).or_default() -= 1;
        }
        *self.0.entry(situation_number(to)).or_default() += 1;
    }

    /// Stores the differences.
    pub(crate) fn store(&self, tx: &Transaction<'_>, job: JobId) -> Result<()> {
        for (situation, difference) in &self.0 {
            if *difference != 0 {
                tx.execute(
                    "INSERT INTO tally (job, situation, count) VALUES (?1, ?2, ?3)
                     ON CONFLICT (job, situation) DO UPDATE SET count = count + excluded.count",
                    params![job.0, situation, difference],
                )?;
            }
        }
        Ok(())
    }
}

/// Whether a source object in this state is not to be in the target.
fn is_gone(state: ObjectState) -> bool {
    matches!(
        state,
        ObjectState::Deleted | ObjectState::Skeleton | ObjectState::Missing
    )
}

/// What was pending when an item was taken.
fn pending_before(tx: &Transaction<'_>, item: &DueItem) -> Result<Option<PendingExport>> {
    if item.pending == PendingState::None {
        return Ok(None);
    }
    let blob: Option<Vec<u8>> = tx
        .prepare_cached("SELECT pending FROM link WHERE id = ?1")?
        .query_row([item.link.0], |row| row.get(0))
        .optional()?
        .flatten();
    unpack_option(blob)
}

/// The version an operation requires, if it requires one.
pub(crate) fn version_of(precondition: &Precondition) -> Option<u64> {
    match precondition {
        Precondition::Version(version) => Some(*version),
        Precondition::Absent | Precondition::Exists => None,
    }
}

/// A pending export from its stored form.
pub(crate) fn pending_of(blob: Option<Vec<u8>>) -> Result<PendingExport> {
    stored_pending(blob.as_deref())
}

/// The same, from where it lies.
pub(crate) fn stored_pending(blob: Option<&[u8]>) -> Result<PendingExport> {
    unpack(blob.ok_or(StoreError::Blob("pending export"))?)
}
