//! Pending exports: what is to be carried out in the target, and what came of it.
//!
//! An operation is carried out only from here. What was ready when the server stopped may have been carried out: it is
//! read back before anything else. A report stores link, last-exported state, references, escrow, the guard's count and
//! the log in one transaction. Trap: deleting a group or contact in the target also ends its memberships there, so the
//! export marks of its edges are taken back.
// LONG: the life of one pending export, whose steps share one transaction and its statements.

use rusqlite::{CachedStatement, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sync_core::{
    aside::Aside,
    id::{Anchor, JobId, LinkId, TargetId},
    operation::{Operation, Outcome, Precondition, ReferenceChange, Refusal, Verb},
    plan::{Draft, Situation},
    value::{Attributes, Name, Value, Values},
};

use crate::{
    aside,
    claim::free_for_all,
    config::JobRow,
    crossing::{self, Crossing},
    due::{
        Planned, Tally, fold_value, remember_conflict, retry_later, situation_number, situation_of,
        stored_pending, version_of,
    },
    fresh::SourceNote,
    group::Transaction,
    guard::{Loss, ledger},
    hold, image,
    log::{Action, Record, ReferenceNote, Status},
    marks,
    observe::{attributes_of, class_name, make_due, make_references_due, refusal_of},
    reason,
    store::{Engine, Packed, Result, pack},
};

/// Where a pending export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i64)]
pub enum PendingState {
    /// Nothing is pending.
    None = 0,
    /// To be carried out.
    Ready = 1,
    /// Its answer was lost: read back first.
    Unknown = 3,
    /// A delete or disable waiting for the catch-up and the settle time.
    Settling = 4,
    /// Held by the guard.
    Held = 5,
    /// Refused by an administrator.
    Refused = 6,
    /// Allowed by an administrator: to be carried out, and not counted by the guard again.
    Approved = 7,
}

impl PendingState {
    /// From its stored number.
    pub fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Ready,
            3 => Self::Unknown,
            4 => Self::Settling,
            5 => Self::Held,
            6 => Self::Refused,
            7 => Self::Approved,
            _ => Self::None,
        }
    }

    /// As stored.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ready => "ready",
            Self::Unknown => "unknown",
            Self::Settling => "settling",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Approved => "allowed",
        }
    }

    /// Whether a delete already waits here, whose fate a new plan of the same delete must not change.
    pub fn holds_delete(self) -> bool {
        matches!(
            self,
            Self::Settling | Self::Held | Self::Refused | Self::Approved
        )
    }
}

/// A change of one edge that goes with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeChange {
    /// Number of the source attribute.
    pub attribute: i64,
    /// Row of the object referred to.
    pub dst: i64,
    /// Whether the reference is added.
    pub add: bool,
}

/// A stored operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingExport {
    /// What to do.
    pub verb: Verb,
    /// Target class.
    pub class: Name,
    /// Target object.
    pub target: Option<String>,
    /// Source anchor.
    pub source_anchor: String,
    /// What must hold.
    pub precondition: Precondition,
    /// Attributes to write.
    pub attributes: Attributes,
    /// What they are believed to hold now.
    pub before: Attributes,
    /// Reference changes by target id.
    pub references: Vec<ReferenceChange>,
    /// The same changes by edge.
    pub edges: Vec<EdgeChange>,
    /// A name for people.
    pub name: String,
    /// The job.
    pub job: i64,
    /// When the cause was seen.
    pub since: i64,
    /// When it was planned.
    pub planned_at: i64,
    /// Why it was planned: bits.
    pub reasons: i64,
    /// Whether an existing object is taken over.
    pub is_adoption: bool,
    /// Why a delete is wanted.
    pub why: Option<Refusal>,
}

/// A ready operation with its link.
#[derive(Clone, Debug)]
pub struct PlannedChange {
    /// The link.
    pub link: LinkId,
    /// Its generation.
    pub generation: u32,
    /// The operation.
    pub pending: PendingExport,
    /// Whether its answer was lost.
    pub is_unknown: bool,
    /// What was left out of it, because other objects hold it.
    pub asides: Vec<Aside>,
    /// What the log tells of the source object; `None`: to be looked up.
    pub(crate) source: Option<SourceNote>,
}

impl PlannedChange {
    /// The operation as a target connector takes it.
    pub fn operation(&self) -> Operation {
        Operation {
            link: self.link,
            generation: self.generation,
            verb: self.pending.verb,
            class: self.pending.class.clone(),
            target: self.pending.target.as_deref().map(TargetId::from),
            source_anchor: self.pending.source_anchor.clone(),
            precondition: self.pending.precondition.clone(),
            attributes: self.pending.attributes.clone(),
            references: self.pending.references.clone(),
        }
    }
}

impl PendingExport {
    pub(crate) fn from_draft(job: JobId, planned: &Planned, draft: &Draft, now: i64) -> Self {
        Self {
            verb: draft.verb,
            class: draft.class.clone(),
            target: draft.target.as_ref().map(ToString::to_string),
            source_anchor: draft.source_anchor.clone(),
            precondition: draft.precondition.clone(),
            attributes: draft.attributes.clone(),
            before: draft.before.clone(),
            references: Vec::new(),
            edges: Vec::new(),
            name: planned.name.clone(),
            job: job.0,
            since: planned.item.since,
            planned_at: now,
            reasons: planned.item.reasons,
            is_adoption: draft.adopted.is_some(),
            why: draft.why.clone().or_else(|| planned.item.why.clone()),
        }
    }
}

// LIMIT: bytes of operations taken at once; of those with many references there are fewer.
const MOST_TAKEN_BYTES: usize = 8 << 20;

/// Attributes whose values are unique in a target: releasing one frees whoever waits for it.
const UNIQUE: [&str; 4] = [
    "userPrincipalName",
    "proxyAddresses",
    "mailNickname",
    "mail",
];

/// One link row while its outcome is stored.
struct Reported<'a> {
    change: &'a PlannedChange,
    situation: Situation,
    /// As stored: most outcomes need not look inside.
    exported: Option<Vec<u8>>,
    attempts: u32,
    last: Option<Refusal>,
    source: SourceNote,
    /// Whether an administrator allowed it.
    is_approved: bool,
    /// What it costs, as the guard counts it.
    loss: i64,
}

impl Engine {
    /// Operations to be carried out now, those with lost answers first.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_ready(&self, job: JobId, limit: usize) -> Result<Vec<PlannedChange>> {
        self.take_ready_after(job, None, limit)
    }

    /// As [`Engine::take_ready`], of the links behind this one only: so the next batch can be carried out while the outcomes of
    /// the one before are being stored.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_ready_after(
        &self,
        job: JobId,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<PlannedChange>> {
        let (first, last) = crate::link_range(job);
        let first = after.map_or(first, |after| first.max(after.0.saturating_add(1)));
        self.read(|c| {
            let mut ready = Vec::new();
            let mut bytes = 0;
            for state in [PendingState::Unknown, PendingState::Approved, PendingState::Ready] {
                let mut statement = c.prepare_cached(
                    "SELECT id, generation, pending FROM link WHERE pending_state > 0 AND pending_state = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4",
                )?;
                let mut rows = statement.query(params![state.number(), first, last, limit - ready.len()])?;
                while let Some(row) = rows.next()? {
                    if bytes >= MOST_TAKEN_BYTES {
                        return Ok(ready);
                    }
                    let (link, generation) = (LinkId(row.get(0)?), row.get(1)?);
                    let blob = row.get_ref(2)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
                    bytes += blob.map_or(0, <[u8]>::len);
                    let (pending, source) = match self.fresh_plans().take(link, generation) {
                        Some(fresh) => (fresh.pending, Some(fresh.source)),
                        None => (stored_pending(blob)?, None),
                    };
                    ready.push(PlannedChange {
                        link,
                        generation,
                        pending,
                        is_unknown: state == PendingState::Unknown,
                        asides: Vec::new(),
                        source,
                    });
                }
            }
            Ok(ready)
        })
    }

    /// After a start: whatever was ready may have been carried out, so its answer counts as lost; not of a job of which nothing
    /// was sent since it went into staging.
    ///
    /// # Errors
    /// Of the store.
    pub fn doubt_ready(&self) -> Result<usize> {
        self.write("engine.doubt_ready", |tx| {
            Ok(tx.execute(
                "UPDATE link SET pending_state = 3 WHERE pending_state > 0 AND pending_state IN (1, 7)
                   AND id >> 40 NOT IN (SELECT job FROM unsent)",
                [],
            )?)
        })
    }

    /// Stores what came of operations.
    ///
    /// # Errors
    /// Of the store; then nothing of the batch was stored and the operations count as unknown.
    // LONG: one transaction, outcome by outcome.
    pub fn report(&self, job: &JobRow, outcomes: &[(PlannedChange, Outcome)]) -> Result<()> {
        let now = self.now();
        let mut packed = outcomes
            .iter()
            .map(|(change, outcome)| self.created_ahead(change, outcome))
            .collect::<Result<Vec<_>>>()?;
        self.write("engine.report", |tx| {
            let mut tally = Tally::default();
            let mut records = Vec::new();
            let has_allowed = hold::has_allowed(tx)?;
            let mut mark = 0;
            let (first, last) = crate::link_range(job.id);
            let has_asides = aside::any(tx, first, last)?;
            let crossing = Crossing::of(tx, job.id)?;
            let mut arrivals = Arrivals::new(tx, job, &crossing)?;
            for ((change, outcome), packed) in outcomes.iter().zip(&mut packed) {
                if let Outcome::Done { version, .. } = outcome {
                    mark = mark.max(*version);
                }
                if !has_asides
                    && let Some(created) = self.created(tx, job, (change, packed.take()), outcome, &mut arrivals, now)?
                {
                    tally.moved(Some(Situation::Unlinked), Situation::Linked);
                    records.push(created);
                    continue;
                }
                let Some(reported) = self.reported(tx, change)? else {
                    superseded(tx, (job, &crossing), change, outcome, now)?;
                    continue;
                };
                match outcome {
                    Outcome::Done { target, version } => {
                        self.done(tx, (job, &crossing), &reported, target, *version, now, &mut tally, &mut arrivals)?;
                        note_loss(tx, job, &reported, now)?;
                        if has_allowed {
                            let pending = &change.pending;
                            hold::carried_out(tx, change.link, &pending.attributes, &pending.edges)?;
                        }
                        let is_news = match has_asides || !change.asides.is_empty() {
                            true => self.store_asides(tx, job, &reported, now)?,
                            false => true,
                        };
                        if is_news {
                            records.push(done_record(&reported, target, now));
                        }
                    }
                    Outcome::Stale => {
                        tx.prepare_cached(
                            "UPDATE link SET pending = NULL, pending_state = 0, stale = 2, changed_at = ?2 WHERE id = ?1",
                        )?
                        .execute([change.link.0, now])?;
                        make_due(tx, change.link.0, reason::STALE, change.pending.since)?;
                        doubt_edges(tx, (job, &crossing), change)?;
                    }
                    Outcome::Refused(why) => {
                        self.refused(tx, job, &reported, why, now)?;
                        if reported.last.as_ref() != Some(why) {
                            records.push(failure_record(&reported, why, now));
                        }
                    }
                    Outcome::Unknown => {
                        tx.prepare_cached("UPDATE link SET pending_state = 3 WHERE id = ?1")?.execute([change.link.0])?;
                    }
                }
            }
            if mark > 0 {
                crate::rejoin::raise_mark(tx, mark)?;
            }
            tally.store(tx, job.id)?;
            self.append_log(tx, records, now)
        })
    }

    /// What is stored of a created object, packed before the step that stores it.
    fn created_ahead(&self, change: &PlannedChange, outcome: &Outcome) -> Result<Option<Packed>> {
        match (outcome, change.pending.verb) {
            (Outcome::Done { .. }, Verb::Create) => self.pack_ahead(&created_with(&change.pending)),
            _ => Ok(None),
        }
    }

    /// Stores that an object was created which nothing was known of but the plan to create it: the usual outcome of an
    /// initial cycle, with one statement for the link. `None`: it is another outcome, or more is known; nothing was written.
    fn created(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        (change, packed): (&PlannedChange, Option<Packed>),
        outcome: &Outcome,
        arrivals: &mut Arrivals<'_>,
        now: i64,
    ) -> Result<Option<Record>> {
        let pending = &change.pending;
        let (Outcome::Done { target, version }, Some(source), Verb::Create) =
            (outcome, &change.source, pending.verb)
        else {
            return Ok(None);
        };
        if !change.asides.is_empty() || pending.is_adoption {
            return Ok(None);
        }
        let exported = created_with(pending);
        let stored = tx
            .prepare_cached(
                "UPDATE link SET situation = 1, class = ?3, target = ?4, version = ?5, anchor = ?6, exported = ?7,
                   pending = NULL, pending_state = 0, stale = 0, changed_at = ?8
                 WHERE id = ?1 AND generation = ?2 AND pending_state > 0 AND situation = 0 AND attempts = 0
                   AND reason IS NULL",
            )?
            .execute(params![
                change.link.0,
                change.generation,
                self.intern(tx, &pending.class)?,
                target.0,
                version.cast_signed(),
                pending.source_anchor,
                self.packed_or_encoded(tx, packed, &exported)?,
                now
            ])?;
        if stored == 0 {
            return Ok(None);
        }
        self.linked().know(change.link, &target.0);
        self.mark_edges(tx, job, change.link, &pending.edges, now)?;
        arrivals.arrived(change.link, now)?;
        let reported = Reported {
            change,
            situation: Situation::Unlinked,
            exported: None,
            attempts: 0,
            last: None,
            source: source.clone(),
            is_approved: false,
            loss: 0,
        };
        Ok(Some(done_record(&reported, target, now)))
    }

    /// The link of a report, if the report is about its present operation.
    fn reported<'a>(
        &self,
        tx: &Transaction<'_>,
        change: &'a PlannedChange,
    ) -> Result<Option<Reported<'a>>> {
        // Two statements, not a join: SQLite prepares a join anew for every new value bound to it.
        let row = tx
            .prepare_cached(
                "SELECT situation, exported, attempts, reason, generation, pending_state, allowed_at, loss FROM link WHERE id = ?1",
            )?
            .query_row([change.link.0], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, Option<Vec<u8>>>(1)?,
                    row.get::<_, u32>(2)?,
                    row.get::<_, Option<Vec<u8>>>(3)?,
                    row.get::<_, u32>(4)?,
                    row.get::<_, i64>(5)?,
                    row.get::<_, Option<i64>>(6)?,
                    row.get::<_, i64>(7)?,
                ))
            })
            .optional()?;
        let Some((situation, exported, attempts, last, generation, state, allowed_at, loss)) = row
        else {
            return Ok(None);
        };
        if generation != change.generation || state == PendingState::None.number() {
            return Ok(None);
        }
        let source = match &change.source {
            Some(source) => source.clone(),
            None => self.source_note(tx, change.link)?,
        };
        Ok(Some(Reported {
            change,
            situation: situation_of(situation),
            exported,
            attempts,
            last: refusal_of(last)?,
            source,
            is_approved: allowed_at.is_some(),
            loss,
        }))
    }

    fn source_note(&self, tx: &Transaction<'_>, link: LinkId) -> Result<SourceNote> {
        let (class, anchor): (Option<i64>, Vec<u8>) = tx
            .prepare_cached("SELECT class, anchor FROM object WHERE id = ?1")?
            .query_row([crate::object_of(link).0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        Ok(SourceNote {
            class: class_name(self, class),
            anchor: Anchor::new(anchor),
        })
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one row's outcome: each argument is a different thing it needs"
    )]
    // LONG: everything a success changes, in one transaction.
    fn done(
        &self,
        tx: &Transaction<'_>,
        (job, crossing): (&JobRow, &Crossing),
        reported: &Reported<'_>,
        target: &TargetId,
        version: u64,
        now: i64,
        tally: &mut Tally,
        arrivals: &mut Arrivals<'_>,
    ) -> Result<()> {
        let change = reported.change;
        let pending = &change.pending;
        if pending.verb == Verb::Delete {
            tally.moved(Some(reported.situation), Situation::Deleted);
            image::keep(tx, job, change, reported.exported.as_deref(), now)?;
            hold::forget_leaver(tx, change.link)?;
            tx.prepare_cached(
                "UPDATE link SET situation = ?2, exported = NULL, version = ?3, pending = NULL, pending_state = 0, stale = 0,
                   reason = NULL, attempts = 0, changed_at = ?4 WHERE id = ?1",
            )?
            .execute(params![change.link.0, situation_number(Situation::Deleted), version.cast_signed(), now])?;
            self.release_values(
                tx,
                job.id,
                change.link,
                &attributes_of(self, reported.exported.clone())?,
                &Attributes::new(),
                now,
            )?;
            free_for_all(tx, &pending.source_anchor, Some((change.link, job.id)), now)?;
            // Users are deleted softly and keep their memberships; everything else is gone for good.
            if &*pending.class == "User" {
                crate::observe::incoming_edges_due(
                    tx,
                    job.id,
                    crate::object_of(change.link).0,
                    now,
                )?;
                crossing::take_back_of_others(tx, crossing, crate::object_of(change.link).0, now)?;
            } else {
                self.forget_exported_edges(tx, (job, crossing), change.link, now)?;
            }
            return Ok(());
        }
        if pending.verb == Verb::Create
            && matches!(reported.situation, Situation::Deleted | Situation::Lost)
        {
            // A new object in place of the one deleted: it has none of its references.
            self.forget_exported_edges(tx, (job, crossing), change.link, now)?;
        }
        tally.moved(Some(reported.situation), Situation::Linked);
        let keeps_failure = leave_escrow(tx, reported, now)?;
        match is_only_references(pending) {
            true => store_version(tx, change.link, version, keeps_failure, now)?,
            false => self.store_done(tx, reported, target, version, keeps_failure, now)?,
        }
        if reported.attempts > 0 && !keeps_failure {
            tx.prepare_cached("DELETE FROM conflict WHERE job = ?1 AND link = ?2")?
                .execute([job.id.0, change.link.0])?;
        }
        self.mark_edges(tx, job, change.link, &pending.edges, now)?;
        self.release_values(
            tx,
            job.id,
            change.link,
            &pending.before,
            &pending.attributes,
            now,
        )?;
        if pending.is_adoption {
            // The rest of its state is read back, so that later changes are compared with what is really there.
            make_due(tx, change.link.0, reason::STALE, pending.since)?;
        }
        if reported.situation != Situation::Linked {
            arrivals.arrived(change.link, now)?;
        }
        Ok(())
    }

    /// Stores what the target holds now.
    fn store_done(
        &self,
        tx: &Transaction<'_>,
        reported: &Reported<'_>,
        target: &TargetId,
        version: u64,
        keeps_failure: bool,
        now: i64,
    ) -> Result<()> {
        let pending = &reported.change.pending;
        tx.prepare_cached(
            "UPDATE link SET situation = 1, class = ?2, target = ?3, version = ?4, anchor = ?5, exported = ?6, pending = NULL,
               pending_state = 0, stale = ?7, changed_at = ?8,
               reason = CASE WHEN ?9 THEN reason END, attempts = CASE WHEN ?9 THEN attempts ELSE 0 END WHERE id = ?1",
        )?
        .execute(params![
            reported.change.link.0,
            self.intern(tx, &pending.class)?,
            target.0,
            version.cast_signed(),
            pending.source_anchor,
            self.exported_now(tx, reported)?,
            i64::from(pending.is_adoption),
            now,
            keeps_failure
        ])?;
        Ok(())
    }

    /// Stores what was left out of an operation, and forgets what was not. Says whether there is anything to tell.
    fn store_asides(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        reported: &Reported<'_>,
        now: i64,
    ) -> Result<bool> {
        let change = reported.change;
        if change.pending.verb == Verb::Delete {
            aside::forget(tx, change.link)?;
            return Ok(true);
        }
        let held: Option<Vec<u8>> = tx
            .prepare_cached("SELECT exported FROM link WHERE id = ?1")?
            .query_row([change.link.0], |row| row.get(0))?;
        let held = attributes_of(self, held)?;
        let is_changed = aside::store(tx, job.id, change.link, &held, &change.asides, now)?;
        let is_written =
            !change.pending.attributes.is_empty() || !change.pending.references.is_empty();
        Ok(is_changed || is_written || change.asides.is_empty())
    }

    /// What the target holds after an operation, as far as it was ever exported.
    fn exported_now(&self, tx: &Transaction<'_>, reported: &Reported<'_>) -> Result<Vec<u8>> {
        let pending = &reported.change.pending;
        let mut exported = match pending.verb {
            Verb::Create => Attributes::new(),
            _ => attributes_of(self, reported.exported.clone())?,
        };
        exported.merge(pending.attributes.clone());
        self.encode(tx, &exported)
    }

    /// A newly linked object, where there is but one: see [`Arrivals::arrived`].
    pub(crate) fn newly_linked(
        &self,
        tx: &Transaction<'_>,
        (job, crossing): (&JobRow, &Crossing),
        link: LinkId,
        now: i64,
    ) -> Result<()> {
        Arrivals::new(tx, job, crossing)?.arrived(link, now)
    }

    fn mark_edges(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        link: LinkId,
        edges: &[EdgeChange],
        now: i64,
    ) -> Result<()> {
        let src = crate::object_of(link).0;
        let bit = 2_i64 << job.slot;
        if edges.is_empty() {
            return Ok(());
        }
        let mut has_due = tx
            .prepare_cached("SELECT 1 FROM due_edge WHERE id = ?1 LIMIT 1")?
            .exists([link.0])?;
        if !has_due && marks::all_added(tx, src, edges, bit)? {
            return Ok(());
        }
        let mut asked = tx.prepare_cached(
            "SELECT flags FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
        )?;
        let mut marked = tx.prepare_cached(
            "UPDATE edge SET flags = ?4 WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
        )?;
        for edge in edges {
            // Asked first: an update that returns what it wrote costs SQLite several times as much.
            let before: Option<i64> = asked
                .query_row([src, edge.attribute, edge.dst], |row| row.get(0))
                .optional()?;
            let flags = before.map(|flags| match edge.add {
                true => flags | bit,
                false => flags & !bit,
            });
            if let Some(flags) = flags.filter(|_| flags != before) {
                marked.execute([src, edge.attribute, edge.dst, flags])?;
            }
            if flags.is_none() && edge.add {
                // The source took it back while it was on its way.
                tx.prepare_cached(
                    "INSERT INTO edge (src, attribute, dst, flags) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute([src, edge.attribute, edge.dst, bit])?;
            }
            if flags == Some(0) {
                drop_empty_edge(tx, src, edge.attribute, edge.dst)?;
            }
            let is_in_source = flags.unwrap_or(0) & 1 == 1;
            let sql = if is_in_source == edge.add {
                if !has_due {
                    continue;
                }
                "DELETE FROM due_edge WHERE id = ?1 AND attribute = ?2 AND dst = ?3"
            } else {
                make_references_due(tx, link.0, false, now)?;
                has_due = true;
                "INSERT OR IGNORE INTO due_edge (id, attribute, dst) VALUES (?1, ?2, ?3)"
            };
            tx.prepare_cached(sql)?
                .execute([link.0, edge.attribute, edge.dst])?;
        }
        Ok(())
    }

    /// The target object is gone for good: nothing from it or to it is exported any more.
    pub(crate) fn forget_exported_edges(
        &self,
        tx: &Transaction<'_>,
        (job, crossing): (&JobRow, &Crossing),
        link: LinkId,
        now: i64,
    ) -> Result<()> {
        let object = crate::object_of(link).0;
        let bit = 2_i64 << job.slot;
        tx.execute(
            "UPDATE edge SET flags = flags & ~?2 WHERE src = ?1 AND flags & ?2 <> 0",
            [object, bit],
        )?;
        tx.execute("DELETE FROM edge WHERE src = ?1 AND flags = 0", [object])?;
        let mut holders: Vec<(i64, i64, i64)> = Vec::new();
        {
            let mut statement = tx.prepare_cached(
                "SELECT src, attribute, flags FROM edge WHERE dst = ?1 AND flags & ?2 <> 0",
            )?;
            let mut rows = statement.query([object, bit])?;
            while let Some(row) = rows.next()? {
                holders.push((row.get(0)?, row.get(1)?, row.get(2)?));
            }
        }
        for (src, attribute, flags) in holders {
            clear_bit(tx, src, attribute, object, bit)?;
            if flags & 1 == 1 {
                crossing::edge_due(tx, job.id, src, attribute, object, now)?;
            }
        }
        crossing::forget_of_others(tx, crossing, object, now)
    }

    /// Whoever waits for a value that is no longer held is due.
    fn release_values(
        &self,
        tx: &Transaction<'_>,
        job: JobId,
        by: LinkId,
        before: &Attributes,
        after: &Attributes,
        now: i64,
    ) -> Result<()> {
        for attribute in UNIQUE {
            if before.values(attribute).is_none_or(<[Value]>::is_empty) {
                continue;
            }
            let kept: Vec<String> = after
                .values(attribute)
                .unwrap_or_default()
                .iter()
                .filter_map(Value::as_text)
                .map(fold_value)
                .collect();
            for value in before
                .values(attribute)
                .unwrap_or_default()
                .iter()
                .filter_map(Value::as_text)
                .map(fold_value)
            {
                if kept.contains(&value) {
                    continue;
                }
                free_for_all(tx, &value, Some((by, job)), now)?;
            }
        }
        Ok(())
    }

    fn refused(
        &self,
        tx: &Transaction<'_>,
        job: &JobRow,
        reported: &Reported<'_>,
        why: &Refusal,
        now: i64,
    ) -> Result<()> {
        let link = reported.change.link;
        let attempts = reported.attempts + 1;
        // A versioned operation that was refused may have met a changed object: look before the next attempt. Its
        // references need not wait for that, because the version it required was not what it was refused for.
        let version = version_of(&reported.change.pending.precondition).map(u64::cast_signed);
        tx.prepare_cached(
            "UPDATE link SET pending = NULL, pending_state = 0, reason = ?2, attempts = ?3, changed_at = ?5,
               stale = CASE WHEN ?4 IS NULL THEN stale ELSE 1 END, version = coalesce(?4, version) WHERE id = ?1",
        )?
        .execute(params![link.0, pack(why)?, attempts, version, now])?;
        let at = sync_core::guard::escrow_retry_at(now, attempts, why.code.retry(), link);
        let bits = if reported.change.pending.edges.is_empty() {
            reason::RETRY
        } else {
            reason::RETRY | reason::REFERENCES
        };
        retry_later(tx, link, bits, at)?;
        remember_conflict(tx, job.id, link, why)
    }
}

/// What a created object holds: an attribute without values is none.
fn created_with(pending: &PendingExport) -> Attributes {
    let mut exported = Attributes::new();
    exported.merge(pending.attributes.clone());
    exported
}

/// What follows from objects being linked that were not; prepared once for a whole report.
struct Arrivals<'t> {
    tx: &'t Transaction<'t>,
    crossing: &'t Crossing,
    job: JobId,
    bit: i64,
    open: CachedStatement<'t>,
    waiting: CachedStatement<'t>,
    /// Whether any reference is held.
    has_holds: bool,
}

impl<'t> Arrivals<'t> {
    fn new(tx: &'t Transaction<'t>, job: &JobRow, crossing: &'t Crossing) -> Result<Self> {
        Ok(Self {
            tx,
            crossing,
            has_holds: hold::has_references(tx)?,
            job: job.id,
            bit: 2_i64 << job.slot,
            open: tx.prepare_cached(
                "SELECT 1 FROM edge WHERE src = ?1 AND (flags & 1) <> ((flags & ?2) <> 0) LIMIT 1",
            )?,
            waiting: tx
                .prepare_cached("SELECT src, attribute FROM waiting WHERE job = ?1 AND dst = ?2")?,
        })
    }

    /// Its own references can be planned, and those that wait for it.
    fn arrived(&mut self, link: LinkId, now: i64) -> Result<()> {
        let object = crate::object_of(link).0;
        if self.has_holds {
            hold::newly_linked(self.tx, self.job, link, now)?;
        }
        if self.open.exists([object, self.bit])? {
            make_references_due(self.tx, link.0, true, now)?;
        }
        let rows = self.waiting.query_map([self.job.0, object], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let waiting: Vec<(i64, i64)> = rows.collect::<rusqlite::Result<_>>()?;
        for (src, attribute) in &waiting {
            let holder = crate::link_id(self.job, sync_core::id::ObjectId(*src)).0;
            self.tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO due_edge (id, attribute, dst) VALUES (?1, ?2, ?3)",
                )?
                .execute([holder, *attribute, object])?;
            make_references_due(self.tx, holder, false, now)?;
        }
        if !waiting.is_empty() {
            self.tx
                .prepare_cached("DELETE FROM waiting WHERE job = ?1 AND dst = ?2")?
                .execute([self.job.0, object])?;
        }
        for (sibling, row) in self.crossing.referred_to_as(self.tx, object)? {
            crossing::wake_waiting(self.tx, sibling.job, row, now)?;
        }
        Ok(())
    }
}

/// Stores that references of an object went through: it has a new version and is otherwise as it was.
fn store_version(
    tx: &Transaction<'_>,
    link: LinkId,
    version: u64,
    keeps_failure: bool,
    now: i64,
) -> Result<()> {
    tx.prepare_cached(
        "UPDATE link SET situation = 1, version = ?2, pending = NULL, pending_state = 0, changed_at = ?3,
           reason = CASE WHEN ?4 THEN reason END, attempts = CASE WHEN ?4 THEN attempts ELSE 0 END WHERE id = ?1",
    )?
    .execute(params![link.0, version.cast_signed(), now, keeps_failure])?;
    Ok(())
}

/// Whether an operation changes references and nothing else.
fn is_only_references(pending: &PendingExport) -> bool {
    pending.verb == Verb::Update && pending.attributes.is_empty() && !pending.edges.is_empty()
}

/// What a success means for an object in escrow. Says whether its failure stands: references that went through say
/// nothing about attributes that were refused.
fn leave_escrow(tx: &Transaction<'_>, reported: &Reported<'_>, now: i64) -> Result<bool> {
    if reported.attempts == 0 {
        return Ok(false);
    }
    let link = reported.change.link.0;
    let waits: Option<i64> = tx
        .prepare_cached("SELECT reasons FROM due_later WHERE id = ?1")?
        .query_row([link], |row| row.get(0))
        .optional()?;
    let Some(waits) = waits else { return Ok(false) };
    let has_references = waits & reason::REFERENCES != 0;
    if is_only_references(&reported.change.pending) && !has_references {
        return Ok(true);
    }
    tx.prepare_cached("DELETE FROM due_later WHERE id = ?1")?
        .execute([link])?;
    if has_references {
        make_due(tx, link, reason::RETRY, now)?;
        make_references_due(tx, link, true, now)?;
    }
    Ok(false)
}

/// An answer to an operation that was replaced meanwhile: if it changed the target, the target is read back.
fn superseded(
    tx: &Transaction<'_>,
    jobs: (&JobRow, &Crossing),
    change: &PlannedChange,
    outcome: &Outcome,
    now: i64,
) -> Result<()> {
    if matches!(outcome, Outcome::Refused(_)) {
        return Ok(());
    }
    let is_known = tx
        .prepare_cached("UPDATE link SET stale = 2 WHERE id = ?1 AND generation > ?2")?
        .execute(params![change.link.0, change.generation])?;
    if is_known > 0 {
        make_due(tx, change.link.0, reason::STALE, now)?;
        doubt_edges(tx, jobs, change)?;
    }
    Ok(())
}

/// It is not known whether the target holds these references: those the source has are exported again, the others are
/// taken back once more.
fn doubt_edges(
    tx: &Transaction<'_>,
    (job, crossing): (&JobRow, &Crossing),
    change: &PlannedChange,
) -> Result<()> {
    let edges = &change.pending.edges;
    if edges.is_empty() {
        return Ok(());
    }
    let src = crate::object_of(change.link).0;
    let bit = 2_i64 << job.slot;
    let has_holds = hold::has_references(tx)?;
    for edge in edges {
        let key = [src, edge.attribute, edge.dst, bit];
        if has_holds
            && let Some(held) = hold::reference(tx, change.link, edge.attribute, edge.dst)?
            && held.blocks()
        {
            doubt_held(tx, crossing, key, held.keep)?;
            continue;
        }
        let in_source = tx
            .prepare_cached(
                "UPDATE edge SET flags = flags & ~?4 WHERE src = ?1 AND attribute = ?2 AND dst = ?3 AND flags & 1 = 1",
            )?
            .execute(key)?;
        if in_source == 0 && may_be_referred_to(tx, crossing, edge.dst)? {
            tx.prepare_cached(
                "INSERT INTO edge (src, attribute, dst, flags) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (src, attribute, dst) DO UPDATE SET flags = flags | excluded.flags",
            )?
            .execute(key)?;
        }
    }
    make_references_due(tx, change.link.0, true, change.pending.since)
}

/// The same of a reference that is kept, or kept away, whatever the source says: it is brought about once more.
fn doubt_held(tx: &Transaction<'_>, crossing: &Crossing, key: [i64; 4], keep: bool) -> Result<()> {
    let [src, attribute, dst, bit] = key;
    if keep {
        return clear_bit(tx, src, attribute, dst, bit);
    }
    if may_be_referred_to(tx, crossing, dst)? {
        tx.prepare_cached(
            "INSERT INTO edge (src, attribute, dst, flags) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (src, attribute, dst) DO UPDATE SET flags = flags | excluded.flags",
        )?
        .execute(key)?;
    }
    Ok(())
}

/// Counts what was carried out for the guard; what a person allowed does not make it hold the next one.
fn note_loss(tx: &Transaction<'_>, job: &JobRow, reported: &Reported<'_>, now: i64) -> Result<()> {
    let (link, verb) = (reported.change.link, reported.change.pending.verb);
    let (loss, count) = match (verb, reported.loss) {
        _ if reported.is_approved => return Ok(()),
        (Verb::Delete, _) => (Loss::Deleted, 1),
        (Verb::Disable, _) => (Loss::Disabled, 1),
        (_, 0) => return Ok(()),
        (_, members) if members > 0 => (Loss::Members, members),
        _ => (Loss::Values, 1),
    };
    ledger::note(tx, job, link, loss, count, now)
}

/// Whether the target can hold references to an object: it is there, or deleted softly.
fn may_be_referred_to(tx: &Transaction<'_>, crossing: &Crossing, dst: i64) -> Result<bool> {
    let Some(end) = crossing.end_of(tx, dst)? else {
        return Ok(false);
    };
    Ok(tx
        .prepare_cached(
            "SELECT 1 FROM link l LEFT JOIN name n ON n.id = l.class
             WHERE l.id = ?1 AND (l.situation = 1 OR l.situation = 2 AND n.text = 'User')",
        )?
        .exists([end.link.0])?)
}

pub(crate) fn clear_bit(
    tx: &Transaction<'_>,
    src: i64,
    attribute: i64,
    dst: i64,
    bit: i64,
) -> Result<()> {
    tx.prepare_cached(
        "UPDATE edge SET flags = flags & ~?4 WHERE src = ?1 AND attribute = ?2 AND dst = ?3",
    )?
    .execute([src, attribute, dst, bit])?;
    drop_empty_edge(tx, src, attribute, dst)
}

fn drop_empty_edge(tx: &Transaction<'_>, src: i64, attribute: i64, dst: i64) -> Result<()> {
    tx.prepare_cached(
        "DELETE FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3 AND flags = 0",
    )?
    .execute([src, attribute, dst])?;
    Ok(())
}

fn record(reported: &Reported<'_>, status: Status, now: i64) -> Record {
    let pending = &reported.change.pending;
    Record {
        sequence: 0,
        at: now,
        since: pending.since,
        link: reported.change.link.0,
        job: pending.job,
        action: match pending.verb {
            Verb::Create => Action::Create,
            Verb::Update => Action::Update,
            Verb::Disable => Action::Disable,
            Verb::Delete => Action::Delete,
            Verb::Restore => Action::Restore,
        },
        status,
        class: reported
            .source
            .class
            .as_deref()
            .unwrap_or_default()
            .to_owned(),
        name: pending.name.clone(),
        anchor: reported.source.anchor.clone(),
        target: pending.target.clone(),
        refusal: None,
        changes: Vec::new(),
        references: Vec::new(),
        reasons: pending.reasons,
        cycle: uuid::Uuid::nil(),
    }
}

fn done_record(reported: &Reported<'_>, target: &TargetId, now: i64) -> Record {
    let pending = &reported.change.pending;
    let changes = pending.attributes.iter().map(|(name, values)| {
        (
            name.clone(),
            Values::from(pending.before.values(name).unwrap_or_default()),
            Values::from(values),
        )
    });
    let references = pending.references.iter().map(|change| ReferenceNote {
        attribute: change.attribute.clone(),
        added: change.add.clone(),
        removed: change.remove.clone(),
    });
    let status = match reported.change.asides.is_empty() {
        true => Status::Success,
        false => Status::Warning,
    };
    Record {
        target: Some(target.to_string()),
        changes: changes.collect(),
        references: references.collect(),
        refusal: left_out(&reported.change.asides),
        ..record(reported, status, now)
    }
}

/// What was left out, as one refusal: the first value, and the others by name.
fn left_out(asides: &[Aside]) -> Option<Refusal> {
    let (first, others) = asides.split_first()?;
    let others: Vec<String> = others
        .iter()
        .map(|aside| format!("{}={}", aside.attribute, aside.value))
        .collect();
    let refusal = first.refusal();
    Some(match others.is_empty() {
        true => refusal,
        false => refusal.with("also", others.join(", ")),
    })
}

fn failure_record(reported: &Reported<'_>, why: &Refusal, now: i64) -> Record {
    Record {
        refusal: Some(why.clone()),
        ..record(reported, Status::Failure, now)
    }
}
