//! Who is active for a job: staging here, the fence in the target.
//!
//! A job exports only while it is not in staging and this process holds its fence, and every batch presents it. Never takes a
//! fence from another server by itself: that is for a person, who names the generation that was seen. Trap: the fence is held in
//! memory; every start takes it anew with a higher generation, so an earlier process with the same identity is refused.

use connectors::directory::DirectoryTarget;
use directory::Fence;
use engine::{Engine, JobRow};
use sync_core::{code::Code, id::JobId, operation::Refusal};
use tracing::{info, warn};

use crate::{agents::blocking, app::App};

/// What a job may do with its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exports {
    /// Nothing: what is planned waits.
    Nothing,
    /// Write, presenting this.
    With(Fence),
}

/// What a job may do now. To be asked between two batches, when nothing of the job is on its way.
///
/// # Errors
/// `FencedOff` if another server is active; then the job is in staging from now on. Those of store and target.
pub async fn exports(app: &App, job: &JobRow) -> Result<Exports, Refusal> {
    let _turn = app.staging_turn().await;
    let id = job.id;
    let is_staged = blocking(app.engine(), move |engine| engine.is_staged(id)).await?;
    match (is_staged, app.fence(id)) {
        (false, Some(fence)) => Ok(Exports::With(fence)),
        (false, None) => take(app, job, None).await.map(Exports::With),
        (true, held) => {
            if let Some(fence) = held {
                give_up(app, job, fence).await?;
            }
            blocking(app.engine(), move |engine| engine.nothing_sent(id)).await?;
            Ok(Exports::Nothing)
        }
    }
}

/// Takes the fence of a job; `seen`: from the server that holds it, if its generation is still this one. The caller has the turn.
///
/// # Errors
/// `FencedOff` if another server is active; then the job is in staging from now on.
pub async fn take(app: &App, job: &JobRow, seen: Option<u64>) -> Result<Fence, Refusal> {
    let target = plain_target(app, job).await?;
    let taken = target
        .take(&job.name, app.instance(), &app.url(), seen)
        .await;
    match taken {
        Ok(fence) => {
            let id = job.id;
            blocking(app.engine(), move |engine| engine.begin_sending(id)).await?;
            info!(job = %job.name, generation = fence.generation, "this server is active for the job");
            app.hold_fence(id, Some(fence.clone()));
            Ok(fence)
        }
        Err(why) => {
            if why.code == Code::FencedOff {
                fenced_off(app, job, &why).await?;
            }
            Err(why)
        }
    }
}

/// Another server is active: the job goes into staging, and says so.
///
/// # Errors
/// Of the store.
pub async fn fenced_off(app: &App, job: &JobRow, why: &Refusal) -> Result<(), Refusal> {
    let (id, why) = (job.id, why.clone());
    app.hold_fence(id, None);
    warn!(job = %job.name, code = %why.code, "the job goes into staging: {why}");
    blocking(app.engine(), move |engine| {
        if engine.is_staged(id)? {
            return Ok(());
        }
        engine.stage(Some(id), "server", Some(&why))
    })
    .await
}

async fn give_up(app: &App, job: &JobRow, fence: Fence) -> Result<(), Refusal> {
    plain_target(app, job).await?.give_up(fence).await?;
    app.hold_fence(job.id, None);
    info!(job = %job.name, "this server is not active for the job any more");
    Ok(())
}

/// The target of a job, without a fence.
pub(crate) async fn plain_target(app: &App, job: &JobRow) -> Result<DirectoryTarget, Refusal> {
    let id = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    app.directory_target(&row)
}

/// Gives up what is held of jobs that do not run: nobody else does it for them.
///
/// # Errors
/// Of store and target.
pub async fn settle(app: &App) -> Result<(), Refusal> {
    let _turn = app.staging_turn().await;
    for job in blocking(app.engine(), Engine::jobs).await? {
        let is_staged = is_staged(app, job.id).await?;
        if is_staged
            && job.state == engine::JobState::Paused
            && let Some(fence) = app.fence(job.id)
        {
            give_up(app, &job, fence).await?;
        }
    }
    Ok(())
}

/// Whether nothing of a job is carried out.
///
/// # Errors
/// Of the store.
pub async fn is_staged(app: &App, job: JobId) -> Result<bool, Refusal> {
    blocking(app.engine(), move |engine| engine.is_staged(job)).await
}
