//! `hybridge job start|pause|restart|delete [JOB]`.

use wire::api::v1::Job;

use super::Which;
use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// What to do with a job.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Start.
    Start,
    /// Pause.
    Pause,
    /// Plan everything anew.
    Restart,
}

impl Act {
    fn path(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Restart => "restart",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Start => "is started",
            Self::Pause => "is paused",
            Self::Restart => "plans every object anew",
        }
    }
}

/// Starts, pauses or restarts a job.
///
/// # Errors
/// `NotFound`.
pub async fn run(which: &Which, act: Act, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, which.job.as_deref()).await?;
    let path = format!("jobs/{}/{}", segment(&job.id), act.path());
    let job: Job = client.post(&path, &()).await?;
    context
        .output
        .data(&job, |job| format!("job {} {}", job.name, act.done()))
}

/// Deletes a paused job.
///
/// # Errors
/// `Conflict` if it is not paused.
pub async fn delete(which: &Which, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, which.job.as_deref()).await?;
    let answer = client.delete(&format!("jobs/{}", segment(&job.id))).await?;
    context
        .output
        .data(&answer, |_| format!("job {} is deleted", job.name))
}
