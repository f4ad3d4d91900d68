//! The numbers of a job at one moment.
//!
//! Everything is read from an index or from a bounded slice. Trap: reasons of skipped objects have no index; they are
//! counted only for small jobs, or when somebody asks for it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sync_core::{
    id::{ConnectorId, JobId},
    plan::Situation,
};

use crate::{
    PendingState,
    due::{pending_of, situation_of},
    guard::losses,
    observe::{UNTIL_PLACED, class_name, refusal_of},
    reason,
    store::{Engine, Result},
};

// LIMIT: rows looked at to find the oldest waiting change.
const WAITING_LOOKED_AT: i64 = 20_000;
// LIMIT: links up to which reasons and classes are counted unasked.
const SMALL_JOB: u64 = 20_000;
/// The rate is that of the last so many milliseconds.
const RATE_WINDOW_MS: i64 = 30_000;

/// A read of a connector.
#[derive(Clone, Debug)]
pub struct ReadRow {
    /// `full`, `delta` or `backfill`.
    pub mode: String,
    /// `open`, `complete`, `failed` or `abandoned`.
    pub state: String,
    /// When it began, unix ms.
    pub started_at: i64,
    /// Entries so far.
    pub entries: u64,
}

/// The numbers of a job.
#[derive(Clone, Debug, Default)]
pub struct JobNumbers {
    /// Links by situation.
    pub situations: BTreeMap<String, u64>,
    /// Linked objects by target class; empty if not counted.
    pub linked: BTreeMap<String, u64>,
    /// Skipped objects by reason; empty if not counted.
    pub skipped: BTreeMap<String, u64>,
    /// Objects still to be planned.
    pub to_plan: u64,
    /// Links whose references are still to be planned.
    pub references_to_plan: u64,
    /// Operations still to be carried out, settling ones included.
    pub to_export: u64,
    /// Objects in escrow.
    pub escrow: u64,
    /// Those by code.
    pub escrow_codes: BTreeMap<String, u64>,
    /// Objects whose deletion, disabling or loss waits for a person.
    pub held: u64,
    /// References waiting for their object to appear.
    pub waiting_references: u64,
    /// When the cause of the oldest change not visible yet was read, unix ms.
    pub oldest: Option<i64>,
    /// Records per second lately, of all jobs.
    pub per_second: f64,
}

/// As shown.
fn situation_name(situation: Situation) -> &'static str {
    match situation {
        Situation::Unlinked => "unlinked",
        Situation::Linked => "linked",
        Situation::Deleted => "deleted",
        Situation::Skipped => "skipped",
        Situation::Lost => "lost",
    }
}

impl Engine {
    /// The numbers of a job. `in_detail` also counts what has no index, however long it takes.
    ///
    /// # Errors
    /// Of the store.
    pub fn job_numbers(&self, job: JobId, in_detail: bool) -> Result<JobNumbers> {
        let (first, last) = crate::link_range(job);
        let now = self.now();
        self.read(|c| {
            let count = |sql: &str| -> Result<u64> {
                let number: i64 = c
                    .prepare_cached(sql)?
                    .query_row([first, last], |row| row.get(0))?;
                Ok(number.cast_unsigned())
            };
            let pending = |state: PendingState| {
                count(&format!(
                    "SELECT count(*) FROM link WHERE pending_state > 0 AND pending_state = {} AND id BETWEEN ?1 AND ?2",
                    state.number()
                ))
            };
            let mut numbers = JobNumbers {
                situations: situations(c, job)?,
                to_plan: count("SELECT count(*) FROM due WHERE id BETWEEN ?1 AND ?2")?
                    + waiting_for_containers(c, job)?,
                references_to_plan: count(
                    "SELECT count(*) FROM due_reference WHERE id BETWEEN ?1 AND ?2",
                )?,
                to_export: pending(PendingState::Ready)?
                    + pending(PendingState::Approved)?
                    + pending(PendingState::Unknown)?
                    + pending(PendingState::Settling)?,
                held: pending(PendingState::Held)?
                    + losses::held_count(c, job)?.cast_unsigned(),
                waiting_references: c
                    .prepare_cached("SELECT count(*) FROM waiting WHERE job = ?1")?
                    .query_row([job.0], |row| row.get::<_, i64>(0))?
                    .cast_unsigned(),
                oldest: oldest(c, first, last)?,
                per_second: rate(c, now)?,
                ..JobNumbers::default()
            };
            self.count_escrow(c, (first, last), &mut numbers)?;
            if in_detail || numbers.situations.values().sum::<u64>() <= SMALL_JOB {
                self.count_details(c, (first, last), &mut numbers)?;
            }
            Ok(numbers)
        })
    }

    fn count_escrow(
        &self,
        connection: &Connection,
        (first, last): (i64, i64),
        numbers: &mut JobNumbers,
    ) -> Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT l.reason FROM due_later d LEFT JOIN link l ON l.id = d.id WHERE d.reasons & ?3 AND d.id BETWEEN ?1 AND ?2",
        )?;
        let mut rows = statement.query(params![first, last, reason::RETRY])?;
        while let Some(row) = rows.next()? {
            numbers.escrow += 1;
            if let Some(why) = refusal_of(row.get(0)?)? {
                *numbers
                    .escrow_codes
                    .entry(why.code.name().into())
                    .or_default() += 1;
            }
        }
        Ok(())
    }

    fn count_details(
        &self,
        connection: &Connection,
        (first, last): (i64, i64),
        numbers: &mut JobNumbers,
    ) -> Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT situation, class, reason FROM link WHERE id BETWEEN ?1 AND ?2",
        )?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            match situation_of(row.get(0)?) {
                Situation::Linked => {
                    let class = class_name(self, row.get(1)?).unwrap_or_else(|| "?".into());
                    *numbers.linked.entry(class.to_string()).or_default() += 1;
                }
                Situation::Skipped => {
                    if let Some(why) = refusal_of(row.get(2)?)? {
                        // Up to the values it saw, which differ from object to object.
                        let detail = why
                            .argument("reason")
                            .and_then(|reason| reason.split(';').next());
                        let name = match detail {
                            Some(detail) => detail.trim().to_owned(),
                            None => why.code.name().to_owned(),
                        };
                        *numbers.skipped.entry(name).or_default() += 1;
                    }
                }
                Situation::Unlinked | Situation::Deleted | Situation::Lost => {}
            }
        }
        Ok(())
    }

    /// The newest read of a connector.
    ///
    /// # Errors
    /// Of the store.
    pub fn last_read(&self, connector: ConnectorId) -> Result<Option<ReadRow>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT mode, state, started_at, entries FROM read WHERE connector = ?1 ORDER BY id DESC LIMIT 1",
            )?;
            let row = statement.query_row([connector.0], |row| {
                Ok(ReadRow {
                    mode: row.get(0)?,
                    state: row.get(1)?,
                    started_at: row.get(2)?,
                    entries: row.get::<_, i64>(3)?.cast_unsigned(),
                })
            });
            Ok(row.optional()?)
        })
    }
}

fn situations(connection: &Connection, job: JobId) -> Result<BTreeMap<String, u64>> {
    let mut statement = connection
        .prepare_cached("SELECT situation, count FROM tally WHERE job = ?1 AND count > 0")?;
    let mut rows = statement.query([job.0])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name = situation_name(situation_of(row.get(0)?));
        all.insert(name.to_owned(), row.get::<_, i64>(1)?.cast_unsigned());
    }
    Ok(all)
}

/// Objects that wait for a container to be shown, and containers below which everything is still to be made due.
fn waiting_for_containers(connection: &Connection, job: JobId) -> Result<u64> {
    let (first, last) = crate::link_range(job);
    let number: i64 = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM due_later WHERE not_before = ?1 AND id BETWEEN ?2 AND ?3)
             + (SELECT count(*) FROM subtree CROSS JOIN object ON object.id = container CROSS JOIN job ON job.source = connector
                WHERE job.id = ?4)",
        )?
        .query_row([UNTIL_PLACED, first, last, job.0], |row| row.get(0))?;
    Ok(number.cast_unsigned())
}

/// When the cause of the oldest change that is not visible yet was read. Held and refused deletions are not changes on
/// their way.
fn oldest(connection: &Connection, first: i64, last: i64) -> Result<Option<i64>> {
    let mut oldest: Option<i64> = None;
    let mut take = |since: Option<i64>| oldest = [oldest, since].into_iter().flatten().min();
    for table in ["due", "due_reference"] {
        let sql = format!(
            "SELECT min(since) FROM (SELECT since FROM {table} WHERE id BETWEEN ?1 AND ?2 LIMIT {WAITING_LOOKED_AT})"
        );
        take(
            connection
                .prepare_cached(&sql)?
                .query_row([first, last], |row| row.get(0))?,
        );
    }
    for state in [
        PendingState::Unknown,
        PendingState::Ready,
        PendingState::Approved,
        PendingState::Settling,
    ] {
        // What was planned first has the oldest causes; only that is unpacked.
        let mut statement = connection.prepare_cached(
            "SELECT id FROM (SELECT id, changed_at FROM link WHERE pending_state > 0 AND pending_state = ?1
               AND id BETWEEN ?2 AND ?3 LIMIT 1000) ORDER BY changed_at, id LIMIT 16",
        )?;
        let mut rows = statement.query([state.number(), first, last])?;
        while let Some(row) = rows.next()? {
            take(since(connection, row.get(0)?)?);
        }
    }
    Ok(oldest)
}

/// When the cause of a pending export was seen.
fn since(connection: &Connection, link: i64) -> Result<Option<i64>> {
    let blob: Option<Vec<u8>> = connection
        .prepare_cached("SELECT pending FROM link WHERE id = ?1")?
        .query_row([link], |row| row.get(0))?;
    Ok(Some(pending_of(blob)?.since))
}

fn rate(connection: &Connection, now: i64) -> Result<f64> {
    let from = now.saturating_sub(RATE_WINDOW_MS);
    let mut statement = connection.prepare_cached(
        "SELECT count, first_at, last_at FROM segment ORDER BY id DESC LIMIT 2000",
    )?;
    let mut rows = statement.query([])?;
    let (mut records, mut since) = (0_i64, now);
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(2)? < from {
            break;
        }
        records += row.get::<_, i64>(0)?;
        since = since.min(row.get(1)?);
    }
    let seconds = (now.saturating_sub(since).clamp(1_000, RATE_WINDOW_MS)) as f64 / 1_000.0;
    Ok(records as f64 / seconds)
}
