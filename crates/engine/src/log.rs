//! The provisioning log: compact records in compressed segments.
//!
//! Each batch of outcomes becomes one segment; small neighbours are merged later. A segment lists the links inside it, so
//! that the records of one object are found without an index per record. Records hold codes and values, never text in a
//! language: they are rendered when read. Trap: the log holds attribute values (that is its purpose) and must be shown
//! only to administrators.

use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use sync_core::{
    code::Code,
    id::{Anchor, JobId, LinkId},
    operation::Refusal,
    value::{Name, Values},
};
use uuid::Uuid;

use crate::store::{Engine, Result, StoreError, pack, unpack};

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
    pub added: Vec<String>,
    /// Removed.
    pub removed: Vec<String>,
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
/// How segments are written now.
const FORMAT: i64 = 2;
/// A segment never unpacks to more than this.
const LARGEST_SEGMENT: usize = 256 << 20;

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
            store_segment(tx, chunk)?;
        }
        Ok(())
    }

    /// Reads the log.
    ///
    /// # Errors
    /// Of the store.
    pub fn log(&self, query: &LogQuery) -> Result<LogPage> {
        let order = if query.ascending { "ASC" } else { "DESC" };
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!(
                "SELECT objects, data, format FROM segment WHERE (?1 IS NULL OR first + count > ?1 + 1) AND (?2 IS NULL OR first < ?2)
                   AND (?3 IS NULL OR last_at >= ?3) AND (?4 IS NULL OR first_at < ?4) ORDER BY id {order}"
            ))?;
            let mut rows = statement.query(params![query.after, query.before, query.since, query.until])?;
            let mut page = LogPage::default();
            while let Some(row) = rows.next()? {
                if let Some(link) = query.link
                    && !holds(row.get_ref(0)?.as_blob().unwrap_or_default(), link.0)
                {
                    continue;
                }
                let mut records = open_segment(row.get(2)?, row.get_ref(1)?.as_blob().unwrap_or_default())?;
                if !query.ascending {
                    records.reverse();
                }
                for record in records {
                    if !query.accepts(&record) {
                        continue;
                    }
                    if page.records.len() >= query.limit {
                        page.has_more = true;
                        return Ok(page);
                    }
                    page.records.push(record);
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
                "SELECT count(*) FROM segment WHERE count < ?1",
                [SEGMENT_RECORDS / 2],
                |row| row.get(0),
            )?)
        })?;
        if small < SMALL_SEGMENTS {
            return Ok(false);
        }
        self.write("engine.compact_log", |tx| {
            let mut run: Vec<i64> = Vec::new();
            let mut records: Vec<Record> = Vec::new();
            let mut merged = false;
            {
                let mut statement = tx.prepare("SELECT id, count, data, format FROM segment ORDER BY id")?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let count: usize = row.get(1)?;
                    if count >= SEGMENT_RECORDS / 2 || records.len() + count > SEGMENT_RECORDS {
                        if run.len() > 1 {
                            break;
                        }
                        run.clear();
                        records.clear();
                    }
                    if count < SEGMENT_RECORDS / 2 {
                        run.push(row.get(0)?);
                        records.extend(open_segment(row.get(3)?, row.get_ref(2)?.as_blob().unwrap_or_default())?);
                    }
                }
            }
            if run.len() > 1 {
                merged = true;
                for id in run.iter().skip(1) {
                    tx.execute("DELETE FROM segment WHERE id = ?1", [id])?;
                }
                let (objects, data) = close_segment(&records)?;
                let (first_at, last_at) = times(&records);
                tx.execute("UPDATE segment SET count = ?2, first_at = ?3, last_at = ?4, objects = ?5, data = ?6, format = ?7 WHERE id = ?1", params![
                    run.first(),
                    records.len(),
                    first_at,
                    last_at,
                    objects,
                    data,
                    FORMAT
                ])?;
            }
            Ok(merged)
        })
    }
}

fn store_segment(tx: &Transaction<'_>, records: &[Record]) -> Result<()> {
    let Some(first) = records.first() else {
        return Ok(());
    };
    let (first_at, last_at) = times(records);
    let (objects, data) = close_segment(records)?;
    tx.prepare_cached("INSERT INTO segment (first, count, first_at, last_at, objects, data, format) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![first.sequence, records.len(), first_at, last_at, objects, data, FORMAT])?;
    Ok(())
}

/// Earliest and latest time of records; a clock that was set back leaves them out of order.
fn times(records: &[Record]) -> (i64, i64) {
    let times = || records.iter().map(|record| record.at);
    (times().min().unwrap_or(0), times().max().unwrap_or(0))
}

/// The two blobs of a segment: sorted links as differences, and the compressed records.
fn close_segment(records: &[Record]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut links: Vec<i64> = records.iter().map(|record| record.link).collect();
    links.sort_unstable();
    links.dedup();
    let mut last = 0;
    for link in &mut links {
        let difference = *link - last;
        last = *link;
        *link = difference;
    }
    Ok((
        pack(&links)?,
        lz4_flex::compress_prepend_size(&pack(records)?),
    ))
}

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

fn open_segment(format: i64, data: &[u8]) -> Result<Vec<Record>> {
    let size = data
        .first_chunk::<4>()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    if size > LARGEST_SEGMENT {
        return Err(StoreError::Blob("log segment"));
    }
    let plain =
        lz4_flex::decompress_size_prepended(data).map_err(|_| StoreError::Blob("log segment"))?;
    match format {
        FORMAT => unpack(&plain),
        1 => {
            let before: Vec<RecordBefore> = unpack(&plain)?;
            Ok(before.into_iter().map(Record::from).collect())
        }
        _ => Err(StoreError::Blob("log segment")),
    }
}
