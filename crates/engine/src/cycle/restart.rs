//! What a restart forgets, in one transaction.
//!
//! Trap: a source may feed several jobs; its read position is one for all of them, so a job that looks at everything again
//! has the source read whole, and the others are none the worse for it.

use sync_core::cycle::{Reset, Standing};

use super::{escrow, standing};
use crate::{
    JobRow,
    config::{begin_anew, everything_due, note_act},
    group::Transaction,
    reason,
    store::{Engine, Result},
};

impl Engine {
    /// Forgets what the criteria name. Everything a restart looks at again becomes due; nothing of source or target is
    /// changed here.
    ///
    /// `ForceDeletes` is not acted on: whoever restarts lets the deletions go that are held.
    ///
    /// # Errors
    /// Of the store.
    pub fn restart(&self, job: &JobRow, reset: Reset, actor: &str) -> Result<()> {
        let now = self.now();
        self.write("engine.restart", |tx| {
            if reset.has(Reset::QUARANTINE_STATE) {
                standing::forget(tx, job.id, Standing::clear, now)?;
                tx.execute(
                    "UPDATE job SET disabled_at = NULL WHERE id = ?1",
                    [job.id.0],
                )?;
            }
            if reset.has(Reset::ESCROWS) {
                escrow::reset(tx, job.id, now)?;
                standing::forget(tx, job.id, forget_failures, now)?;
            }
            if reset.has_links() {
                self.forget_links(tx, job, now)?;
            } else if reset.has(Reset::CONNECTOR_DATA_STORE) {
                doubt_links(tx, job)?;
            }
            if reset.has(Reset::WATERMARK) || reset.has(Reset::CONNECTOR_DATA_STORE) {
                begin_anew(tx, job.id)?;
                everything_due(tx, job.id, job.source, reason::ASKED, now)?;
                // Without a reason: what is read then is not held against what was read before.
                tx.execute(
                    "UPDATE connector SET needs = 'full', needs_why = NULL WHERE id = ?1",
                    [job.source.0],
                )?;
            }
            tx.execute(
                "UPDATE job SET failure = NULL, failures = 0, retry_at = NULL WHERE id = ?1",
                [job.id.0],
            )?;
            note_act(
                tx,
                actor,
                "restart job",
                &format!("{}: {reset}", job.name),
                now,
            )
        })
    }

    /// Every link of a job becomes as if its object had never been planned; target objects stay, and are matched again.
    fn forget_links(&self, tx: &Transaction<'_>, job: &JobRow, now: i64) -> Result<()> {
        let (first, last) = crate::link_range(job.id);
        let mut links: Vec<i64> = Vec::new();
        {
            let mut statement =
                tx.prepare_cached("SELECT id FROM link WHERE id BETWEEN ?1 AND ?2")?;
            let mut rows = statement.query([first, last])?;
            while let Some(row) = rows.next()? {
                links.push(row.get(0)?);
            }
        }
        for link in links {
            self.take_apart(tx, job, sync_core::id::LinkId(link), now)?;
        }
        Ok(())
    }
}

/// What was exported is not believed any more: the target is read back before anything is planned.
fn doubt_links(tx: &Transaction<'_>, job: &JobRow) -> Result<()> {
    let (first, last) = crate::link_range(job.id);
    tx.execute(
        "UPDATE link SET stale = 2 WHERE id BETWEEN ?1 AND ?2 AND situation = 1",
        [first, last],
    )?;
    Ok(())
}

/// The counter that leads to quarantine begins anew; a quarantine stays.
fn forget_failures(standing: &mut Standing) -> sync_core::cycle::Change {
    standing.in_a_row = 0;
    standing.failed_side = None;
    standing.are_escrows_pruned = false;
    sync_core::cycle::Change::None
}
