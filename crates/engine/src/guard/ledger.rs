//! The guard's budget: what lost something within the window, what is about to, and the verdict about both.
//!
//! An object counts once, however often it loses something. Never counts what an administrator allowed or undid. Trap:
//! operations that are ready count too, or what is planned in slices would pass before the first slice is reported.

use rusqlite::params;
use sync_core::{
    guard::{GroupLoss, Losses, Prevention},
    id::{ConnectorId, JobId, LinkId},
    operation::Refusal,
};

use crate::{
    config::JobRow,
    group::Transaction,
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

impl Loss {
    /// Whether the object itself or its sign-in goes.
    fn is_going(self) -> bool {
        matches!(self, Self::Deleted | Self::Disabled)
    }
}

/// Stored with a pending export that costs its object itself or its sign-in.
pub(crate) const OBJECT_LOSS: i64 = -1;
/// Stored with a pending export that costs its object values; above 0: so many members.
pub(crate) const VALUE_LOSS: i64 = -2;

/// What is about to be lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub objects: u64,
    /// Of those: to be deleted or disabled.
    pub going: u64,
    pub memberships: u64,
}

impl Waiting {
    fn and(self, more: Self) -> Self {
        Self {
            objects: self.objects + more.objects,
            going: self.going + more.going,
            memberships: self.memberships + more.memberships,
        }
    }
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

/// What counts as waiting in a job when this kind of loss is judged; `None`: everything that waits.
///
/// What the guard holds costs nothing yet, so it counts against more of its own kind only: a deletion that waits for a
/// decision does not hold up members who leave their groups. What settles is counted when it has settled.
pub(crate) fn waiting(tx: &Transaction<'_>, job: JobId, kind: Option<Loss>) -> Result<Waiting> {
    let (first, last) = crate::link_range(job);
    let range = [first, last];
    let of_links = |what: &str, states: &str| {
        let sql = format!(
            "SELECT {what} FROM link WHERE pending_state > 0 AND pending_state IN ({states}) AND id BETWEEN ?1 AND ?2"
        );
        number(tx, &sql, range)
    };
    let of_holds = |what: &str, table: &str| {
        let sql = format!("SELECT {what} FROM {table} WHERE state = 1 AND id BETWEEN ?1 AND ?2");
        number(tx, &sql, range)
    };
    let is = |asked: fn(Loss) -> bool| kind.is_none_or(asked);
    let mut waits = Waiting {
        objects: of_links("coalesce(sum(loss <> 0), 0)", "1, 3")?,
        going: of_links("coalesce(sum(loss = -1), 0)", "1, 3")?,
        memberships: 0,
    };
    if is(Loss::is_going) {
        let held = of_links("count(*)", "4, 5")?;
        waits.objects += held;
        waits.going += held;
    } else {
        waits.going = 0;
    }
    if is(|kind| kind == Loss::Values) {
        waits.objects += of_holds("count(DISTINCT id)", "hold_attribute")?;
    }
    if is(|kind| kind == Loss::Members) {
        waits.objects += of_holds("count(DISTINCT id)", "hold_reference")?;
        waits.memberships = of_links("coalesce(sum(max(loss, 0)), 0)", "1, 3")?
            + of_holds("count(*)", "hold_reference")?;
    }
    Ok(waits)
}

/// What was done within the window, of a job (`harm.job`) or a target (`harm.target`).
fn done(tx: &Transaction<'_>, column: &str, id: i64, since: i64) -> Result<Waiting> {
    let of = |what: &str| {
        let sql = format!("SELECT {what} FROM harm WHERE {column} = ?1 AND at > ?2");
        number(tx, &sql, params![id, since])
    };
    Ok(Waiting {
        objects: of("count(DISTINCT link)")?,
        going: of("count(DISTINCT CASE WHEN kind IN (1, 2) THEN link END)")?,
        memberships: of("coalesce(sum(CASE WHEN kind = 3 THEN count END), 0)")?,
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
        gone: done.going,
        going: waiting.going,
        memberships_done: done.memberships,
        memberships_waiting: waiting.memberships,
    }
}

fn budget_of_job(
    tx: &Transaction<'_>,
    job: &JobRow,
    (kind, more): (Option<Loss>, Waiting),
    now: i64,
) -> Result<Budget> {
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
    let waits = waiting(tx, job.id, kind)?.and(more);
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
    (kind, more): (Option<Loss>, Waiting),
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
        waits = waits.and(waiting(tx, JobId(job), kind)?);
    }
    let losses = losses(linked, done(tx, "target", target.0, since)?, waits, deleted);
    Ok(Budget {
        threshold: prevention.threshold(losses.linked),
        losses,
    })
}

/// The verdict about what waits of a kind and `more`: that of the job, and that of all jobs of its target together.
pub(crate) fn verdict(
    tx: &Transaction<'_>,
    job: &JobRow,
    (kind, more): (Loss, Waiting),
    now: i64,
) -> Result<std::result::Result<(), Refusal>> {
    tx.prepare_cached("DELETE FROM harm WHERE at < ?1")?
        .execute([now.saturating_sub(LONGEST_WINDOW)])?;
    let limits = job.settings.limits();
    let asked = (Some(kind), more);
    let own = budget_of_job(tx, job, asked, now)?;
    if let Err(why) = limits.check(&own.losses) {
        return Ok(Err(why));
    }
    let prevention = prevention_in(tx)?;
    let since = now.saturating_sub(limits.window_ms);
    let all = budget_of_target(tx, job.target, &prevention, since, asked)?;
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
                budget_of_job(tx, job, (None, Waiting::default()), now)?,
                budget_of_target(
                    tx,
                    job.target,
                    &prevention,
                    since,
                    (None, Waiting::default()),
                )?,
            ))
        })
    }
}
