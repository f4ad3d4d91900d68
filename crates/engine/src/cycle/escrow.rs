//! Objects in escrow: listed, and tried again when somebody asks or when what kept them may be gone.
//!
//! Trap: what an initial cycle gave up is still in escrow, but waits until somebody asks, its source changes, or the job is
//! tried again as a whole.

use rusqlite::params;
use sync_core::{
    code::Code,
    id::{JobId, LinkId},
    operation::Refusal,
};

use crate::{
    group::Transaction,
    observe::refusal_of,
    reason,
    store::{Engine, Result},
};

/// The time of what is not tried by itself; one before that of containers not yet shown.
pub(crate) const UNTIL_ASKED: i64 = i64::MAX - 1;

/// An object in escrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscrowRow {
    /// The link.
    pub link: LinkId,
    /// Why its last attempt failed.
    pub why: Option<Refusal>,
    /// Attempts that failed in a row.
    pub attempts: u32,
    /// When it is tried again, unix ms; `None`: not by itself.
    pub retry_at: Option<i64>,
    /// When it last failed, unix ms.
    pub failed_at: i64,
}

/// Which objects of a job are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EscrowChoice {
    /// Only this one.
    pub link: Option<LinkId>,
    /// Only those that failed with this code.
    pub code: Option<Code>,
}

impl Engine {
    /// Objects of a job in escrow after this one, with this code or with any, at most `limit`.
    ///
    /// # Errors
    /// Of the store.
    pub fn escrows(
        &self,
        job: JobId,
        code: Option<Code>,
        after: Option<LinkId>,
        limit: usize,
    ) -> Result<Vec<EscrowRow>> {
        let (first, last) = crate::link_range(job);
        let first = after.map_or(first, |after| first.max(after.0.saturating_add(1)));
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT d.id, l.reason, l.attempts, d.not_before, l.changed_at FROM due_later d JOIN link l ON l.id = d.id
                 WHERE d.id BETWEEN ?1 AND ?2 AND d.reasons & ?3 <> 0 ORDER BY d.id",
            )?;
            let mut rows = statement.query(params![first, last, reason::RETRY])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let why = refusal_of(row.get(1)?)?;
                if code.is_some_and(|code| why.as_ref().is_none_or(|why| why.code != code)) {
                    continue;
                }
                let retry_at: i64 = row.get(3)?;
                all.push(EscrowRow {
                    link: LinkId(row.get(0)?),
                    why,
                    attempts: row.get(2)?,
                    retry_at: (retry_at < UNTIL_ASKED).then_some(retry_at),
                    failed_at: row.get(4)?,
                });
                if all.len() >= limit {
                    break;
                }
            }
            Ok(all)
        })
    }

    /// Tries objects in escrow again now. Returns how many.
    ///
    /// # Errors
    /// Of the store.
    pub fn retry_escrows(&self, job: JobId, choice: &EscrowChoice, actor: &str) -> Result<usize> {
        let wanted: Vec<i64> = match (choice.link, choice.code) {
            (None, None) => Vec::new(),
            _ => self
                .escrows(job, choice.code, None, usize::MAX)?
                .iter()
                .filter(|row| choice.link.is_none_or(|link| link == row.link))
                .map(|row| row.link.0)
                .collect(),
        };
        let now = self.now();
        self.write("engine.retry_escrows", |tx| {
            let count = match choice {
                EscrowChoice {
                    link: None,
                    code: None,
                } => wake_all(tx, job, now)?,
                _ => {
                    let mut statement = tx.prepare_cached(
                        "UPDATE due_later SET not_before = ?2 WHERE id = ?1 AND reasons & ?3 <> 0",
                    )?;
                    let mut count = 0;
                    for id in &wanted {
                        count += statement.execute(params![id, now, reason::RETRY])?;
                    }
                    count
                }
            };
            let detail = format!("job {job}: {count}");
            crate::config::note_act(tx, actor, "retry escrow", &detail, now)?;
            Ok(count)
        })
    }
}

fn wake_all(tx: &Transaction<'_>, job: JobId, now: i64) -> Result<usize> {
    let (first, last) = crate::link_range(job);
    Ok(tx.execute(
        "UPDATE due_later SET not_before = ?3 WHERE id BETWEEN ?1 AND ?2 AND reasons & ?4 <> 0 AND not_before > ?3",
        params![first, last, now, reason::RETRY],
    )?)
}

/// Everything a job has in escrow is tried now.
pub(crate) fn wake(tx: &Transaction<'_>, job: JobId, now: i64) -> Result<()> {
    wake_all(tx, job, now).map(drop)
}

/// What failed is not tried by itself any more.
pub(crate) fn prune(tx: &Transaction<'_>, job: JobId) -> Result<()> {
    let (first, last) = crate::link_range(job);
    tx.execute(
        "UPDATE due_later SET not_before = ?3 WHERE id BETWEEN ?1 AND ?2 AND reasons & ?4 <> 0",
        params![first, last, UNTIL_ASKED, reason::RETRY],
    )?;
    Ok(())
}

/// Attempts are counted anew, and everything is tried now.
pub(crate) fn reset(tx: &Transaction<'_>, job: JobId, now: i64) -> Result<()> {
    let (first, last) = crate::link_range(job);
    tx.execute(
        "UPDATE link SET attempts = 0 WHERE attempts > 0 AND id IN
           (SELECT id FROM due_later WHERE id BETWEEN ?1 AND ?2 AND reasons & ?3 <> 0)",
        params![first, last, reason::RETRY],
    )?;
    wake(tx, job, now)
}
