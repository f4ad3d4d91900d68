//! Merging what a source showed into its connector space, together with the work it causes.
//!
//! One page is one transaction. A page that is not the next one is refused, so late and repeated pages are harmless; an
//! object that is no different costs a comparison and no write. Trap: linked attributes are edges between objects, and an
//! edge may point to an object nobody has shown yet (a stub).
// LONG: one page is one transaction; its parts share the statements and what they remember.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap, HashSet},
};

use rusqlite::{CachedStatement, OptionalExtension, params};
use sync_core::{
    code::Code,
    id::{Anchor, ConnectorId, ReadId},
    judge::Census,
    object::{Entry, EntryKind, LinkChange},
    operation::Refusal,
    sid,
    value::{Attributes, Name},
};

use crate::{
    crossing,
    group::Transaction,
    hold,
    read::LOOKUP_INCOMPLETE,
    reason,
    rows::{self, Key, Rows},
    scope::Watch,
    shown::Shown,
    store::{Engine, Packed, Result, StoreError, unpack},
};

/// Why a page is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// It is not the next page.
    #[error("page {got} is not the next one, {expected} is")]
    NotNext {
        /// The next page.
        expected: u32,
        /// The page sent.
        got: u32,
    },
    /// The read is over: somebody else reads now.
    #[error("this read is over")]
    Over,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a page brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Entries in the page.
    pub entries: usize,
    /// Objects that changed.
    pub changed: usize,
}

/// What is remembered of a read only while it runs.
pub(crate) struct ReadMemory {
    pub(crate) connector: ConnectorId,
    pub(crate) census: Census,
    counts: bool,
    seen: Vec<u64>,
    rows: Rows,
}

impl ReadMemory {
    pub(crate) fn new(connector: ConnectorId, counts: bool, is_empty: bool) -> Self {
        Self {
            connector,
            census: Census::default(),
            counts,
            seen: Vec::new(),
            rows: Rows::new(is_empty),
        }
    }

    pub(crate) fn see(&mut self, object: i64) {
        let (word, bit) = (usize::try_from(object / 64).unwrap_or(0), object % 64);
        if self.seen.len() <= word {
            self.seen.resize(word + 1024, 0);
        }
        if let Some(bits) = self.seen.get_mut(word) {
            *bits |= 1 << bit;
        }
    }

    pub(crate) fn was_seen(&self, object: i64) -> bool {
        let word = usize::try_from(object / 64).unwrap_or(usize::MAX);
        self.seen
            .get(word)
            .is_some_and(|bits| bits & (1 << (object % 64)) != 0)
    }

    pub(crate) fn jobs(&self, tx: &Transaction<'_>) -> Result<Vec<i64>> {
        jobs_of(tx, self.connector)
    }
}

/// The jobs that have this connector as their source.
pub(crate) fn jobs_of(tx: &Transaction<'_>, connector: ConnectorId) -> Result<Vec<i64>> {
    let mut statement = tx.prepare_cached("SELECT id FROM job WHERE source = ?1")?;
    let rows = statement.query_map([connector.0], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Makes an object due for these jobs.
pub(crate) fn due_for_jobs(
    tx: &Transaction<'_>,
    jobs: &[i64],
    object: i64,
    bits: i64,
    now: i64,
) -> Result<()> {
    for job in jobs {
        let link = crate::link_id(sync_core::id::JobId(*job), sync_core::id::ObjectId(object));
        make_due(tx, link.0, bits, now)?;
    }
    Ok(())
}

/// Makes one link due.
pub(crate) fn make_due(tx: &Transaction<'_>, link: i64, bits: i64, now: i64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO due (id, reasons, stamp, since) VALUES (?1, ?2, 1, ?3)
         ON CONFLICT (id) DO UPDATE SET reasons = reasons | excluded.reasons, stamp = stamp + 1",
    )?
    .execute(params![link, bits, now])?;
    Ok(())
}

/// Makes references of one link due: all of them, or (with the edges stored beside) only some.
pub(crate) fn make_references_due(
    tx: &Transaction<'_>,
    link: i64,
    whole: bool,
    now: i64,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO due_reference (id, whole, stamp, since) VALUES (?1, ?2, 1, ?3)
         ON CONFLICT (id) DO UPDATE SET whole = max(whole, excluded.whole), stamp = stamp + 1",
    )?
    .execute(params![link, i64::from(whole), now])?;
    Ok(())
}

/// Makes everything below a container due, in chunks.
pub(crate) fn subtree_due(tx: &Transaction<'_>, container: i64, now: i64) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO subtree (container, cursor, since) VALUES (?1, 0, ?2)
         ON CONFLICT (container) DO UPDATE SET cursor = 0",
    )?
    .execute(params![container, now])?;
    Ok(())
}

/// What waited for a container that a complete read did not show is planned without it.
pub(crate) fn place_the_rest(tx: &Transaction<'_>, jobs: &[i64], now: i64) -> Result<()> {
    for job in jobs {
        let (first, last) = crate::link_range(sync_core::id::JobId(*job));
        tx.execute(
            "INSERT INTO due (id, reasons, stamp, since)
             SELECT d.id, d.reasons, 1, ?1 FROM due_later d JOIN object o ON o.id = d.id & 1099511627775
             WHERE d.not_before = ?2 AND d.id BETWEEN ?3 AND ?4 AND o.state = 2
             ON CONFLICT (id) DO UPDATE SET reasons = reasons | excluded.reasons, stamp = stamp + 1",
            [now, UNTIL_PLACED, first, last],
        )?;
        tx.execute(
            "INSERT INTO subtree (container, cursor, since)
             SELECT o.id, 0, ?1 FROM due_later d JOIN object o ON o.id = d.id & 1099511627775
             WHERE d.not_before = ?2 AND d.id BETWEEN ?3 AND ?4 AND o.state <> 2
             ON CONFLICT (container) DO UPDATE SET cursor = 0",
            [now, UNTIL_PLACED, first, last],
        )?;
        tx.execute(
            "DELETE FROM due_later WHERE not_before = ?1 AND id BETWEEN ?2 AND ?3",
            [UNTIL_PLACED, first, last],
        )?;
    }
    Ok(())
}

/// References to an object that the target holds and the source has not: due for everyone who holds one.
pub(crate) fn incoming_edges_due(
    tx: &Transaction<'_>,
    job: sync_core::id::JobId,
    dst: i64,
    now: i64,
) -> Result<()> {
    let mut holders: Vec<(i64, i64)> = Vec::new();
    {
        let mut statement =
            tx.prepare_cached("SELECT src, attribute FROM edge WHERE dst = ?1 AND flags & 1 = 0")?;
        let mut rows = statement.query([dst])?;
        while let Some(row) = rows.next()? {
            holders.push((row.get(0)?, row.get(1)?));
        }
    }
    for (src, attribute) in holders {
        let link = crate::link_id(job, sync_core::id::ObjectId(src)).0;
        tx.prepare_cached(
            "INSERT OR IGNORE INTO due_edge (id, attribute, dst) VALUES (?1, ?2, ?3)",
        )?
        .execute([link, attribute, dst])?;
        make_references_due(tx, link, false, now)?;
    }
    Ok(())
}

/// Not before this: an object whose containers have not all been shown yet waits for them, or for the end of the read.
pub(crate) const UNTIL_PLACED: i64 = i64::MAX;
/// A chain of containers longer than this is damaged (a cycle).
pub(crate) const DEEPEST: usize = 128;

struct Stored {
    id: i64,
    parent: Option<i64>,
    class: Option<i64>,
    state: i64,
    rdn: Option<String>,
    replica: Option<i64>,
    usn: Option<i64>,
    attributes: Option<Vec<u8>>,
}

/// What was known of an object before it was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing: it has no references, and no link.
    Nothing,
    /// Its anchor: it has no link.
    Anchor,
    /// More.
    More,
}

/// One page being merged.
struct Merge<'a> {
    engine: &'a Engine,
    tx: &'a Transaction<'a>,
    connector: ConnectorId,
    jobs: Vec<i64>,
    /// What the jobs' scopes ask of references.
    scope: Watch<'a>,
    /// Whether any reference is held.
    has_holds: bool,
    now: i64,
    /// Containers that are known up to the root; `None`: nothing waits for its containers.
    placed: Option<RefCell<HashSet<i64>>>,
    /// Rows the pages before showed or referred to; `None`: nothing is remembered.
    rows: Option<&'a Rows>,
    /// The same of this page.
    page: RefCell<HashMap<Key, i64>>,
    /// Whether objects of another source stand for accounts that this one may show.
    is_awaited: bool,
    /// New objects with their attributes; `None`: they are not kept.
    shown: Option<RefCell<Vec<Shown>>>,
    /// The replica that was looked up last, and its row.
    replica: Cell<Option<([u8; 16], i64)>>,
}

impl Engine {
    /// Merges the next page of a read.
    ///
    /// # Errors
    /// [`ObserveError`]; nothing of the page is stored then.
    // LONG: one page, one transaction.
    pub fn observe(
        &self,
        read: ReadId,
        number: u32,
        entries: &[Entry],
        watermark: Option<&[u8]>,
    ) -> std::result::Result<Observed, ObserveError> {
        let mut packed = entries
            .iter()
            .map(|entry| match entry.kind {
                EntryKind::Whole => self.pack_ahead(&entry.attributes),
                _ => Ok(None),
            })
            .collect::<Result<Vec<_>>>()?;
        let mut memories = self.read_memory();
        let Some(memory) = memories.get_mut(&read.0) else {
            return Err(ObserveError::Over);
        };
        let now = self.now();
        let mut seen = Vec::new();
        let mut page = HashMap::new();
        let mut shown = Vec::new();
        let rows = &memory.rows;
        let result = self.write("engine.observe", |tx| {
            let (next, mode): (u32, String) = tx
                .prepare_cached("SELECT next_page, mode FROM read WHERE id = ?1 AND state = 'open'")?
                .query_row([read.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
                .ok_or_else(|| StoreError::Refused(Refusal::new(Code::Conflict)))?;
            if next != number {
                return Ok(Err(next));
            }
            let jobs = jobs_of(tx, memory.connector)?;
            let placed = Some(RefCell::default());
            let merge = Merge {
                engine: self,
                tx,
                connector: memory.connector,
                scope: Watch::new(self, tx, &jobs),
                has_holds: hold::has_references(tx)?,
                jobs,
                now,
                placed,
                rows: Some(rows),
                page: RefCell::default(),
                shown: Some(RefCell::default()),
                is_awaited: crossing::are_awaited(tx, memory.connector.0)?,
                replica: Cell::default(),
            };
            let mut changed = 0;
            for (entry, packed) in entries.iter().zip(&mut packed) {
                let (object, is_changed) = merge.entry(entry, packed.take())?;
                changed += usize::from(is_changed);
                if let Some(object) = object {
                    seen.push(object);
                }
            }
            tx.prepare_cached(
                "UPDATE read SET next_page = ?2, entries = entries + ?3, changed = changed + ?4 WHERE id = ?1",
            )?
            .execute(params![read.0, number + 1, entries.len(), changed])?;
            if changed > 0 {
                tx.prepare_cached("UPDATE connector SET last_change_at = ?2 WHERE id = ?1")?
                    .execute(params![memory.connector.0, now])?;
            }
            if let (Some(watermark), "delta") = (watermark, mode.as_str()) {
                tx.execute(
                    "UPDATE connector SET watermark = ?2 WHERE id = ?1",
                    params![memory.connector.0, watermark],
                )?;
            }
            page = merge.page.into_inner();
            shown = merge.shown.map(RefCell::into_inner).unwrap_or_default();
            Ok(Ok(Observed { entries: entries.len(), changed }))
        })?;
        match result {
            Err(expected) => Err(ObserveError::NotNext {
                expected,
                got: number,
            }),
            Ok(observed) => {
                memory.note(&seen, entries);
                self.touched(memory.connector, &seen);
                memory.rows.extend(page);
                self.shown_objects().keep(shown);
                Ok(observed)
            }
        }
    }

    /// Merges one entry read apart from a read (looked up one by one, or asked for). Older states are ignored.
    ///
    /// # Errors
    /// Of the store.
    pub fn observe_one(&self, connector: ConnectorId, entry: &Entry) -> Result<bool> {
        self.observe_among_others(connector, entry, &[])
    }

    /// The same, with what is known of objects of others its references lead to: without them a reference to somebody of
    /// another forest could not be told from one to nobody.
    ///
    /// # Errors
    /// Of the store.
    pub fn observe_among_others(
        &self,
        connector: ConnectorId,
        entry: &Entry,
        others: &[Entry],
    ) -> Result<bool> {
        let now = self.now();
        self.write("engine.observe_one", |tx| {
            let jobs = jobs_of(tx, connector)?;
            let merge = Merge {
                engine: self,
                tx,
                connector,
                scope: Watch::new(self, tx, &jobs),
                has_holds: hold::has_references(tx)?,
                jobs,
                now,
                placed: None,
                rows: None,
                page: RefCell::default(),
                shown: None,
                is_awaited: crossing::are_awaited(tx, connector.0)?,
                replica: Cell::default(),
            };
            for other in others {
                merge.entry(other, None)?;
            }
            let (object, changed) = merge.entry(entry, None)?;
            if let Some(object) = object {
                tx.execute("DELETE FROM lookup WHERE object = ?1", [object])?;
                self.touched(connector, &[object]);
            }
            Ok(changed)
        })
    }
}

impl ReadMemory {
    pub(crate) fn note(&mut self, seen: &[i64], entries: &[Entry]) {
        // Marked in deltas too: only their end says whether they were a census.
        for object in seen {
            self.see(*object);
        }
        if !self.counts {
            return;
        }
        for entry in entries {
            let (EntryKind::Whole, Some(class)) = (entry.kind, &entry.class) else {
                continue;
            };
            *self.census.classes.entry(class.clone()).or_default() += 1;
            let attributes = self.census.attributes.entry(class.clone()).or_default();
            for (name, values) in entry.attributes.iter() {
                if !values.is_empty() {
                    *attributes.entry(name.clone()).or_default() += 1;
                }
            }
        }
    }
}

impl Merge<'_> {
    fn find(&self, anchor: &Anchor) -> Result<Option<Stored>> {
        Ok(self
            .tx
            .prepare_cached(
                "SELECT id, parent, class, state, rdn, replica, usn, attributes FROM object WHERE connector = ?1 AND anchor = ?2",
            )?
            .query_row(params![self.connector.0, anchor.as_bytes()], |row| {
                Ok(Stored {
                    id: row.get(0)?,
                    parent: row.get(1)?,
                    class: row.get(2)?,
                    state: row.get(3)?,
                    rdn: row.get(4)?,
                    replica: row.get(5)?,
                    usn: row.get(6)?,
                    attributes: row.get(7)?,
                })
            })
            .optional()?)
    }

    /// The row of an anchor; a stub if nobody has shown it yet.
    fn row_of(&self, anchor: &Anchor) -> Result<i64> {
        if let Some(row) = self.known_row(anchor) {
            return Ok(row);
        }
        let row = self.stored_row(anchor)?;
        self.know(anchor, row);
        Ok(row)
    }

    fn known_row(&self, anchor: &Anchor) -> Option<i64> {
        let key = rows::key_of(anchor)?;
        let of_page = self.page.borrow().get(&key).copied();
        of_page.or_else(|| self.rows?.find(&key))
    }

    fn know(&self, anchor: &Anchor, row: i64) {
        if let Some(key) = rows::key_of(anchor) {
            self.page.borrow_mut().insert(key, row);
        }
    }

    /// Whether an object is most likely new: nothing was stored when the read began, and it was neither shown nor referred
    /// to since.
    fn is_likely_new(&self, anchor: &Anchor) -> bool {
        self.rows.is_some_and(Rows::is_complete)
            && rows::key_of(anchor).is_some()
            && self.known_row(anchor).is_none()
    }

    fn stored_row(&self, anchor: &Anchor) -> Result<i64> {
        let found: Option<i64> = self
            .tx
            .prepare_cached("SELECT id FROM object WHERE connector = ?1 AND anchor = ?2")?
            .query_row(params![self.connector.0, anchor.as_bytes()], |row| {
                row.get(0)
            })
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        self.tx
            .prepare_cached("INSERT INTO object (connector, anchor, state) VALUES (?1, ?2, 0)")?
            .execute(params![self.connector.0, anchor.as_bytes()])?;
        Ok(self.tx.last_insert_rowid())
    }

    fn replica(&self, entry: &Entry) -> Result<(Option<i64>, Option<i64>)> {
        let Some(version) = entry.version else {
            return Ok((None, None));
        };
        if let Some((replica, row)) = self.replica.get()
            && replica == version.replica
        {
            return Ok((Some(row), Some(version.usn)));
        }
        let found: Option<i64> = self
            .tx
            .prepare_cached("SELECT id FROM replica WHERE guid = ?1")?
            .query_row([version.replica.as_slice()], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                self.tx.execute(
                    "INSERT INTO replica (guid) VALUES (?1)",
                    [version.replica.as_slice()],
                )?;
                self.tx.last_insert_rowid()
            }
        };
        self.replica.set(Some((version.replica, id)));
        Ok((Some(id), Some(version.usn)))
    }

    /// Merges one entry: its row, if it has one, and whether anything changed.
    fn entry(&self, entry: &Entry, packed: Option<Packed>) -> Result<(Option<i64>, bool)> {
        let is_whole = matches!(entry.kind, EntryKind::Whole | EntryKind::Skeleton);
        let stored = match is_whole && self.is_likely_new(&entry.anchor) {
            true => None,
            false => self.find(&entry.anchor)?,
        };
        let (replica, usn) = self.replica(entry)?;
        if let Some(stored) = &stored
            && stored.replica.is_some()
            && stored.replica == replica
            && stored.usn > usn
        {
            return Ok((Some(stored.id), false));
        }
        match entry.kind {
            EntryKind::Deleted => self.deleted(stored, (replica, usn)),
            EntryKind::Part => match stored {
                Some(stored) if stored.state == 2 => self.part(entry, stored, (replica, usn)),
                Some(stored) if stored.state >= 3 => self.alive_after_all(&stored),
                // Outside the read spec: a difference to nothing says nothing.
                other => Ok((other.map(|stored| stored.id), false)),
            },
            EntryKind::Present => match stored {
                Some(stored) if stored.state >= 3 => self.alive_after_all(&stored),
                other => Ok((other.map(|stored| stored.id), false)),
            },
            EntryKind::Elsewhere => self.elsewhere(entry, stored),
            EntryKind::Whole | EntryKind::Skeleton => {
                let merged = self.whole(entry, packed, stored, (replica, usn))?;
                if let (Some(object), _) = merged {
                    self.account(entry, object)?;
                }
                Ok(merged)
            }
        }
    }

    /// A reference led to an object of another naming context, or to what stands for an account of another forest: what is
    /// known of it is its name.
    fn elsewhere(&self, entry: &Entry, stored: Option<Stored>) -> Result<(Option<i64>, bool)> {
        let row = match &stored {
            Some(stored) => stored.id,
            None => self.row_of(&entry.anchor)?,
        };
        if stored
            .is_none_or(|stored| stored.state == 0 && stored.rdn.as_deref() != entry.rdn.as_deref())
        {
            self.tx
                .prepare_cached("UPDATE object SET rdn = ?2 WHERE id = ?1")?
                .execute(params![row, entry.rdn.as_deref()])?;
        }
        if let Some(sid) = entry.rdn.as_deref().and_then(sid::of_foreign) {
            crossing::note_principal(self.tx, self.connector.0, row, sid)?;
        }
        Ok((Some(row), false))
    }

    /// What an object has to do with accounts of other forests.
    fn account(&self, entry: &Entry, object: i64) -> Result<()> {
        let is_foreign = entry
            .class
            .as_ref()
            .is_some_and(|class| class.eq_ignore_ascii_case(sid::FOREIGN_CLASS));
        if is_foreign {
            return match entry.rdn.as_deref().and_then(sid::of_foreign) {
                Some(sid) => crossing::note_principal(self.tx, self.connector.0, object, sid),
                None => Ok(()),
            };
        }
        if self.is_awaited
            && let Some(sid) = crossing::sid_of(&entry.attributes)
        {
            crossing::note_account(self.tx, self.connector.0, object, &sid, self.now)?;
        }
        Ok(())
    }

    fn deleted(
        &self,
        stored: Option<Stored>,
        version: (Option<i64>, Option<i64>),
    ) -> Result<(Option<i64>, bool)> {
        let Some(stored) = stored else {
            return Ok((None, false));
        };
        if stored.state == 3 {
            self.stored_again(&stored, version)?;
            return Ok((Some(stored.id), false));
        }
        self.scope.state_changed(stored.id, self.now)?;
        self.tx
            .prepare_cached(
                "UPDATE object SET state = 3, replica = coalesce(?2, replica), usn = coalesce(?3, usn) WHERE id = ?1",
            )?
            .execute(params![stored.id, version.0, version.1])?;
        // The source has no references to a deleted object; what the target holds is left until the deletion is carried out.
        self.tx
            .prepare_cached("UPDATE edge SET flags = flags & ~1 WHERE dst = ?1 AND flags & 1 = 1")?
            .execute([stored.id])?;
        self.tx
            .prepare_cached("DELETE FROM edge WHERE dst = ?1 AND flags = 0")?
            .execute([stored.id])?;
        for job in &self.jobs {
            self.tx
                .prepare_cached("DELETE FROM waiting WHERE job = ?1 AND dst = ?2")?
                .execute([*job, stored.id])?;
        }
        self.tx
            .prepare_cached("DELETE FROM lookup WHERE object = ?1")?
            .execute([stored.id])?;
        // What stands for another object is never deleted in the target itself: nothing is to be waited for.
        if crossing::is_principal(self.tx, stored.id)? {
            self.incoming_due(stored.id)?;
        }
        due_for_jobs(self.tx, &self.jobs, stored.id, reason::CHANGED, self.now)?;
        Ok((Some(stored.id), true))
    }

    /// The same replica says the same thing at a later number: what it said in between is older than this.
    fn stored_again(&self, stored: &Stored, version: (Option<i64>, Option<i64>)) -> Result<()> {
        if version.0.is_some() && version.0 == stored.replica && version.1 > stored.usn {
            self.tx
                .prepare_cached("UPDATE object SET usn = ?2 WHERE id = ?1")?
                .execute(params![stored.id, version.1])?;
        }
        Ok(())
    }

    /// An object that counted as vanished or deleted shows a change: have it read whole.
    fn alive_after_all(&self, stored: &Stored) -> Result<(Option<i64>, bool)> {
        self.tx
            .prepare_cached("INSERT OR IGNORE INTO lookup (object, why) VALUES (?1, ?2)")?
            .execute([stored.id, LOOKUP_INCOMPLETE])?;
        Ok((Some(stored.id), true))
    }

    /// Marks of references to an object that is back, and that the source no longer has, are to be taken back.
    fn incoming_due(&self, dst: i64) -> Result<()> {
        for job in &self.jobs {
            incoming_edges_due(self.tx, sync_core::id::JobId(*job), dst, self.now)?;
        }
        Ok(())
    }

    fn part(
        &self,
        entry: &Entry,
        stored: Stored,
        version: (Option<i64>, Option<i64>),
    ) -> Result<(Option<i64>, bool)> {
        let mut attributes = match &stored.attributes {
            Some(blob) => self.engine.codec().attributes(blob)?,
            None => Attributes::new(),
        };
        let values_changed = attributes.merge(entry.attributes.clone());
        let parent = match &entry.parent {
            Some(anchor) => Some(self.row_of(anchor)?),
            None => stored.parent,
        };
        let rdn = entry
            .rdn
            .as_deref()
            .map(str::to_owned)
            .or_else(|| stored.rdn.clone());
        let class = match &entry.class {
            Some(class) => Some(self.engine.intern(self.tx, class)?),
            None => stored.class,
        };
        let place_changed = parent != stored.parent || rdn != stored.rdn;
        let changed = values_changed || place_changed || class != stored.class;
        if !changed {
            self.stored_again(&stored, version)?;
        } else {
            let blob = if values_changed {
                Some(self.engine.encode(self.tx, &attributes)?)
            } else {
                stored.attributes
            };
            self.store(stored.id, (parent, class, 2, rdn), version, blob)?;
            self.due(stored.id, parent)?;
        }
        if place_changed {
            self.place_changed(stored.id, parent)?;
        }
        let links_changed = self.links(stored.id, Before::More, &entry.links)?;
        Ok((Some(stored.id), changed || links_changed))
    }

    // LONG: one object; taken apart, its row would travel through every part.
    fn whole(
        &self,
        entry: &Entry,
        packed: Option<Packed>,
        stored: Option<Stored>,
        version: (Option<i64>, Option<i64>),
    ) -> Result<(Option<i64>, bool)> {
        let is_skeleton = entry.kind == EntryKind::Skeleton;
        let class = entry
            .class
            .as_ref()
            .map(|class| self.engine.intern(self.tx, class))
            .transpose()?;
        let parent = entry
            .parent
            .as_ref()
            .map(|anchor| self.row_of(anchor))
            .transpose()?;
        let rdn = entry.rdn.as_deref().map(str::to_owned);
        let blob = if is_skeleton {
            None
        } else {
            let attributes = &entry.attributes;
            Some(self.engine.packed_or_encoded(self.tx, packed, attributes)?)
        };
        let state = if is_skeleton { 1 } else { 2 };
        if stored.is_none() {
            let inserted = self
                .tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO object (connector, anchor, parent, class, state, rdn, replica, usn, attributes)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(params![
                    self.connector.0,
                    entry.anchor.as_bytes(),
                    parent,
                    class,
                    state,
                    rdn,
                    version.0,
                    version.1,
                    blob
                ])?;
            if inserted > 0 {
                let id = self.tx.last_insert_rowid();
                self.know(&entry.anchor, id);
                if !is_skeleton {
                    self.due(id, parent)?;
                }
                if let (Some(shown), Some(blob)) = (&self.shown, blob) {
                    shown.borrow_mut().push(Shown {
                        object: id,
                        blob,
                        attributes: entry.attributes.clone(),
                    });
                }
                self.links(id, Before::Nothing, &entry.links)?;
                return Ok((Some(id), !is_skeleton));
            }
        }
        let stored = match stored {
            Some(stored) => stored,
            // Somebody else added it since the read began.
            None => self
                .find(&entry.anchor)?
                .ok_or_else(|| StoreError::Refused(Refusal::new(Code::Conflict)))?,
        };
        // A stub that gets its place counts: what is below it may have been planned with half a name.
        let place_changed = parent != stored.parent || rdn != stored.rdn;
        let changed = place_changed
            || state != stored.state
            || class != stored.class
            || blob != stored.attributes;
        if !changed {
            self.stored_again(&stored, version)?;
        } else {
            self.store(stored.id, (parent, class, state, rdn), version, blob)?;
            self.tx
                .prepare_cached("DELETE FROM lookup WHERE object = ?1")?
                .execute([stored.id])?;
            if !is_skeleton || stored.state >= 2 {
                self.due(stored.id, parent)?;
            }
        }
        if place_changed {
            self.place_changed(stored.id, parent)?;
        }
        if stored.state == 3 {
            self.incoming_due(stored.id)?;
        }
        let before = match stored.state {
            0 => Before::Anchor,
            _ => Before::More,
        };
        let mut links_changed = self.links(stored.id, before, &entry.links)?;
        if !is_skeleton {
            links_changed |= self.end_other_links(stored.id, &entry.links)?;
        }
        if state != stored.state {
            self.scope.state_changed(stored.id, self.now)?;
        }
        Ok((Some(stored.id), changed || links_changed))
    }

    fn store(
        &self,
        id: i64,
        (parent, class, state, rdn): (Option<i64>, Option<i64>, i64, Option<String>),
        version: (Option<i64>, Option<i64>),
        blob: Option<Vec<u8>>,
    ) -> Result<()> {
        self.tx
            .prepare_cached(
                "UPDATE object SET parent = ?2, class = ?3, state = ?4, rdn = ?5, replica = coalesce(?6, replica),
                   usn = coalesce(?7, usn), attributes = ?8 WHERE id = ?1",
            )?
            .execute(params![id, parent, class, state, rdn, version.0, version.1, blob])?;
        Ok(())
    }

    /// Makes an object due, or has it wait while a container above it has not been shown: without that, its name and whether
    /// it is in scope would be a guess. Not every server shows containers before what is in them.
    fn due(&self, id: i64, parent: Option<i64>) -> Result<()> {
        if self.is_placed(parent)? {
            return due_for_jobs(self.tx, &self.jobs, id, reason::CHANGED, self.now);
        }
        self.put_off(id)
    }

    fn put_off(&self, id: i64) -> Result<()> {
        for job in &self.jobs {
            let link = crate::link_id(sync_core::id::JobId(*job), sync_core::id::ObjectId(id));
            self.tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO due_later (id, reasons, not_before) VALUES (?1, ?2, ?3)",
                )?
                .execute([link.0, reason::CHANGED, UNTIL_PLACED])?;
        }
        Ok(())
    }

    /// Whether every container from this one up to the root has been shown.
    fn is_placed(&self, parent: Option<i64>) -> Result<bool> {
        let Some(placed) = &self.placed else {
            return Ok(true);
        };
        let mut placed = placed.borrow_mut();
        let mut chain = Vec::new();
        let mut next = parent;
        while let Some(id) = next {
            if placed.contains(&id) || chain.len() >= DEEPEST {
                break;
            }
            let (above, is_named): (Option<i64>, bool) = self
                .tx
                .prepare_cached("SELECT parent, rdn IS NOT NULL FROM object WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if !is_named {
                return Ok(false);
            }
            chain.push(id);
            next = above;
        }
        placed.extend(chain);
        Ok(true)
    }

    /// What is below a moved or renamed object has another name now.
    fn place_changed(&self, id: i64, parent: Option<i64>) -> Result<()> {
        if let Some(placed) = &self.placed {
            placed.borrow_mut().clear();
        }
        let has_children = self
            .tx
            .prepare_cached("SELECT 1 FROM object WHERE parent = ?1 LIMIT 1")?
            .exists([id])?;
        match has_children {
            false => Ok(()),
            // The container that is still missing brings this one along.
            true if !self.is_placed(parent)? => self.put_off(id),
            true => subtree_due(self.tx, id, self.now),
        }
    }

    fn links(&self, src: i64, before: Before, changes: &[LinkChange]) -> Result<bool> {
        let mut changed = false;
        for change in changes {
            let attribute = self.engine.intern(self.tx, &change.attribute)?;
            changed |= if change.complete {
                self.complete_links(src, before, attribute, &change.added)?
            } else {
                self.some_links(src, attribute, change)?
            };
        }
        Ok(changed)
    }

    /// A whole state leaves out an attribute without values: what was known of such a linked attribute has ended.
    fn end_other_links(&self, src: i64, shown: &[LinkChange]) -> Result<bool> {
        let mut known = Vec::with_capacity(shown.len());
        for change in shown {
            known.push(self.engine.intern(self.tx, &change.attribute)?);
        }
        let mut changed = false;
        let mut after = i64::MIN;
        // From attribute to attribute by the index: a group of many members is not gone through.
        while let Some(attribute) = self.next_linked_attribute(src, after)? {
            if !known.contains(&attribute) {
                changed |= self.complete_links(src, Before::More, attribute, &[])?;
            }
            after = attribute;
        }
        Ok(changed)
    }

    fn next_linked_attribute(&self, src: i64, after: i64) -> Result<Option<i64>> {
        Ok(self
            .tx
            .prepare_cached(
                "SELECT attribute FROM edge WHERE src = ?1 AND attribute > ?2 ORDER BY attribute LIMIT 1",
            )?
            .query_row([src, after], |row| row.get(0))
            .optional()?)
    }

    fn complete_links(
        &self,
        src: i64,
        before: Before,
        attribute: i64,
        anchors: &[Anchor],
    ) -> Result<bool> {
        if before == Before::Nothing {
            return self.first_links(src, attribute, anchors);
        }
        let mut wanted = HashSet::with_capacity(anchors.len());
        for anchor in anchors {
            wanted.insert(self.row_of(anchor)?);
        }
        let mut have: BTreeMap<i64, i64> = BTreeMap::new();
        {
            let mut statement = self
                .tx
                .prepare_cached("SELECT dst, flags FROM edge WHERE src = ?1 AND attribute = ?2")?;
            let mut rows = statement.query([src, attribute])?;
            while let Some(row) = rows.next()? {
                have.insert(row.get(0)?, row.get(1)?);
            }
        }
        let mut added: Vec<i64> = wanted
            .iter()
            .copied()
            .filter(|dst| have.get(dst).is_none_or(|f| f & 1 == 0))
            .collect();
        added.sort_unstable();
        let gone: Vec<i64> = have
            .iter()
            .filter(|(dst, f)| **f & 1 == 1 && !wanted.contains(dst))
            .map(|(dst, _)| *dst)
            .collect();
        let mut setter = self.edge_setter()?;
        for dst in &added {
            if setter.execute([src, attribute, *dst])? > 0 {
                self.ends_hold(src, attribute, *dst)?;
            }
        }
        drop(setter);
        for dst in &gone {
            self.clear_edge(src, attribute, *dst)?;
        }
        let changed = !added.is_empty() || !gone.is_empty();
        for ends in [&added, &gone] {
            self.scope.links_changed(src, attribute, ends, self.now)?;
        }
        // Who has no link yet has its references planned with its creation, and again when it is there.
        if changed && before == Before::More {
            for job in &self.jobs {
                let link = crate::link_id(sync_core::id::JobId(*job), sync_core::id::ObjectId(src));
                make_references_due(self.tx, link.0, true, self.now)?;
            }
        }
        Ok(changed)
    }

    /// The links of an object nothing was known of: there is nothing to compare them with.
    fn first_links(&self, src: i64, attribute: i64, anchors: &[Anchor]) -> Result<bool> {
        let mut added = Vec::with_capacity(anchors.len());
        for anchor in anchors {
            added.push(self.row_of(anchor)?);
        }
        added.sort_unstable();
        added.dedup();
        let mut setter = self.edge_setter()?;
        for dst in &added {
            setter.execute([src, attribute, *dst])?;
        }
        drop(setter);
        self.scope.links_changed(src, attribute, &added, self.now)?;
        Ok(!added.is_empty())
    }

    fn some_links(&self, src: i64, attribute: i64, change: &LinkChange) -> Result<bool> {
        let mut touched = Vec::with_capacity(change.added.len() + change.removed.len());
        for anchor in &change.removed {
            let dst = self.row_of(anchor)?;
            if self.clear_edge(src, attribute, dst)? {
                touched.push(dst);
            }
        }
        for anchor in &change.added {
            let dst = self.row_of(anchor)?;
            if self.edge_setter()?.execute([src, attribute, dst])? > 0 {
                self.ends_hold(src, attribute, dst)?;
                touched.push(dst);
            }
        }
        self.scope
            .links_changed(src, attribute, &touched, self.now)?;
        for job in &self.jobs {
            let link = crate::link_id(sync_core::id::JobId(*job), sync_core::id::ObjectId(src)).0;
            for dst in &touched {
                self.tx
                    .prepare_cached(
                        "INSERT OR IGNORE INTO due_edge (id, attribute, dst) VALUES (?1, ?2, ?3)",
                    )?
                    .execute([link, attribute, *dst])?;
            }
            if !touched.is_empty() {
                make_references_due(self.tx, link, false, self.now)?;
            }
        }
        Ok(!touched.is_empty())
    }

    /// Says of references that the source has them; what it changes were unknown or taken back.
    fn edge_setter(&self) -> Result<CachedStatement<'_>> {
        Ok(self.tx.prepare_cached(
            "INSERT INTO edge (src, attribute, dst, flags) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT (src, attribute, dst) DO UPDATE SET flags = flags | 1 WHERE flags & 1 = 0",
        )?)
    }

    /// What was held of a reference holds only until the source changes it.
    fn ends_hold(&self, src: i64, attribute: i64, dst: i64) -> Result<()> {
        match self.has_holds {
            true => hold::source_changed(self.tx, &self.jobs, src, attribute, dst),
            false => Ok(()),
        }
    }

    fn clear_edge(&self, src: i64, attribute: i64, dst: i64) -> Result<bool> {
        let changed = self
            .tx
            .prepare_cached("UPDATE edge SET flags = flags & ~1 WHERE src = ?1 AND attribute = ?2 AND dst = ?3 AND flags & 1 = 1")?
            .execute([src, attribute, dst])?;
        for job in &self.jobs {
            self.tx
                .prepare_cached("DELETE FROM waiting WHERE job = ?1 AND dst = ?2 AND src = ?3 AND attribute = ?4")?
                .execute([*job, dst, src, attribute])?;
        }
        self.tx
            .prepare_cached(
                "DELETE FROM edge WHERE src = ?1 AND attribute = ?2 AND dst = ?3 AND flags = 0",
            )?
            .execute([src, attribute, dst])?;
        if changed > 0 {
            self.ends_hold(src, attribute, dst)?;
        }
        Ok(changed > 0)
    }
}

/// The class name of a stored class number.
pub(crate) fn class_name(engine: &Engine, class: Option<i64>) -> Option<Name> {
    class.and_then(|id| engine.name(id))
}

/// Attributes of a stored blob.
pub(crate) fn attributes_of(engine: &Engine, blob: Option<Vec<u8>>) -> Result<Attributes> {
    match blob {
        Some(blob) => engine.codec().attributes(&blob),
        None => Ok(Attributes::new()),
    }
}

/// A stored refusal.
pub(crate) fn refusal_of(blob: Option<Vec<u8>>) -> Result<Option<Refusal>> {
    blob.map(|blob| unpack(&blob)).transpose()
}
