//! The guard's budget: what lost something within the window, what is about to, and the verdict about both.
//!
//! An object counts once, however often it loses something. Never counts what an administrator allowed or undid. Trap:
//! operations that are ready count too, or what is planned in slices would pass before the first slice is reported.

use rusqlite::{Transaction, params};
use sync_core::{
    guard::{GroupLoss, Losses, Prevention},
    id::{ConnectorId, JobId, LinkId},
    operation::Refusal,
};

use crate::{
    config::JobRow,
    store::{Engine, Result},
};

/// Setting: how a target is protected.
pub const PREVENTION: &str = "deletionPrevention";
/// The window is at most this long, in milliseconds.
const LONGEST_WINDOW: i64 = 31 * 86_400_000;

/// What an object lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Loss {
    /// Itself.
    Deleted = 1,
    /// Sign-in.
    Disabled = 2,
    /// Members.
    Members = 3,
    /// Values.
    Values = 4,
}

/// Stored with a pending export that costs its object itself, its sign-in or its values; above 0: so many members.
pub(crate) const OBJECT_LOSS: i64 = -1;

/// What is about to be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub objects: u64,
    pub memberships: u64,
}

/// Remembers what was carried out.
pub(crate) fn note(
    tx: &Transaction<'_>,
    job: &JobRow,
    link: LinkId,
    loss: Loss,
    count: i64,
    now: i64,
) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO harm (job, target, link, kind, at, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        job.id.0,
        job.target.0,
        link.0,
        loss as i64,
        now,
        count
    ])?;
    Ok(())
}

fn number(tx: &Transaction<'_>, sql: &str, values: impl rusqlite::Params) -> Result<u64> {
    let count: i64 = tx
        .prepare_cached(sql)?
        .query_row(values, |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// What waits in a job: settling, held, on its way.
pub(crate) fn waiting(tx: &Transaction<'_>, job: JobId) -> Result<Waiting> {
    let (first, last) = crate::link_range(job);
    let range = [first, last];
    let deletions = number(
        tx,
        "SELECT count(*) FROM link WHERE pending_state > 0 AND pending_state IN (4, 5) AND id BETWEEN ?1 AND ?2",
        range,
    )?;
    let on_their_way = number(
        tx,
        "SELECT count(*) FROM link WHERE pending_state > 0 AND pending_state IN (1, 3) AND loss <> 0 AND id BETWEEN ?1 AND ?2",
        range,
    )?;
    let leaving = number(
        tx,
        "SELECT coalesce(sum(loss), 0) FROM link WHERE pending_state > 0 AND pending_state IN (1, 3) AND loss > 0
           AND id BETWEEN ?1 AND ?2",
        range,
    )?;
    let values = number(
        tx,
        "SELECT count(DISTINCT id) FROM hold_attribute WHERE state = 1 AND id BETWEEN ?1 AND ?2",
        range,
    )?;
    let groups = number(
        tx,
        "SELECT count(DISTINCT id) FROM hold_reference WHERE state = 1 AND id BETWEEN ?1 AND ?2",
        range,
    )?;
    let members = number(
        tx,
        "SELECT count(*) FROM hold_reference WHERE state = 1 AND id BETWEEN ?1 AND ?2",
        range,
    )?;
    Ok(Waiting {
        objects: deletions + on_their_way + values + groups,
        memberships: leaving + members,
    })
}

/// What was done within the window, of a job (`harm.job`) or a target (`harm.target`).
fn done(tx: &Transaction<'_>, column: &str, id: i64, since: i64) -> Result<Waiting> {
    let values = params![id, since];
    Ok(Waiting {
        objects: number(
            tx,
            &format!("SELECT count(DISTINCT link) FROM harm WHERE {column} = ?1 AND at > ?2"),
            values,
        )?,
        memberships: number(
            tx,
            &format!(
                "SELECT coalesce(sum(count), 0) FROM harm WHERE {column} = ?1 AND at > ?2 AND kind = 3"
            ),
            params![id, since],
        )?,
    })
}

/// Where a budget stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// What counts.
    pub losses: Losses,
    /// At how many objects it trips; `None`: never.
    pub threshold: Option<u64>,
}

fn losses(linked: u64, done: Waiting, waiting: Waiting, deleted: u64) -> Losses {
    Losses {
        // What was deleted within the window was linked at its beginning.
        linked: linked.saturating_add(deleted),
        done: done.objects,
        waiting: waiting.objects,
        memberships_done: done.memberships,
        memberships_waiting: waiting.memberships,
    }
}

fn budget_of_job(tx: &Transaction<'_>, job: &JobRow, more: Waiting, now: i64) -> Result<Budget> {
    let limits = job.settings.limits();
    let since = now.saturating_sub(limits.window_ms);
    let linked = number(
        tx,
        "SELECT coalesce(sum(count), 0) FROM tally WHERE job = ?1 AND situation = 1",
        [job.id.0],
    )?;
    let deleted = number(
        tx,
        "SELECT count(DISTINCT link) FROM harm WHERE job = ?1 AND at > ?2 AND kind = 1",
        params![job.id.0, since],
    )?;
    let waits = waiting(tx, job.id)?;
    let waits = Waiting {
        objects: waits.objects + more.objects,
        memberships: waits.memberships + more.memberships,
    };
    let losses = losses(linked, done(tx, "job", job.id.0, since)?, waits, deleted);
    Ok(Budget {
        threshold: limits.threshold(losses.linked),
        losses,
    })
}

fn budget_of_target(
    tx: &Transaction<'_>,
    target: ConnectorId,
    prevention: &Prevention,
    since: i64,
    more: Waiting,
) -> Result<Budget> {
    let linked = number(
        tx,
        "SELECT coalesce(sum(count), 0) FROM tally JOIN job ON job.id = tally.job WHERE job.target = ?1 AND situation = 1",
        [target.0],
    )?;
    let deleted = number(
        tx,
        "SELECT count(DISTINCT link) FROM harm WHERE target = ?1 AND at > ?2 AND kind = 1",
        params![target.0, since],
    )?;
    let mut jobs: Vec<i64> = Vec::new();
    {
        let mut statement = tx.prepare_cached("SELECT id FROM job WHERE target = ?1")?;
        let mut rows = statement.query([target.0])?;
        while let Some(row) = rows.next()? {
            jobs.push(row.get(0)?);
        }
    }
    let mut waits = more;
    for job in jobs {
        let one = waiting(tx, JobId(job))?;
        waits.objects += one.objects;
        waits.memberships += one.memberships;
    }
    let losses = losses(linked, done(tx, "target", target.0, since)?, waits, deleted);
    Ok(Budget {
        threshold: prevention.threshold(losses.linked),
        losses,
    })
}

/// The verdict about what waits and `more`: that of the job, and that of all jobs of its target together.
pub(crate) fn verdict(
    tx: &Transaction<'_>,
    job: &JobRow,
    more: Waiting,
    now: i64,
) -> Result<std::result::Result<(), Refusal>> {
    tx.prepare_cached("DELETE FROM harm WHERE at < ?1")?
        .execute([now.saturating_sub(LONGEST_WINDOW)])?;
    let limits = job.settings.limits();
    let own = budget_of_job(tx, job, more, now)?;
    if let Err(why) = limits.check(&own.losses) {
        return Ok(Err(why));
    }
    let prevention = prevention_in(tx)?;
    let since = now.saturating_sub(limits.window_ms);
    let all = budget_of_target(tx, job.target, &prevention, since, more)?;
    Ok(prevention.check(&all.losses))
}

/// What a group loses, if it is to lose so many members more.
pub(crate) fn group_loss(
    tx: &Transaction<'_>,
    job: &JobRow,
    link: LinkId,
    more: u64,
    now: i64,
) -> Result<GroupLoss> {
    let since = now.saturating_sub(job.settings.limits().window_ms);
    let bit = 2_i64 << job.slot;
    let held = number(
        tx,
        "SELECT count(*) FROM hold_reference WHERE id = ?1 AND state = 1 AND keep = 1",
        [link.0],
    )?;
    Ok(GroupLoss {
        members: number(
            tx,
            "SELECT count(*) FROM edge WHERE src = ?1 AND flags & ?2 <> 0",
            [crate::object_of(link).0, bit],
        )?,
        done: number(
            tx,
            "SELECT coalesce(sum(count), 0) FROM harm WHERE link = ?1 AND at > ?2 AND kind = 3",
            params![link.0, since],
        )?,
        waiting: held + more,
    })
}

fn prevention_in(connection: &rusqlite::Connection) -> Result<Prevention> {
    use rusqlite::OptionalExtension as _;
    let text: Option<String> = connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([PREVENTION], |row| row.get(0))
        .optional()?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

impl Engine {
    /// How the target is protected, whichever jobs write to it.
    ///
    /// # Errors
    /// Of the store.
    pub fn deletion_prevention(&self) -> Result<Prevention> {
        self.read(prevention_in)
    }

    /// Changes how the target is protected.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_deletion_prevention(&self, prevention: &Prevention, actor: &str) -> Result<()> {
        let text = serde_json::to_string(prevention)
            .map_err(|_| crate::StoreError::Blob("deletion prevention"))?;
        self.set_setting(PREVENTION, &text)?;
        let detail = format!("{} {}", prevention.kind.name(), prevention.threshold);
        self.audit(actor, "change deletion prevention", &detail)
    }

    /// Where the budget of a job stands, and that of its target.
    ///
    /// # Errors
    /// Of the store.
    pub fn guard_budgets(&self, job: &JobRow) -> Result<(Budget, Budget)> {
        let now = self.now();
        let since = now.saturating_sub(job.settings.limits().window_ms);
        self.write("engine.guard_budgets", |tx| {
            let prevention = prevention_in(tx)?;
            Ok((
                budget_of_job(tx, job, Waiting::default(), now)?,
                budget_of_target(tx, job.target, &prevention, since, Waiting::default())?,
            ))
        })
    }
}
