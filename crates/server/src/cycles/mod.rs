//! Cycles of jobs: when one may begin, what its failure or success means for the next, and what a person may ask for.
//!
//! The decisions are `sync_core::cycle`, the memory is the engine's; here they meet the loops. Trap: a job in quarantine is
//! left out of reading and planning alike, and whoever knows that its cause may be gone has to say so ([`is_hopeful`]), or it
//! waits for its time; [`look`] finds out.

pub mod act;
pub(crate) mod look;
pub mod on_demand;
pub mod reconcile;
pub mod status;

use std::{sync::Arc, time::Duration};

use connectors::Target;
use engine::{ConnectorRow, FailedRun, JobRow, JobStanding, JobState};
use sync_core::{
    cycle::{Side, standing::Change},
    id::{ConnectorId, JobId},
    operation::Refusal,
};
use tracing::{info, warn};

use crate::{
    agents::blocking,
    app::App,
    scheduler::{end_by, end_run},
};

/// A job in quarantine looks at its time at least so often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

async fn standing(app: &App, job: JobId) -> Result<JobStanding, Refusal> {
    blocking(app.engine(), move |engine| engine.standing(job)).await
}

fn until(at: Option<i64>, now: i64) -> Duration {
    let left = at.map_or(i64::MAX, |at| at.saturating_sub(now).max(10));
    Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX)).min(LOOK_AGAIN)
}

/// Jobs of a source that wait in quarantine.
#[derive(Default)]
pub(crate) struct HeldBack {
    /// How long to wait, if there are any.
    pub wait: Option<Duration>,
    /// Those that wait for the source to be usable again.
    pub for_source: Vec<JobRow>,
}

/// Leaves out of a source's jobs those in quarantine whose time has not come. If nobody is left, the source is looked at.
///
/// # Errors
/// Of the store.
pub(crate) async fn hold_back(
    app: &App,
    source: &ConnectorRow,
    jobs: &mut Vec<JobRow>,
) -> Result<HeldBack, Refusal> {
    let now = app.engine().now();
    let mut held = HeldBack::default();
    let mut tried = Vec::new();
    for job in jobs.drain(..) {
        let standing = standing(app, job.id).await?.standing;
        if standing.lets_try(now) {
            tried.push(job);
            continue;
        }
        let next = until(standing.quarantine.and_then(|held| held.next_attempt), now);
        held.wait = Some(held.wait.map_or(next, |wait| wait.min(next)));
        if standing.waits_for(Side::Source, now) {
            held.for_source.push(job);
        }
    }
    *jobs = tried;
    if jobs.is_empty() && !held.for_source.is_empty() {
        let look = look::at_source(app, source, held.for_source.clone()).await;
        held.wait = held.wait.map(|wait| wait.min(look));
    }
    Ok(held)
}

/// The cause of these jobs' quarantine may be gone: they are tried now.
pub(crate) async fn is_hopeful(app: &App, jobs: Vec<JobRow>) {
    let mut is_any = false;
    for job in jobs {
        let id = job.id;
        match blocking(app.engine(), move |engine| engine.quarantine_is_hopeful(id)).await {
            Ok(is_tried) => is_any |= is_tried,
            Err(why) => {
                warn!(job = %job.name, code = %why.code, "a quarantine cannot be looked at: {why}")
            }
        }
    }
    if is_any {
        app.jobs_changed();
    }
}

/// The cause of what was wrong with a connector may be gone.
pub(crate) async fn connector_works(app: &App, connector: ConnectorId) {
    let jobs = blocking(app.engine(), engine::Engine::jobs).await;
    let mut jobs = jobs.unwrap_or_default();
    jobs.retain(|job| job.source == connector || job.target == connector);
    is_hopeful(app, jobs).await;
    // Also whoever only waits for the next attempt after a failure.
    app.read_wake(connector).notify_one();
}

fn tell(app: &App, job: &JobRow, side: Side, change: Change) {
    if matches!(change, Change::Imposed(_) | Change::Lifted(_)) {
        look::forget(app, look::end_of(job, side));
        app.note(job.id, |activity| activity.next_look = None);
    }
    match change {
        Change::None => {}
        Change::Imposed(reason) => {
            warn!(job = %job.name, reason = reason.name(), "the job is in quarantine");
        }
        Change::Kept(reason) => {
            info!(job = %job.name, reason = reason.name(), "an attempt failed; the quarantine stays in effect");
        }
        Change::Lifted(reason) => {
            info!(job = %job.name, reason = reason.name(), "the quarantine is over");
        }
    }
}

/// Reading a source failed: a cycle of each of its jobs that were tried.
pub(crate) async fn reading_failed(app: &App, source: ConnectorId, why: &Refusal) {
    let why = why.clone();
    let now = app.engine().now();
    let failed = blocking(app.engine(), move |engine| {
        let had_begun = engine
            .last_read(source)?
            .is_some_and(|read| read.entries > 0);
        let mut changes = Vec::new();
        for job in engine.jobs()? {
            let is_tried = job.source == source
                && job.state == JobState::Active
                && engine.standing(job.id)?.standing.lets_try(now);
            if is_tried {
                let run = FailedRun::New { had_begun };
                let change = engine.cycle_failed(&job, Side::Source, &why, run)?;
                changes.push((job, change));
            }
        }
        Ok(changes)
    })
    .await;
    match failed {
        Ok(changes) => {
            for (job, change) in &changes {
                tell(app, job, Side::Source, *change);
            }
        }
        Err(why) => {
            warn!(connector = %source, code = %why.code, "a failed cycle cannot be recorded: {why}")
        }
    }
}

/// Reading works, for these jobs; those that waited for it may hope.
pub(crate) async fn reading_works(app: &App, jobs: &[JobRow], waiting: Vec<JobRow>) {
    for job in jobs {
        works(app, job, Side::Source).await;
    }
    is_hopeful(app, waiting).await;
}

async fn works(app: &App, job: &JobRow, side: Side) {
    let id = job.id;
    match blocking(app.engine(), move |engine| engine.cycle_works(id, side)).await {
        Ok(change) => tell(app, job, side, change),
        Err(why) => warn!(job = %job.name, code = %why.code, "a success cannot be recorded: {why}"),
    }
}

/// Planning or writing failed as a whole. `has_ended` says whether that ended a run.
pub(crate) async fn writing_failed(app: &App, job: JobId, why: &Refusal, has_ended: bool) {
    let why = why.clone();
    let run = match has_ended {
        true => FailedRun::Recorded,
        false => FailedRun::New { had_begun: false },
    };
    let failed = blocking(app.engine(), move |engine| {
        let row = engine.job(job)?;
        let change = engine.cycle_failed(&row, Side::Target, &why, run)?;
        Ok((row, change))
    })
    .await;
    match failed {
        Ok((row, change)) => tell(app, &row, Side::Target, change),
        Err(why) => warn!(%job, code = %why.code, "a failed cycle cannot be recorded: {why}"),
    }
}

/// A job has nothing left to do: its target works, and the guard holds what it holds.
pub(crate) async fn settled(app: &App, job: &JobRow) {
    works(app, job, Side::Target).await;
    let id = job.id;
    let held = blocking(app.engine(), move |engine| {
        let guard = engine.job(id)?.guard;
        engine.guard_holds(id, guard.as_ref())
    })
    .await;
    match held {
        Ok(change) => tell(app, job, Side::Target, change),
        Err(why) => {
            warn!(job = %job.name, code = %why.code, "the guard's alarm cannot be recorded: {why}")
        }
    }
    app.note(id, |activity| activity.attempt = None);
}

/// Whether a job has to wait before it does anything, and how long: for its quarantine, or for the time between two cycles.
///
/// # Errors
/// Of the store.
pub(crate) async fn may_begin(app: &App, job: &JobRow) -> Result<Option<Duration>, Refusal> {
    let (id, now) = (job.id, app.engine().now());
    if blocking(app.engine(), move |engine| engine.rest_if_over(id)).await? {
        warn!(job = %job.name, "the job is disabled after 28 days in quarantine");
        app.jobs_changed();
        return Ok(Some(LOOK_AGAIN));
    }
    let standing = standing(app, id).await?.standing;
    if !standing.lets_try(now) {
        if let Some(error) = &standing.error {
            end_run(app, id, end_by(error)).await;
        }
        app.note(id, |activity| activity.phase = "quarantine");
        let next = until(standing.quarantine.and_then(|held| held.next_attempt), now);
        return match standing.waits_for(Side::Target, now) {
            true => Ok(Some(next.min(look::at_target(app, job).await?))),
            false => Ok(Some(next)),
        };
    }
    let activity = app.activity(id);
    let spacing = i64::try_from(job.settings.minimum_spacing_seconds.saturating_mul(1_000));
    let next = activity
        .cycle_began
        .map(|began| began.saturating_add(spacing.unwrap_or(i64::MAX)));
    // A clock that was set back does not make anybody wait longer than the spacing.
    let is_early = activity.run.is_none()
        && activity.cycle_began.is_some_and(|began| began <= now)
        && next.is_some_and(|next| next > now);
    Ok(is_early.then(|| until(next, now)))
}

/// If this is an attempt of a quarantine: the target is asked first, and what failed is tried along with it.
///
/// # Errors
/// Those of the target; then the attempt has failed.
pub(crate) async fn attempt(
    app: &App,
    job: &JobRow,
    target: &Arc<dyn Target>,
) -> Result<(), Refusal> {
    let id = job.id;
    let standing = standing(app, id).await?.standing;
    let Some(held) = standing.quarantine.filter(|held| held.reason.slows()) else {
        return Ok(());
    };
    if app.activity(id).attempt == Some(held.current_began) {
        return Ok(());
    }
    if standing.failed_side == Some(Side::Target) {
        target.discover().await?;
    }
    let run = blocking(app.engine(), move |engine| {
        engine.begin_attempt(id)?;
        match held.reason.is_by_escrow() {
            // It is its end that is judged, also if nothing is left to do.
            true => engine.begin_run(id).map(Some),
            false => Ok(None),
        }
    })
    .await?;
    app.note(id, |activity| {
        activity.attempt = Some(held.current_began);
        activity.run = run.or(activity.run);
    });
    Ok(())
}
