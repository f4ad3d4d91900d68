//! `hybridge job settings [JOB] --guard-count …`.

use clap::Args;
use wire::api::v1::{Job, JobChange};

use super::{Settings, show};
use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

/// Changes what is given, and shows all settings.
///
/// # Errors
/// `NotFound`, `RequestInvalid`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let change = JobChange {
        settings: (&arguments.settings).into(),
    };
    let job: Job = client
        .patch(&format!("jobs/{}", segment(&job.id)), &change)
        .await?;
    context.output.data(&job, show::people)
}
