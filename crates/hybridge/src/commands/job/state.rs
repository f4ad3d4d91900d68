//! `hybridge job start|pause|sync|clear [JOB]`.

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
    /// Read now.
    Sync,
    /// End a quarantine.
    Clear,
}

impl Act {
    fn path(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Sync => "sync",
            Self::Clear => "clear",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Start => "is started",
            Self::Pause => "is paused",
            Self::Sync => "is reading its source",
            Self::Clear => "is not in quarantine any more, and is tried at once",
        }
    }
}

/// Starts or pauses a job, has it read now, or ends its quarantine.
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
