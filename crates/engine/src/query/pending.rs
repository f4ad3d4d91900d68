//! Pending exports and objects in escrow, page by page.
//!
//! Trap: an object in escrow has nothing pending; it is shown here because people look for it here.

use rusqlite::{Row, params};
use sync_core::{
    id::{JobId, LinkId},
    operation::Refusal,
};

use crate::{
    PendingExport, PendingState,
    due::pending_of,
    observe::refusal_of,
    reason,
    store::{Engine, Result},
};

/// Which rows are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingView {
    /// In this state.
    State(PendingState),
    /// In escrow.
    Escrow,
}

impl PendingView {
    /// All views, in the order they are listed.
    pub const ALL: [Self; 7] = [
        Self::State(PendingState::Unknown),
        Self::State(PendingState::Approved),
        Self::State(PendingState::Ready),
        Self::State(PendingState::Settling),
        Self::State(PendingState::Held),
        Self::State(PendingState::Refused),
        Self::Escrow,
    ];

    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::State(state) => state.name(),
            Self::Escrow => "escrow",
        }
    }
}

/// One row.
#[derive(Clone, Debug)]
pub struct PendingRow {
    /// The link.
    pub link: LinkId,
    /// Where it stands.
    pub view: PendingView,
    /// The operation; `None` in escrow.
    pub pending: Option<PendingExport>,
    /// Failed attempts.
    pub attempts: u32,
    /// Why it waits or failed.
    pub reason: Option<Refusal>,
    /// When the link last changed, unix ms.
    pub changed_at: i64,
    /// When it is tried again, unix ms.
    pub retry_at: Option<i64>,
}

fn row(row: &Row<'_>, view: PendingView) -> Result<PendingRow> {
    let blob: Option<Vec<u8>> = row.get(1)?;
    Ok(PendingRow {
        link: LinkId(row.get(0)?),
        view,
        pending: blob.map(|blob| pending_of(Some(blob))).transpose()?,
        attempts: row.get(2)?,
        reason: refusal_of(row.get(3)?)?,
        changed_at: row.get(4)?,
        retry_at: row.get(5)?,
    })
}

impl Engine {
    /// Rows of one view after a link, at most `limit`, in order of links.
    ///
    /// # Errors
    /// Of the store.
    pub fn pending_exports(
        &self,
        job: Option<JobId>,
        view: PendingView,
        after: i64,
        limit: usize,
    ) -> Result<Vec<PendingRow>> {
        let (first, last) = job.map_or((0, i64::MAX), crate::link_range);
        let from = first.max(after.saturating_add(1));
        self.read(|c| {
            let (sql, selector) = match view {
                PendingView::State(state) => (
                    "SELECT id, pending, attempts, reason, changed_at, NULL FROM link
                     WHERE pending_state > 0 AND pending_state = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4",
                    state.number(),
                ),
                PendingView::Escrow => (
                    "SELECT l.id, NULL, l.attempts, l.reason, l.changed_at, d.not_before FROM due_later d JOIN link l ON l.id = d.id
                     WHERE d.reasons & ?1 AND d.id BETWEEN ?2 AND ?3 ORDER BY d.id LIMIT ?4",
                    reason::RETRY,
                ),
            };
            let mut statement = c.prepare_cached(sql)?;
            let mut rows = statement.query(params![selector, from, last, limit])?;
            let mut all = Vec::new();
            while let Some(next) = rows.next()? {
                all.push(row(next, view)?);
            }
            Ok(all)
        })
    }

    /// The pending export of one link.
    ///
    /// # Errors
    /// Of the store.
    pub fn pending_export(&self, link: LinkId) -> Result<Option<PendingRow>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, pending, attempts, reason, changed_at, NULL, pending_state FROM link
                 WHERE id = ?1 AND pending_state > 0",
            )?;
            let mut rows = statement.query([link.0])?;
            let Some(next) = rows.next()? else {
                return Ok(None);
            };
            let state = PendingState::from_number(next.get(6)?);
            row(next, PendingView::State(state)).map(Some)
        })
    }
}
