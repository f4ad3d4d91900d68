//! Alerts: conditions with the time they last, told once, acknowledged by a person, closed when they end.
//!
//! Never decides what is a condition (`sync_core::health`). A condition that comes back soon after its end is the same alert
//! again and is not told again. Trap: whoever looks must bring everything that is so now; what is not brought has ended.

use rusqlite::{OptionalExtension, Row, params};
use sync_core::{
    code::Code,
    health::{Condition, FORGOTTEN_MS, Kind, SAME_MS, Subject},
    id::JobId,
    operation::Refusal,
};

use crate::{
    config::{not_found, note_act},
    cycle::notification,
    group::Transaction,
    store::{Engine, Result, StoreError},
};

/// Closed alerts are kept for so long.
const KEPT_MS: i64 = 90 * 86_400_000;

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Number.
    pub id: i64,
    /// Kind, by name.
    pub kind: String,
    /// `server`, `job`, `connector` or `agent`.
    pub subject: String,
    /// Its row.
    pub subject_id: i64,
    /// Its name.
    pub name: String,
    /// When it began, unix ms.
    pub opened_at: i64,
    /// When it was last so.
    pub seen_at: i64,
    /// When it ended.
    pub closed_at: Option<i64>,
    /// How it ended: `ended`, or `forgotten` if nobody could look any more.
    pub closed_why: Option<String>,
    /// How often it was so, with short pauses between.
    pub times: u32,
    /// When somebody took note of it.
    pub acknowledged_at: Option<i64>,
    /// Who.
    pub acknowledged_by: Option<String>,
    /// What they said.
    pub note: Option<String>,
    /// Code, message, text, affected objects and their number (JSON).
    pub what: serde_json::Value,
}

/// Which alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlertView {
    /// Those that last.
    #[default]
    Open,
    /// Those that ended.
    Closed,
    /// All.
    All,
}

/// What a look came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heeded {
    /// Alerts that began.
    pub opened: usize,
    /// Alerts that ended.
    pub closed: usize,
}

const COLUMNS: &str = "SELECT id, kind, subject, subject_id, name, opened_at, seen_at, closed_at, closed_why, times, acknowledged_at, acknowledged_by, note, what FROM alert";

fn alert(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        subject_id: row.get(3)?,
        name: row.get(4)?,
        opened_at: row.get(5)?,
        seen_at: row.get(6)?,
        closed_at: row.get(7)?,
        closed_why: row.get(8)?,
        times: row.get(9)?,
        acknowledged_at: row.get(10)?,
        acknowledged_by: row.get(11)?,
        note: row.get(12)?,
        what: serde_json::from_str(&row.get::<_, String>(13)?).unwrap_or_default(),
    })
}

fn what(condition: &Condition) -> String {
    serde_json::json!({
        "code": condition.why.as_ref().map(|why| why.code.name()),
        "message": condition.why.as_ref().map(ToString::to_string),
        "text": condition.text,
        "affected": condition.affected,
        "count": condition.count,
    })
    .to_string()
}

impl Engine {
    /// Takes everything that is so now: what is new is opened and told, what is not there any more is closed.
    ///
    /// # Errors
    /// Of the store.
    pub fn heed_conditions(&self, conditions: &[Condition]) -> Result<Heeded> {
        let now = self.now();
        self.write("engine.alerts", |tx| {
            let mut heeded = Heeded::default();
            for condition in conditions {
                heeded.opened += usize::from(heed(tx, condition, now)?);
            }
            // What was just found has the time of now.
            heeded.closed = tx.execute(
                "UPDATE alert SET closed_at = ?1, closed_why = 'ended' WHERE closed_at IS NULL AND seen_at <> ?1",
                [now],
            )?;
            tx.execute(
                "DELETE FROM alert WHERE closed_at < ?1",
                [now.saturating_sub(KEPT_MS)],
            )?;
            Ok(heeded)
        })
    }

    /// Closes what nobody could look at for a long time: to be called when the look itself fails.
    ///
    /// # Errors
    /// Of the store.
    pub fn forget_alerts(&self) -> Result<usize> {
        let now = self.now();
        self.write("engine.forget_alerts", |tx| {
            Ok(tx.execute(
                "UPDATE alert SET closed_at = ?1, closed_why = 'forgotten' WHERE closed_at IS NULL AND seen_at < ?2",
                params![now, now.saturating_sub(FORGOTTEN_MS)],
            )?)
        })
    }

    /// Alerts before this one, the newest first.
    ///
    /// # Errors
    /// Of the store.
    pub fn alerts(
        &self,
        view: AlertView,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AlertRow>> {
        let which = match view {
            AlertView::Open => "closed_at IS NULL AND",
            AlertView::Closed => "closed_at IS NOT NULL AND",
            AlertView::All => "",
        };
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!(
                "{COLUMNS} WHERE {which} id < ?1 ORDER BY id DESC LIMIT ?2"
            ))?;
            let rows = statement.query_map(params![before.unwrap_or(i64::MAX), limit], alert)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One alert.
    ///
    /// # Errors
    /// NotFound.
    pub fn alert(&self, id: i64) -> Result<AlertRow> {
        self.read(|c| {
            c.prepare_cached(&format!("{COLUMNS} WHERE id = ?1"))?
                .query_row([id], alert)
                .optional()?
                .ok_or_else(|| not_found("alert", &id.to_string()))
        })
    }

    /// Notes that somebody knows of an alert; it stays open until its condition ends.
    ///
    /// # Errors
    /// NotFound; Conflict if it has ended.
    pub fn acknowledge_alert(&self, id: i64, actor: &str, note: &str) -> Result<AlertRow> {
        let now = self.now();
        let known = self.alert(id)?;
        if known.closed_at.is_some() {
            return Err(StoreError::Refused(
                Refusal::new(Code::Conflict).with("text", format!("alert {id} has ended")),
            ));
        }
        self.write("engine.acknowledge_alert", |tx| {
            tx.execute(
                "UPDATE alert SET acknowledged_at = ?2, acknowledged_by = ?3, note = nullif(?4, '') WHERE id = ?1",
                params![id, now, actor, note],
            )?;
            let detail = format!("{id} ({} of {}): {note}", known.kind, known.name);
            note_act(tx, actor, "acknowledge alert", &detail, now)
        })?;
        self.alert(id)
    }
}

/// Opens an alert or goes on with it; whether it is new.
fn heed(tx: &Transaction<'_>, condition: &Condition, now: i64) -> Result<bool> {
    let (subject, id) = condition.subject.key();
    let (kind, what) = (condition.kind, what(condition));
    let goes_on = tx
        .prepare_cached(
            "UPDATE alert SET seen_at = ?4, name = ?5, what = ?6
             WHERE kind = ?1 AND subject = ?2 AND subject_id = ?3 AND closed_at IS NULL",
        )?
        .execute(params![kind.name(), subject, id, now, condition.name, what])?;
    if goes_on > 0 {
        return Ok(false);
    }
    let comes_back = tx
        .prepare_cached(
            "UPDATE alert SET seen_at = ?4, name = ?5, what = ?6, closed_at = NULL, closed_why = NULL, times = times + 1
             WHERE id = (SELECT max(id) FROM alert WHERE kind = ?1 AND subject = ?2 AND subject_id = ?3 AND closed_at >= ?7)",
        )?
        .execute(params![
            kind.name(),
            subject,
            id,
            now,
            condition.name,
            what,
            now.saturating_sub(SAME_MS)
        ])?;
    if comes_back > 0 {
        return Ok(false);
    }
    tx.prepare_cached(
        "INSERT INTO alert (kind, subject, subject_id, name, opened_at, seen_at, what) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
    )?
    .execute(params![kind.name(), subject, id, condition.name, now, what])?;
    if kind.is_told() {
        tell(tx, kind, condition, now)?;
    }
    Ok(true)
}

fn tell(tx: &Transaction<'_>, kind: Kind, condition: &Condition, now: i64) -> Result<()> {
    let job = match condition.subject {
        Subject::Job(id) => JobId(id),
        _ => JobId(0),
    };
    let about = match condition.text.as_str() {
        "" => format!("{}: {}", condition.name, kind.title()),
        text => format!("{}: {} ({text})", condition.name, kind.title()),
    };
    let told = serde_json::json!({
        "reason": kind.name(),
        "code": condition.why.as_ref().map(|why| why.code.name()),
        "text": condition.why.as_ref().map_or_else(|| kind.cause().to_owned(), ToString::to_string),
        "about": about,
        "severity": kind.severity().name(),
        "next": kind.next_step(),
    });
    notification::store(tx, job, "alert", &told, now)
}
