//! Staging: show, enter, promote.
//!
//! Trap: promoting takes the fences first and leaves staging afterwards; if one of several jobs is held by another server,
//! nothing is promoted.

use std::time::Duration;

use axum::{Json, extract::State};
use engine::{Engine, JobRow, StagedRow};
use sync_core::{code::Code, operation::Refusal};
use tokio::time::{Instant, sleep};
use wire::api::v1::{FenceView, JobStaging, Named, Staged, Staging, StagingRequest};

use super::{convert::time, error::Answer, extract::Body};
use crate::{access::actor, agents::blocking, app::App, staging};

/// How long a batch that is on its way is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

fn staged(row: &StagedRow) -> Staged {
    Staged {
        since: time(row.since),
        by: row.actor.clone(),
        why: row.why.as_ref().map(Into::into),
    }
}

/// `GET /staging`.
pub async fn show(State(app): State<App>) -> Answer<Staging> {
    let (state, jobs) = blocking(app.engine(), |engine| {
        Ok((engine.staging()?, engine.jobs()?))
    })
    .await?;
    let mut shown = Staging {
        instance: app.instance().to_string(),
        server: state.server.as_ref().map(staged),
        jobs: Vec::new(),
    };
    for job in jobs {
        let id = job.id;
        let numbers = blocking(app.engine(), move |engine| engine.job_numbers(id, false)).await?;
        shown.jobs.push(JobStaging {
            state: job.state.name().into(),
            staged: state.jobs.get(&id).map(staged),
            is_staged: state.of(id).is_some(),
            to_export: numbers.to_export,
            fence: held(&app, &job).await?,
            job: Named {
                id: job.guid,
                name: job.name,
            },
        });
    }
    Ok(Json(shown))
}

async fn held(app: &App, job: &JobRow) -> Result<Option<FenceView>, Refusal> {
    let target = staging::plain_target(app, job).await?;
    let found = target.holder(&job.name).await?;
    Ok(found.map(|one| FenceView {
        is_held: one.holder.is_some(),
        is_this: one.holder == Some(app.instance()),
        server: one.holder_name,
        generation: one.generation,
        taken_at: one.taken_at.to_string(),
    }))
}

/// The job that is meant, and all that are concerned.
async fn meant(app: &App, name: Option<String>) -> Result<(Option<JobRow>, Vec<JobRow>), Refusal> {
    blocking(app.engine(), move |engine| match name {
        Some(name) => {
            let job = engine.job_named(&name)?;
            Ok((Some(job.clone()), vec![job]))
        }
        None => Ok((None, Engine::jobs(engine)?)),
    })
    .await
}

/// `POST /staging/enter`: answers when nothing is on its way any more and others may take over.
pub async fn enter(State(app): State<App>, Body(request): Body<StagingRequest>) -> Answer<Staging> {
    let (job, all) = meant(&app, request.job).await?;
    let id = job.as_ref().map(|job| job.id);
    blocking(app.engine(), move |engine| engine.stage(id, &actor(), None)).await?;
    app.jobs_changed();
    staging::settle(&app).await?;
    let until = Instant::now() + PATIENCE;
    while all.iter().any(|job| app.fence(job.id).is_some()) {
        if Instant::now() > until {
            return Err(Refusal::new(Code::TimeOut)
                .with("text", "staging is entered, but operations are still on their way; ask again with `hybridge staging show`")
                .into());
        }
        sleep(LOOK).await;
        staging::settle(&app).await?;
    }
    show(State(app)).await
}

/// `POST /staging/promote`.
pub async fn promote(
    State(app): State<App>,
    Body(request): Body<StagingRequest>,
) -> Answer<Staging> {
    let (job, mut all) = meant(&app, request.job).await?;
    // Until staging is left, the job's own loop would give back what is taken here.
    let turn = app.staging_turn().await;
    let state = blocking(app.engine(), Engine::staging).await?;
    match &job {
        Some(job) if state.server.is_some() => {
            return Err(Refusal::new(Code::Conflict)
                .with("job", &job.name)
                .with("text", "the whole server is in staging; promote it (`hybridge staging promote` without --job), and keep single jobs back before with `hybridge staging enter --job`")
                .into());
        }
        Some(_) => {}
        // Those that are in staging by themselves stay there, unless another server had put them there by being active.
        None => all.retain(|job| state.jobs.get(&job.id).is_none_or(|row| row.why.is_some())),
    }
    // First everything is asked, so that either all are taken or none.
    for job in &all {
        let seen = request.take_over.get(&job.guid);
        if let Some(held) = held(&app, job).await?
            && held.is_held
            && !held.is_this
            && seen != Some(&held.generation)
        {
            return Err(Refusal::new(Code::FencedOff)
                .with("job", &job.name)
                .with("server", held.server)
                .with("generation", held.generation.to_string())
                .into());
        }
    }
    for job in &all {
        staging::take(&app, job, request.take_over.get(&job.guid).copied()).await?;
        let id = job.id;
        if state.jobs.contains_key(&id) {
            blocking(app.engine(), move |engine| {
                engine.promote(Some(id), &actor())
            })
            .await?;
        }
    }
    if job.is_none() && state.server.is_some() {
        blocking(app.engine(), move |engine| engine.promote(None, &actor())).await?;
    }
    drop(turn);
    app.jobs_changed();
    show(State(app)).await
}
