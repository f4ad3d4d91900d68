//! What a person may do with a job: start, pause, restart, clear, quarantine, synchronise now.
//!
//! Both the administrator's API and the one in the shape of Graph come here, so both mean the same. Trap: starting a job
//! also ends its quarantine, as in the original.

use engine::{DeleteChoice, JobRow, JobState};
use sync_core::{cycle::Reset, operation::Refusal};

use crate::{agents::blocking, app::App};

/// Starts a job, or goes on with it; a quarantine is over.
///
/// # Errors
/// Of the store.
pub async fn start(app: &App, job: &JobRow, actor: &str) -> Result<(), Refusal> {
    let (id, name, actor) = (job.id, job.name.clone(), actor.to_owned());
    blocking(app.engine(), move |engine| {
        engine.clear_quarantine(id)?;
        engine.set_job_state(id, JobState::Active)?;
        engine.audit(&actor, "start job", &name)
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// Pauses a job between two batches; everything it knows is kept.
///
/// # Errors
/// Of the store.
pub async fn pause(app: &App, job: &JobRow, actor: &str) -> Result<(), Refusal> {
    let (id, name, actor) = (job.id, job.name.clone(), actor.to_owned());
    blocking(app.engine(), move |engine| {
        engine.set_job_state(id, JobState::Paused)?;
        engine.audit(&actor, "pause job", &name)
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// Restarts a job: forgets what the criteria name, lets held deletions go if they say so, and goes on. A paused job stays
/// paused, unless its quarantine had disabled it.
///
/// # Errors
/// Of the store.
pub async fn restart(app: &App, job: &JobRow, reset: Reset, actor: &str) -> Result<(), Refusal> {
    let (row, actor) = (job.clone(), actor.to_owned());
    blocking(app.engine(), move |engine| {
        let was_disabled = engine.standing(row.id)?.disabled_at.is_some();
        engine.restart(&row, reset, &actor)?;
        if reset.has(Reset::FORCE_DELETES) {
            engine.allow_deletes(row.id, &DeleteChoice::All, &actor)?;
        }
        if was_disabled && reset.has(Reset::QUARANTINE_STATE) {
            engine.set_job_state(row.id, JobState::Active)?;
        }
        Ok(())
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// Clears a quarantine and has the job tried at once, from where it was.
///
/// # Errors
/// Of the store.
pub async fn clear(app: &App, job: &JobRow, actor: &str) -> Result<(), Refusal> {
    let (id, name, actor) = (job.id, job.name.clone(), actor.to_owned());
    blocking(app.engine(), move |engine| {
        let was_disabled = engine.standing(id)?.disabled_at.is_some();
        engine.clear_quarantine(id)?;
        if was_disabled {
            engine.set_job_state(id, JobState::Active)?;
        }
        engine.audit(&actor, "clear quarantine", &name)
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// Puts a job into quarantine until somebody clears it.
///
/// # Errors
/// Of the store.
pub async fn quarantine(app: &App, job: &JobRow, text: &str, actor: &str) -> Result<(), Refusal> {
    let (id, text, actor) = (job.id, text.to_owned(), actor.to_owned());
    blocking(app.engine(), move |engine| {
        engine.quarantine_on_demand(id, &actor, &text)
    })
    .await?;
    app.jobs_changed();
    Ok(())
}

/// Has the source read and everything planned that is due, now.
pub fn synchronise(app: &App, job: &JobRow) {
    app.read_wake(job.source).notify_one();
    app.note(job.id, |activity| activity.cycle_began = None);
    app.wake(job.id).notify_one();
}
