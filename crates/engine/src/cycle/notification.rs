//! Messages to somebody outside: stored with what they are about, sent afterwards, each once by each way.
//!
//! Never holds a secret or a value of an object. Trap: a message is open until both ways are done with; a way that is not
//! configured is done with at once.

use crate::group::Transaction;
use rusqlite::params;
use sync_core::{id::JobId, operation::Refusal};

use crate::store::{Engine, Result};

/// Messages kept.
const KEPT_MS: i64 = 90 * 86_400_000;
/// A message is tried for so long.
const LONGEST_MS: i64 = 86_400_000;

/// A way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// As mail.
    Mail,
    /// To a web hook.
    Hook,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRow {
    /// Number.
    pub id: i64,
    /// When what it is about happened, unix ms.
    pub at: i64,
    /// `quarantine`, `disabled`, `busy`, `alert`.
    pub kind: String,
    /// The job.
    pub job: JobId,
    /// What happened: reason, code, text (JSON).
    pub what: serde_json::Value,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was mailed, unix ms.
    pub mailed_at: Option<i64>,
    /// When it was posted to the web hook, unix ms.
    pub posted_at: Option<i64>,
    /// When it was given up, unix ms.
    pub given_up_at: Option<i64>,
}

/// Stores a message, in the transaction of its cause.
pub(crate) fn add(
    tx: &Transaction<'_>,
    job: JobId,
    kind: &str,
    reason: &str,
    error: Option<&Refusal>,
    now: i64,
) -> Result<()> {
    let what = serde_json::json!({
        "reason": reason,
        "code": error.map(|error| error.code.name()),
        "text": error.map(ToString::to_string),
    });
    store(tx, job, kind, &what, now)
}

/// Stores a message of these words; job 0: it is about none.
pub(crate) fn store(
    tx: &Transaction<'_>,
    job: JobId,
    kind: &str,
    what: &serde_json::Value,
    now: i64,
) -> Result<()> {
    tx.execute(
        "INSERT INTO notification (at, kind, job, what) VALUES (?1, ?2, ?3, ?4)",
        params![now, kind, job.0, what.to_string()],
    )?;
    tx.execute(
        "DELETE FROM notification WHERE at < ?1",
        [now.saturating_sub(KEPT_MS)],
    )?;
    Ok(())
}

const COLUMNS: &str =
    "SELECT id, at, kind, job, what, attempts, mailed_at, posted_at, given_up_at FROM notification";

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<NotificationRow> {
    Ok(NotificationRow {
        id: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        job: JobId(row.get(3)?),
        what: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
        attempts: row.get(5)?,
        mailed_at: row.get(6)?,
        posted_at: row.get(7)?,
        given_up_at: row.get(8)?,
    })
}

impl Engine {
    /// Messages that are to be sent now, oldest first.
    ///
    /// # Errors
    /// Of the store.
    pub fn open_notifications(&self, limit: usize) -> Result<Vec<NotificationRow>> {
        let now = self.now();
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!(
                "{COLUMNS} WHERE given_up_at IS NULL AND (mailed_at IS NULL OR posted_at IS NULL) AND not_before <= ?1 ORDER BY id LIMIT ?2"
            ))?;
            let rows = statement.query_map(params![now, limit], row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The newest messages.
    ///
    /// # Errors
    /// Of the store.
    pub fn notifications(&self, limit: usize) -> Result<Vec<NotificationRow>> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached(&format!("{COLUMNS} ORDER BY id DESC LIMIT ?1"))?;
            let rows = statement.query_map([limit], row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A message went this way, or there is no such way.
    ///
    /// # Errors
    /// Of the store.
    pub fn notified(&self, id: i64, channel: Channel) -> Result<()> {
        let now = self.now();
        let sql = match channel {
            Channel::Mail => "UPDATE notification SET mailed_at = ?2 WHERE id = ?1",
            Channel::Hook => "UPDATE notification SET posted_at = ?2 WHERE id = ?1",
        };
        self.write("engine.notified", |tx| {
            tx.execute(sql, [id, now])?;
            Ok(())
        })
    }

    /// A message could not be sent: later again, for a day.
    ///
    /// # Errors
    /// Of the store.
    pub fn notification_failed(&self, id: i64) -> Result<()> {
        let now = self.now();
        self.write("engine.notification_failed", |tx| {
            tx.execute(
                "UPDATE notification SET attempts = attempts + 1, not_before = ?2 + min(3600000, 30000 << min(attempts, 10)),
                   given_up_at = CASE WHEN ?2 - at > ?3 THEN ?2 END WHERE id = ?1",
                params![id, now, LONGEST_MS],
            )?;
            Ok(())
        })
    }
}
