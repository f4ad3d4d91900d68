//! The provisioning log: compact records in compressed segments.
//!
//! Each batch of outcomes becomes one segment (`segment`); small neighbours are merged later, old ones deleted. Every record knows how
//! far back the record of the same link before it lies, so that the history of one object is followed without an index per
//! record. Records hold codes and values, never text in a language: they are rendered when read. Trap: the log holds attribute values (that is its purpose) and must be shown
//! only to administrators.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sync_core::{
    code::Code,
    id::{Anchor, JobId, LinkId, TargetId},
    operation::Refusal,
    value::{Name, Values},
};
use uuid::Uuid;

use crate::{
    group::Transaction,
    segment::{self, Entry, FORMAT, Plain},
    store::{Engine, Result, StoreError, unpack},
};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Created in the target.
    Create,
    /// Changed in the target.
    Update,
    /// Sign-in taken away.
    Disable,
    /// Deleted in the target.
    Delete,
    /// Brought back in the target.
    Restore,
    /// A delete or disable held by the guard.
    StagedDelete,
    /// Nothing, for a reason.
    Skip,
}

impl Action {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::StagedDelete => "stagedDelete",
            Self::Skip => "skip",
        }
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Done.
    Success,
    /// Failed.
    Failure,
    /// Not done, for a reason.
    Skipped,
    /// Done, but for a value that another object holds.
    Warning,
}

impl Status {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
        }
    }
}

/// A change of references, by target id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceNote {
    /// Target attribute.
    pub attribute: Name,
    /// Added.
    pub added: Vec<TargetId>,
    /// Removed.
    pub removed: Vec<TargetId>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Number in the log, from 1, without gaps; given when stored.
    pub sequence: i64,
    /// When, unix ms.
    pub at: i64,
    /// When the cause was seen, unix ms.
    pub since: i64,
    /// The link.
    pub link: i64,
    /// The job.
    pub job: i64,
    /// What was done.
    pub action: Action,
    /// How it went.
    pub status: Status,
    /// Source class.
    pub class: String,
    /// Name for people.
    pub name: String,
    /// Anchor of the source object.
    pub anchor: Anchor,
    /// Target object.
    pub target: Option<String>,
    /// Why not, if not.
    pub refusal: Option<Refusal>,
    /// Attributes: name, old values, new values.
    pub changes: Vec<(Name, Values, Values)>,
    /// References.
    pub references: Vec<ReferenceNote>,
    /// Why it was planned: bits of [`crate::reason`].
    pub reasons: i64,
    /// The cycle it belongs to; given when stored, nil for records of before.
    pub cycle: Uuid,
}

/// A record as it was written before cycles had ids.
#[derive(Deserialize)]
struct RecordBefore {
    sequence: i64,
    at: i64,
    since: i64,
    link: i64,
    job: i64,
    action: Action,
    status: Status,
    class: String,
    name: String,
    anchor: Anchor,
    target: Option<String>,
    refusal: Option<Refusal>,
    changes: Vec<(Name, Values, Values)>,
    references: Vec<ReferenceNote>,
    reasons: i64,
}

impl From<RecordBefore> for Record {
    fn from(before: RecordBefore) -> Self {
        Self {
            sequence: before.sequence,
            at: before.at,
            since: before.since,
            link: before.link,
            job: before.job,
            action: before.action,
            status: before.status,
            class: before.class,
            name: before.name,
            anchor: before.anchor,
            target: before.target,
            refusal: before.refusal,
            changes: before.changes,
            references: before.references,
            reasons: before.reasons,
            cycle: Uuid::nil(),
        }
    }
}

/// A question to the log.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Only this link.
    pub link: Option<LinkId>,
    /// Only this job.
    pub job: Option<i64>,
    /// Only this action.
    pub action: Option<Action>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this code.
    pub code: Option<Code>,
    /// Only of this cycle.
    pub cycle: Option<Uuid>,
    /// Only after this sequence number.
    pub after: Option<i64>,
    /// Only before this sequence number.
    pub before: Option<i64>,
    /// Only at or after this time, unix ms.
    pub since: Option<i64>,
    /// Only before this time, unix ms.
    pub until: Option<i64>,
    /// Oldest first rather than newest first.
    pub ascending: bool,
    /// At most so many records.
    pub limit: usize,
}

/// An answer of the log.
#[derive(Clone, Debug, Default)]
pub struct LogPage {
    /// Records in the order asked for.
    pub records: Vec<Record>,
    /// Whether there are more.
    pub has_more: bool,
}

/// Records in a segment once it is full.
const SEGMENT_RECORDS: usize = 1_000;
/// Small segments are merged when there are so many.
const SMALL_SEGMENTS: i64 = 32;
/// Segments deleted in one transaction.
const SEGMENTS_TRIMMED: usize = 1_000;

impl LogQuery {
    fn accepts(&self, record: &Record) -> bool {
        self.link.is_none_or(|link| link.0 == record.link)
            && self.job.is_none_or(|job| job == record.job)
            && self.action.is_none_or(|action| action == record.action)
            && self.status.is_none_or(|status| status == record.status)
            && self
                .code
                .is_none_or(|code| record.refusal.as_ref().is_some_and(|why| why.code == code))
            && self.cycle.is_none_or(|cycle| cycle == record.cycle)
            && self.after.is_none_or(|after| record.sequence > after)
            && self.before.is_none_or(|before| record.sequence < before)
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }
}

impl Engine {
    /// Adds records to the log, each with the cycle its job is in; a job that is in none begins one.
    pub(crate) fn append_log(
        &self,
        tx: &Transaction<'_>,
        mut records: Vec<Record>,
        now: i64,
    ) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let next: i64 = tx
            .prepare_cached("SELECT coalesce(max(first + count), 1) FROM segment WHERE id = (SELECT max(id) FROM segment)")?
            .query_row([], |row| row.get(0))?;
        let mut known: Option<(i64, Uuid)> = None;
        for (index, record) in records.iter_mut().enumerate() {
            record.sequence = next + i64::try_from(index).unwrap_or(0);
            record.at = now;
            record.cycle = match known {
                Some((job, cycle)) if job == record.job => cycle,
                _ => self.cycle(tx, JobId(record.job), now)?.guid,
            };
            known = Some((record.job, record.cycle));
        }
        for chunk in records.chunks(SEGMENT_RECORDS) {
            let entries = thread(tx, chunk)?;
            store_segment(tx, chunk, entries)?;
        }
        Ok(())
    }

    /// Adds records that come from elsewhere than an outcome: another log, or a benchmark.
    ///
    /// # Errors
    /// Of the store.
    pub fn add_records(&self, records: Vec<Record>) -> Result<()> {
        let now = self.now();
        self.write("engine.add_records", |tx| self.append_log(tx, records, now))
    }

    /// Reads the log.
    ///
    /// # Errors
    /// Of the store.
    pub fn log(&self, query: &LogQuery) -> Result<LogPage> {
        self.read(|c| {
            let mut page = LogPage::default();
            let Some(link) = query.link else {
                scan(c, query, false, &mut page)?;
                return Ok(page);
            };
            // What has no thread is older than everything that has one.
            match query.ascending {
                true => {
                    scan(c, query, true, &mut page)?;
                    follow(c, query, link, &mut page)?;
                }
                false => {
                    follow(c, query, link, &mut page)?;
                    scan(c, query, true, &mut page)?;
                }
            }
            Ok(page)
        })
    }

    /// The number of the newest record; 0 if there is none.
    ///
    /// # Errors
    /// Of the store.
    pub fn log_end(&self) -> Result<i64> {
        self.read(|c| {
            Ok(c.prepare_cached("SELECT coalesce(max(first + count - 1), 0) FROM segment WHERE id = (SELECT max(id) FROM segment)")?
                .query_row([], |row| row.get(0))?)
        })
    }

    /// Merges small neighbouring segments. Says whether there was something to do.
    ///
    /// # Errors
    /// Of the store.
    pub fn compact_log(&self) -> Result<bool> {
        let small: i64 = self.read(|c| {
            Ok(c.query_row(
                "SELECT count(*) FROM segment WHERE count < ?1 AND format >= 3",
                [SEGMENT_RECORDS / 2],
                |row| row.get(0),
            )?)
        })?;
        if small < SMALL_SEGMENTS {
            return Ok(false);
        }
        self.write("engine.compact_log", |tx| {
            let run = small_run(tx)?;
            let (Some(first), true) = (run.ids.first(), run.ids.len() > 1) else {
                return Ok(false);
            };
            for id in run.ids.iter().skip(1) {
                tx.execute("DELETE FROM segment WHERE id = ?1", [id])?;
            }
            tx.execute(
                "UPDATE segment SET count = ?2, first_at = ?3, last_at = ?4, objects = ?5, data = ?6 WHERE id = ?1",
                params![
                    first,
                    run.plain.len(),
                    run.first_at,
                    run.last_at,
                    segment::close_index(run.entries)?,
                    run.plain.close()?
                ],
            )?;
            Ok(true)
        })
    }

    /// Deletes what is older than `before` (unix ms) and, from the oldest on, what is more than `bytes` in all. The newest segment
    /// always stays, or numbers would begin again. Says how many records were deleted.
    ///
    /// # Errors
    /// Of the store.
    pub fn trim_log(&self, before: i64, bytes: u64) -> Result<u64> {
        let oldest = |c: &Connection| -> Result<Vec<(i64, u64)>> {
            let total: u64 = c.query_row(
                "SELECT coalesce(sum(length(data) + length(objects)), 0) FROM segment",
                [],
                |row| row.get(0),
            )?;
            let mut over = total.saturating_sub(bytes);
            let mut statement = c.prepare_cached(
                "SELECT id, count, last_at, length(data) + length(objects) FROM segment
                 WHERE id < (SELECT max(id) FROM segment) ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            let mut gone = Vec::new();
            while let Some(row) = rows.next()? {
                if over == 0 && row.get::<_, i64>(2)? >= before || gone.len() >= SEGMENTS_TRIMMED {
                    break;
                }
                over = over.saturating_sub(row.get(3)?);
                gone.push((row.get(0)?, row.get(1)?));
            }
            Ok(gone)
        };
        let gone = self.read(oldest)?;
        if gone.is_empty() {
            return Ok(0);
        }
        self.write("engine.trim_log", |tx| {
            for (id, _) in &gone {
                tx.execute("DELETE FROM segment WHERE id = ?1", [id])?;
            }
            Ok(gone.iter().map(|(_, count)| count).sum())
        })
    }

    /// How large the log is, and how far it goes back.
    ///
    /// # Errors
    /// Of the store.
    pub fn log_size(&self) -> Result<LogSize> {
        self.read(|c| {
            Ok(c.query_row(
                "SELECT coalesce(sum(count), 0), coalesce(sum(length(data) + length(objects)), 0), min(first_at) FROM segment",
                [],
                |row| {
                    Ok(LogSize {
                        records: row.get(0)?,
                        bytes: row.get(1)?,
                        oldest: row.get(2)?,
                    })
                },
            )?)
        })
    }
}

/// How large the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSize {
    /// Records.
    pub records: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// When the oldest was written, unix ms.
    pub oldest: Option<i64>,
}

/// Ties the records of a batch to those of the same links before.
fn thread(tx: &Transaction<'_>, records: &[Record]) -> Result<Vec<Entry>> {
    let mut last = tx.prepare_cached("SELECT sequence FROM log_last WHERE link = ?1")?;
    let mut known =
        tx.prepare_cached("INSERT OR REPLACE INTO log_last (link, sequence) VALUES (?1, ?2)")?;
    let mut entries = Vec::with_capacity(records.len());
    for (place, record) in records.iter().enumerate() {
        let before: Option<i64> = last.query_row([record.link], |row| row.get(0)).optional()?;
        known.execute([record.link, record.sequence])?;
        entries.push(Entry {
            link: record.link,
            place: u32::try_from(place).unwrap_or(u32::MAX),
            back: before.map_or(0, |before| record.sequence.saturating_sub(before).max(0)),
        });
    }
    Ok(entries)
}

/// Small segments that stand beside each other, put together.
#[derive(Default)]
struct Run {
    ids: Vec<i64>,
    plain: Plain,
    entries: Vec<Entry>,
    first_at: i64,
    last_at: i64,
}

impl Run {
    fn add(&mut self, id: i64, times: (i64, i64), objects: &[u8], data: &[u8]) -> Result<()> {
        let places = u32::try_from(self.plain.len()).unwrap_or(u32::MAX);
        self.plain.append(&Plain::open(data)?);
        let moved = segment::open_index(objects)?
            .into_iter()
            .map(|entry| Entry {
                place: entry.place.saturating_add(places),
                ..entry
            });
        self.entries.extend(moved);
        if self.ids.is_empty() {
            (self.first_at, self.last_at) = times;
        }
        self.first_at = self.first_at.min(times.0);
        self.last_at = self.last_at.max(times.1);
        self.ids.push(id);
        Ok(())
    }
}

/// The first run of small segments that can be put together.
fn small_run(tx: &Transaction<'_>) -> Result<Run> {
    let mut statement = tx.prepare(
        "SELECT id, count, format, first_at, last_at, objects, data FROM segment ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut run = Run::default();
    while let Some(row) = rows.next()? {
        let count: usize = row.get(1)?;
        let is_small = count < SEGMENT_RECORDS / 2 && row.get::<_, i64>(2)? == FORMAT;
        if !is_small || run.plain.len() + count > SEGMENT_RECORDS {
            if run.ids.len() > 1 {
                break;
            }
            run = Run::default();
        }
        if is_small {
            let times = (row.get(3)?, row.get(4)?);
            let objects = row.get_ref(5)?.as_blob().unwrap_or_default();
            let data = row.get_ref(6)?.as_blob().unwrap_or_default();
            run.add(row.get(0)?, times, objects, data)?;
        }
    }
    Ok(run)
}

impl LogPage {
    /// Takes a record, unless the page is full; then it only remembers that there are more.
    fn take(&mut self, query: &LogQuery, record: Record) {
        if !query.accepts(&record) || self.has_more {
            return;
        }
        match self.records.len() < query.limit {
            true => self.records.push(record),
            false => self.has_more = true,
        }
    }
}

/// Reads segment by segment: all of them, or those without threads.
fn scan(c: &Connection, query: &LogQuery, is_unthreaded: bool, page: &mut LogPage) -> Result<()> {
    if page.has_more {
        return Ok(());
    }
    let order = if query.ascending { "ASC" } else { "DESC" };
    let which = if is_unthreaded { "format < 3 AND" } else { "" };
    let mut statement = c.prepare_cached(&format!(
        "SELECT objects, data, format FROM segment WHERE {which} (?1 IS NULL OR first + count > ?1 + 1) AND (?2 IS NULL OR first < ?2)
           AND (?3 IS NULL OR last_at >= ?3) AND (?4 IS NULL OR first_at < ?4) ORDER BY id {order}"
    ))?;
    let mut rows = statement.query(params![query.after, query.before, query.since, query.until])?;
    while let Some(row) = rows.next()? {
        if let (Some(link), true) = (query.link, is_unthreaded)
            && !holds(row.get_ref(0)?.as_blob().unwrap_or_default(), link.0)
        {
            continue;
        }
        let mut records = open_segment(row.get(2)?, row.get_ref(1)?.as_blob().unwrap_or_default())?;
        if !query.ascending {
            records.reverse();
        }
        for record in records {
            page.take(query, record);
            if page.has_more {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A segment on the way back through the history of a link.
struct Stop {
    id: i64,
    /// Places of the link's records in it, the oldest first.
    places: Vec<u32>,
}

/// Follows the history of a link from its newest record to its oldest.
fn follow(c: &Connection, query: &LogQuery, link: LinkId, page: &mut LogPage) -> Result<()> {
    if page.has_more {
        return Ok(());
    }
    let last = c
        .prepare_cached("SELECT sequence FROM log_last WHERE link = ?1")?
        .query_row([link.0], |row| row.get(0))
        .optional()?;
    let mut at: Option<i64> = last;
    let mut stops = Vec::new();
    while let Some(sequence) = at {
        let Some((stop, next)) = step(c, query, link, sequence)? else {
            break;
        };
        at = next;
        match query.ascending {
            true => stops.push(stop),
            false => collect(c, query, &stop, page)?,
        }
        if page.has_more {
            return Ok(());
        }
    }
    for stop in stops.iter().rev() {
        collect(c, query, stop, page)?;
        if page.has_more {
            break;
        }
    }
    Ok(())
}

/// The segment of a record of a link, and the number of the link's record before that segment. `None`: deleted already.
fn step(
    c: &Connection,
    query: &LogQuery,
    link: LinkId,
    sequence: i64,
) -> Result<Option<(Stop, Option<i64>)>> {
    let mut statement = c.prepare_cached(
        "SELECT id, first, count, format, first_at, last_at, objects FROM segment WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
    )?;
    let mut rows = statement.query([sequence])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let (first, count): (i64, i64) = (row.get(1)?, row.get(2)?);
    if row.get::<_, i64>(3)? != FORMAT || sequence >= first.saturating_add(count) {
        return Ok(None);
    }
    let entries = segment::of_link(row.get_ref(6)?.as_blob().unwrap_or_default(), link.0)?;
    let number = |entry: &Entry| first.saturating_add(i64::from(entry.place));
    let oldest = entries.first();
    let before = oldest
        .filter(|entry| entry.back > 0)
        .map(|entry| number(entry) - entry.back);
    let is_done = query
        .after
        .is_some_and(|after| before.is_some_and(|before| before <= after));
    let is_in_time = query
        .since
        .is_none_or(|since| row.get(5).is_ok_and(|last: i64| last >= since))
        && query
            .until
            .is_none_or(|until| row.get(4).is_ok_and(|begin: i64| begin < until));
    let is_wanted = |entry: &&Entry| {
        is_in_time
            && query.after.is_none_or(|after| number(entry) > after)
            && query.before.is_none_or(|before| number(entry) < before)
    };
    let stop = Stop {
        id: row.get(0)?,
        places: entries
            .iter()
            .filter(is_wanted)
            .map(|entry| entry.place)
            .collect(),
    };
    // A thread leads back; one that does not is damaged, and not followed for ever.
    Ok(Some((
        stop,
        before.filter(|before| !is_done && *before < first),
    )))
}

/// Takes the records of a stop.
fn collect(c: &Connection, query: &LogQuery, stop: &Stop, page: &mut LogPage) -> Result<()> {
    if stop.places.is_empty() {
        return Ok(());
    }
    let data: Vec<u8> = c
        .prepare_cached("SELECT data FROM segment WHERE id = ?1")?
        .query_row([stop.id], |row| row.get(0))?;
    let plain = Plain::open(&data)?;
    let mut places: Vec<usize> = stop.places.iter().map(|place| *place as usize).collect();
    if !query.ascending {
        places.reverse();
    }
    for place in places {
        page.take(query, plain.record(place)?);
        if page.has_more {
            break;
        }
    }
    Ok(())
}

fn store_segment(tx: &Transaction<'_>, records: &[Record], entries: Vec<Entry>) -> Result<()> {
    let Some(first) = records.first() else {
        return Ok(());
    };
    let (first_at, last_at) = times(records);
    tx.prepare_cached("INSERT INTO segment (first, count, first_at, last_at, objects, data, format) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            first.sequence,
            records.len(),
            first_at,
            last_at,
            segment::close_index(entries)?,
            Plain::of(records)?.close()?,
            FORMAT
        ])?;
    Ok(())
}

/// Earliest and latest time of records; a clock that was set back leaves them out of order.
fn times(records: &[Record]) -> (i64, i64) {
    let times = || records.iter().map(|record| record.at);
    (times().min().unwrap_or(0), times().max().unwrap_or(0))
}

/// Whether a segment without threads lists a link.
fn holds(objects: &[u8], link: i64) -> bool {
    let Ok(differences) = unpack::<Vec<i64>>(objects) else {
        return true;
    };
    let mut at = 0;
    differences.iter().any(|difference| {
        at += difference;
        at == link
    })
}

/// All records of a segment, however it was written.
fn open_segment(format: i64, data: &[u8]) -> Result<Vec<Record>> {
    match format {
        FORMAT => Plain::open(data)?.records(),
        2 => unpack(&segment::decompressed(data)?),
        1 => {
            let before: Vec<RecordBefore> = unpack(&segment::decompressed(data)?)?;
            Ok(before.into_iter().map(Record::from).collect())
        }
        _ => Err(StoreError::Blob("log segment")),
    }
}
