//! Reads of a source: which kind is next, how one begins, and what its end means.
//!
//! A full read is never asked for only because time has passed: the comparison with the whole source goes on beside the
//! reads of changes (`comparison.rs`). A full read is judged before anything is planned from it, and so is a delta that named all there is; what they did not
//! show is *vanished*, not deleted. A refused or unusable position leads to the right kind of read, never to a gap. Trap: the
//! watermark is published only here (or page by page in a delta), in the transaction that stores what it stands for.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    code::Code,
    guard::connection_retry_at,
    id::{ConnectorId, ReadId},
    judge::{Census, judge},
    object::ReadSpec,
    operation::Refusal,
    value::Name,
};

use crate::{
    group::Transaction,
    observe::{ReadMemory, class_name, due_for_jobs, place_the_rest},
    reason,
    store::{Engine, Result, StoreError, pack, unpack, unpack_option},
};

/// What the host of a source is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOrder {
    /// The read.
    pub read: ReadId,
    /// The connector.
    pub connector: ConnectorId,
    /// `delta`, `full` or `backfill`.
    pub mode: String,
    /// The position to continue from, for a delta.
    pub watermark: Option<Vec<u8>>,
    /// The position of the last read, if this one does not continue it: nothing older may be shown.
    pub floor: Option<Vec<u8>>,
    /// What to read.
    pub spec: ReadSpec,
    /// Why it is not a delta.
    pub why: Option<Refusal>,
}

/// How a read ended, as the engine is told.
#[derive(Clone, Debug)]
pub enum ReadResult {
    /// Complete.
    Complete(Completed),
    /// The position cannot be continued; nothing was read.
    NeedsFullRead(Refusal),
    /// It failed; what was read so far is merged but proves nothing.
    Failed(Refusal),
}

/// What a complete read came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// Continue from here.
    pub watermark: Vec<u8>,
    /// Whether a delta named everything that is there ([`sync_core::object::EntryKind::Present`]).
    pub is_census: bool,
    /// How changes were found: JSON for people.
    pub method: serde_json::Value,
    /// Whether the mechanism may miss deletions, so that a full comparison must follow from time to time.
    pub is_weak: bool,
}

/// What is stored of a connector's next read.
pub(crate) struct Wanted {
    pub(crate) needs: String,
    why: Option<Refusal>,
    pub(crate) stored: Option<ReadSpec>,
    pub(crate) watermark: Option<Vec<u8>>,
    pub(crate) comparison: Comparison,
}

impl Wanted {
    pub(crate) fn of(db: &Connection, connector: ConnectorId) -> Result<Self> {
        let mut statement = db.prepare_cached(
            "SELECT needs, needs_why, spec, watermark, config, is_weak, compared_at, failure FROM connector WHERE id = ?1",
        )?;
        let mut rows = statement.query([connector.0])?;
        let Some(row) = rows.next()? else {
            return Err(crate::config::not_found(
                "connector",
                &connector.to_string(),
            ));
        };
        let config: String = row.get(4)?;
        let failure: Option<Refusal> = unpack_option(row.get(7)?)?;
        Ok(Self {
            needs: row.get(0)?,
            why: unpack_option(row.get(1)?)?,
            stored: unpack_option(row.get(2)?)?,
            watermark: row.get(3)?,
            comparison: Comparison {
                hours: compare_hours(&config, row.get(5)?),
                last: row.get(6)?,
                is_possible: failure.is_none_or(|why| why.code != Code::SourceReplicaLags),
            },
        })
    }
}

/// When a source is compared whole again.
pub(crate) struct Comparison {
    hours: u64,
    /// Unix ms.
    pub(crate) last: Option<i64>,
    /// Differences can still be read from a server that lags, everything cannot.
    is_possible: bool,
}

impl Comparison {
    pub(crate) fn due(&self, now: i64) -> Option<Refusal> {
        let interval = i64::try_from(self.hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX);
        let is_due = self
            .last
            .is_none_or(|last| now.saturating_sub(last) >= interval);
        (is_due && self.hours > 0 && self.is_possible)
            .then(|| Refusal::new(Code::SourceComparisonDue).with("hours", self.hours.to_string()))
    }
}

/// Hours between two full comparisons, unless the connector's configuration says otherwise.
const COMPARE_HOURS: u64 = 7 * 24;
/// The same where deltas may miss deletions.
const COMPARE_HOURS_WEAK: u64 = 1;

/// `compareHours` of a connector's configuration, or what holds without it; 0: never.
fn compare_hours(config: &str, is_weak: bool) -> u64 {
    let config: serde_json::Value = serde_json::from_str(config).unwrap_or_default();
    let given = config.get("compareHours").and_then(|hours| hours.as_u64());
    given.unwrap_or(match is_weak {
        true => COMPARE_HOURS_WEAK,
        false => COMPARE_HOURS,
    })
}

/// Whether a full read must not show anything older than what was read before. Not if the source began anew, nor if an
/// administrator wants what there is.
fn is_comparable(why: Option<&Refusal>) -> bool {
    let began_anew = [Code::SourceReplicaReset, Code::SourceReadSpecChanged];
    why.is_some_and(|why| !began_anew.contains(&why.code))
}

impl ReadResult {
    /// Complete, with the position and nothing else to say.
    pub fn complete(watermark: impl Into<Vec<u8>>) -> Self {
        Self::Complete(Completed {
            watermark: watermark.into(),
            ..Completed::default()
        })
    }
}

/// Why a looked-up object is looked up.
pub(crate) const LOOKUP_VANISHED: i64 = 1;
pub(crate) const LOOKUP_INCOMPLETE: i64 = 2;
/// It lives, and a comparison showed it otherwise.
pub(crate) const LOOKUP_DIFFERS: i64 = 3;

/// Remembers one more failure in a row, and when it is tried again.
fn count_failure(
    tx: &Transaction<'_>,
    connector: ConnectorId,
    why: &Refusal,
    now: i64,
) -> Result<()> {
    let failures: u32 = tx.query_row(
        "SELECT failures + 1 FROM connector WHERE id = ?1",
        [connector.0],
        |row| row.get(0),
    )?;
    tx.execute(
        "UPDATE connector SET failures = ?2, failure = ?3, failed_at = ?4, retry_at = ?5 WHERE id = ?1",
        params![connector.0, failures, pack(why)?, now, connection_retry_at(now, failures)],
    )?;
    Ok(())
}

impl Engine {
    /// Begins the next read of a connector with what its jobs need now. A read still open is abandoned.
    ///
    /// # Errors
    /// NotFound.
    pub fn begin_read(&self, connector: ConnectorId, spec: &ReadSpec) -> Result<ReadOrder> {
        let now = self.now();
        let (order, is_empty) = self.write("engine.begin_read", |tx| {
            let Wanted { needs, why, stored, watermark, .. } = Wanted::of(tx, connector)?;
            let (mode, why) = match (needs.as_str(), &watermark, stored) {
                ("full", _, _) | (_, None, _) => ("full", why),
                ("backfill", _, _) => ("backfill", why),
                (_, _, Some(stored)) if stored != *spec => ("backfill", Some(Refusal::new(Code::SourceReadSpecChanged))),
                _ => ("delta", None),
            };
            let (watermark, floor) = match mode {
                "delta" => (watermark, None),
                "full" if !is_comparable(why.as_ref()) => (None, None),
                _ => (None, watermark),
            };
            tx.execute("UPDATE read SET state = 'abandoned', ended_at = ?2 WHERE connector = ?1 AND state = 'open'", params![
                connector.0, now
            ])?;
            tx.execute(
                "INSERT INTO read (connector, mode, spec, state, started_at) VALUES (?1, ?2, ?3, 'open', ?4)",
                params![connector.0, mode, pack(spec)?, now],
            )?;
            let order = ReadOrder {
                read: ReadId(tx.last_insert_rowid()),
                connector,
                mode: mode.into(),
                watermark,
                floor,
                spec: spec.clone(),
                why,
            };
            let is_empty = !tx
                .prepare_cached("SELECT 1 FROM object WHERE connector = ?1 LIMIT 1")?
                .exists([connector.0])?;
            Ok((order, is_empty))
        })?;
        let mut memory = self.read_memory();
        memory.retain(|_, read| read.connector != connector);
        memory.insert(
            order.read.0,
            ReadMemory::new(connector, order.mode != "delta", is_empty),
        );
        Ok(order)
    }

    /// Ends a read. Says what was found against a full read, if it is not believed.
    ///
    /// # Errors
    /// Conflict if the read is not open any more.
    pub fn end_read(&self, read: ReadId, result: &ReadResult) -> Result<Option<Refusal>> {
        let Some(memory) = self.read_memory().remove(&read.0) else {
            return Err(StoreError::Refused(
                Refusal::new(Code::Conflict).with("text", format!("read {read} is not open")),
            ));
        };
        let now = self.now();
        let connector = memory.connector;
        self.write("engine.end_read", |tx| {
            let (mode, spec): (String, Vec<u8>) = tx
                .query_row(
                    "SELECT mode, spec FROM read WHERE id = ?1 AND state = 'open'",
                    [read.0],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?
                .ok_or_else(|| {
                    StoreError::Refused(
                        Refusal::new(Code::Conflict)
                            .with("text", format!("read {read} is not open")),
                    )
                })?;
            match result {
                ReadResult::Failed(why) => self.read_failed(tx, connector, read, why, now),
                ReadResult::NeedsFullRead(why) => {
                    close(tx, read, "failed", Some(why), now)?;
                    tx.execute(
                        "UPDATE connector SET needs = 'full', needs_why = ?2 WHERE id = ?1",
                        params![connector.0, pack(why)?],
                    )?;
                    if why.code == Code::SourceReplicaReset {
                        forget_versions(tx, connector)?;
                    }
                    Ok(None)
                }
                ReadResult::Complete(done) => {
                    let doubt = match mode.as_str() {
                        "full" => self.doubt(tx, connector, &memory.census, &spec)?,
                        "delta" if done.is_census => self.doubt_absence(tx, &memory)?,
                        _ => None,
                    };
                    if let Some(doubt) = doubt {
                        return self.read_doubted(tx, connector, read, doubt, now);
                    }
                    self.read_complete(tx, connector, read, &memory, (&mode, spec, done), now)
                }
            }
        })
    }

    fn read_failed(
        &self,
        tx: &Transaction<'_>,
        connector: ConnectorId,
        read: ReadId,
        why: &Refusal,
        now: i64,
    ) -> Result<Option<Refusal>> {
        close(tx, read, "failed", Some(why), now)?;
        count_failure(tx, connector, why, now)?;
        Ok(None)
    }

    fn read_doubted(
        &self,
        tx: &Transaction<'_>,
        connector: ConnectorId,
        read: ReadId,
        doubt: Refusal,
        now: i64,
    ) -> Result<Option<Refusal>> {
        close(tx, read, "failed", Some(&doubt), now)?;
        let failures: u32 = tx.query_row(
            "SELECT failures + 1 FROM connector WHERE id = ?1",
            [connector.0],
            |row| row.get(0),
        )?;
        tx.execute(
            "UPDATE connector SET suspect = ?2, suspect_read = ?3, needs = 'full', needs_why = ?2,
               failures = ?4, retry_at = ?5 WHERE id = ?1",
            params![
                connector.0,
                pack(&doubt)?,
                read.0,
                failures,
                connection_retry_at(now, failures)
            ],
        )?;
        Ok(Some(doubt))
    }

    fn read_complete(
        &self,
        tx: &Transaction<'_>,
        connector: ConnectorId,
        read: ReadId,
        memory: &ReadMemory,
        (mode, spec, done): (&str, Vec<u8>, &Completed),
        now: i64,
    ) -> Result<Option<Refusal>> {
        close(tx, read, "complete", None, now)?;
        place_the_rest(tx, &memory.jobs(tx)?, now)?;
        if mode == "full" || (mode == "delta" && done.is_census) {
            self.vanish(tx, connector, memory, now)?;
        }
        if mode == "full" {
            let census =
                serde_json::to_string(&memory.census).map_err(|_| StoreError::Blob("census"))?;
            tx.execute(
                "UPDATE connector SET census = ?2, complete_reads = complete_reads + 1, suspect = NULL, suspect_read = NULL,
                   compared_at = ?3 WHERE id = ?1",
                params![connector.0, census, now],
            )?;
        }
        // A backfill shows no tombstones: the old position is continued, so that no deletion is missed. Known is what was
        // there when the read began; what changed meanwhile may be missing in it.
        if mode != "backfill" {
            tx.execute(
                "UPDATE connector SET watermark = ?2, watermark_at = (SELECT started_at FROM read WHERE id = ?3) WHERE id = ?1",
                params![connector.0, done.watermark, read.0],
            )?;
        }
        // What was asked for while this read ran, and more than it was, is still to be done.
        let done_with = match mode {
            "full" => "('delta', 'backfill', 'full')",
            "backfill" => "('delta', 'backfill')",
            _ => "('delta')",
        };
        tx.execute(
            &format!("UPDATE connector SET needs = 'delta', needs_why = NULL WHERE id = ?1 AND needs IN {done_with}"),
            [connector.0],
        )?;
        tx.execute(
            "UPDATE connector SET spec = ?2, failure = NULL, failures = 0, retry_at = NULL,
               last_read_at = ?3, method = ?4, is_weak = ?5 WHERE id = ?1",
            params![
                connector.0,
                spec,
                now,
                done.method.to_string(),
                done.is_weak
            ],
        )?;
        Ok(None)
    }

    /// What a full read or a census did not show becomes vanished, and is looked up one by one.
    fn vanish(
        &self,
        tx: &Transaction<'_>,
        connector: ConnectorId,
        memory: &ReadMemory,
        now: i64,
    ) -> Result<()> {
        let mut gone: Vec<(i64, bool)> = Vec::new();
        {
            let mut statement = tx.prepare_cached(
                "SELECT id, state = 2 OR EXISTS (SELECT 1 FROM job JOIN link ON link.id = (job.id << 40) | object.id
                   WHERE job.source = ?1 AND link.situation = 1)
                 FROM object WHERE connector = ?1 AND state IN (1, 2)",
            )?;
            let mut rows = statement.query([connector.0])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                if !memory.was_seen(id) {
                    gone.push((id, row.get(1)?));
                }
            }
        }
        let jobs = memory.jobs(tx)?;
        for (id, is_of_interest) in gone {
            vanished(tx, &jobs, id, is_of_interest, now)?;
        }
        Ok(())
    }

    /// A read could not even begin.
    ///
    /// # Errors
    /// Of the store.
    pub fn note_read_failure(&self, connector: ConnectorId, why: &Refusal) -> Result<()> {
        let now = self.now();
        self.write("engine.read_failure", |tx| {
            count_failure(tx, connector, why, now)
        })
    }

    /// An administrator believes the last full read (or wants a fresh one): the next full read is not held against the past.
    ///
    /// # Errors
    /// Of the store.
    pub fn accept_read(&self, connector: ConnectorId) -> Result<()> {
        self.write("engine.accept_read", |tx| {
            tx.execute(
                "UPDATE connector SET census = '{}', suspect = NULL, needs = 'full', needs_why = NULL, retry_at = NULL WHERE id = ?1",
                [connector.0],
            )?;
            Ok(())
        })
    }

    /// The next read of this connector will be a full one.
    ///
    /// # Errors
    /// Of the store.
    pub fn require_full_read(&self, connector: ConnectorId, why: &Refusal) -> Result<()> {
        self.write("engine.require_full_read", |tx| {
            tx.execute(
                "UPDATE connector SET needs = 'full', needs_why = ?2 WHERE id = ?1",
                params![connector.0, pack(why)?],
            )?;
            Ok(())
        })
    }
}

fn close(
    tx: &Transaction<'_>,
    read: ReadId,
    state: &str,
    outcome: Option<&Refusal>,
    now: i64,
) -> Result<()> {
    tx.execute(
        "UPDATE read SET state = ?2, ended_at = ?3, outcome = ?4 WHERE id = ?1",
        params![read.0, state, now, outcome.map(pack).transpose()?],
    )?;
    tx.execute("DELETE FROM read WHERE id < ?1 - 1000", [read.0])?;
    Ok(())
}

/// An object was not shown where everything was: it is looked up, if it is of interest.
pub(crate) fn vanished(
    tx: &Transaction<'_>,
    jobs: &[i64],
    object: i64,
    is_of_interest: bool,
    now: i64,
) -> Result<()> {
    tx.prepare_cached("UPDATE object SET state = 4 WHERE id = ?1")?
        .execute([object])?;
    if is_of_interest {
        tx.prepare_cached("INSERT OR IGNORE INTO lookup (object, why) VALUES (?1, ?2)")?
            .execute([object, LOOKUP_VANISHED])?;
        due_for_jobs(tx, jobs, object, reason::CHANGED, now)?;
    }
    Ok(())
}

/// A restored server gives out its change numbers again: what they said before says nothing about what is newer now.
fn forget_versions(tx: &Transaction<'_>, connector: ConnectorId) -> Result<()> {
    tx.execute(
        "UPDATE object SET replica = NULL, usn = NULL WHERE connector = ?1 AND replica IS NOT NULL",
        [connector.0],
    )?;
    Ok(())
}

impl Engine {
    /// What speaks against a full read. Objects are held against those that live in the connector space (what is known to
    /// be deleted is not missed), attributes against the last full read, as far as they are still read.
    pub(crate) fn doubt(
        &self,
        tx: &Transaction<'_>,
        connector: ConnectorId,
        now: &Census,
        spec: &[u8],
    ) -> Result<Option<Refusal>> {
        let text: String = tx.query_row(
            "SELECT census FROM connector WHERE id = ?1",
            [connector.0],
            |row| row.get(0),
        )?;
        let Some(mut before) = serde_json::from_str::<Census>(&text).ok() else {
            return Ok(judge(None, now).into_iter().next());
        };
        let spec: ReadSpec = unpack(spec)?;
        for attributes in before.attributes.values_mut() {
            attributes.retain(|name, _| {
                spec.attributes
                    .iter()
                    .any(|read| read.eq_ignore_ascii_case(name))
            });
        }
        let living = self.living(tx, connector)?;
        for (class, had) in &before.classes {
            let lives = living.get(class).copied().unwrap_or(0);
            scale(before.attributes.get_mut(class), lives, *had);
        }
        before.classes = living;
        Ok(judge(Some(&before), now).into_iter().next())
    }

    /// What speaks against a delta that named everything that is there: as for a full read, but for attributes, which it did
    /// not show.
    fn doubt_absence(&self, tx: &Transaction<'_>, memory: &ReadMemory) -> Result<Option<Refusal>> {
        let before = Census {
            classes: self.living(tx, memory.connector)?,
            ..Census::default()
        };
        let mut now = Census::default();
        let mut statement =
            tx.prepare_cached("SELECT id, class FROM object WHERE connector = ?1 AND state = 2")?;
        let mut rows = statement.query([memory.connector.0])?;
        while let Some(row) = rows.next()? {
            if memory.was_seen(row.get(0)?)
                && let Some(class) = class_name(self, row.get(1)?)
            {
                *now.classes.entry(class).or_default() += 1;
            }
        }
        // A directory without anybody to lose is no reason for doubt.
        if before.classes.is_empty() {
            return Ok(None);
        }
        Ok(judge(Some(&before), &now).into_iter().next())
    }

    /// Live objects by class.
    fn living(&self, tx: &Transaction<'_>, connector: ConnectorId) -> Result<BTreeMap<Name, u64>> {
        let mut statement = tx.prepare_cached(
            "SELECT class, count(*) FROM object WHERE connector = ?1 AND state = 2 GROUP BY class",
        )?;
        let mut rows = statement.query([connector.0])?;
        let mut living = BTreeMap::new();
        while let Some(row) = rows.next()? {
            if let Some(class) = class_name(self, row.get(0)?) {
                let count: i64 = row.get(1)?;
                living.insert(class, u64::try_from(count).unwrap_or(0));
            }
        }
        Ok(living)
    }
}

/// As many values as so many objects of the class had, had they been `lives` instead of `had`.
fn scale(attributes: Option<&mut BTreeMap<Name, u64>>, lives: u64, had: u64) {
    for count in attributes.into_iter().flat_map(BTreeMap::values_mut) {
        *count = count.saturating_mul(lives) / had.max(1);
    }
}
