//! `hybridge job create NAME --source CONNECTOR`.

use std::path::PathBuf;

use clap::Args;
use sync_core::code::Code;
use wire::api::v1::{Job, NewJob};

use super::Settings;
use crate::{access::read, commands::Context, failure::Failure};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name of the job
    name: String,
    /// Source connector: name or id
    #[arg(long)]
    source: String,
    /// Target connector: name or id; the tenant directory unless given
    #[arg(long, default_value = "")]
    target: String,
    /// Rules (synchronizationSchema JSON); the preset unless given
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Only objects below this container (distinguished name); may be repeated
    #[arg(long = "container", value_name = "DN")]
    containers: Vec<String>,
    #[command(flatten)]
    settings: Settings,
    /// Start it at once
    #[arg(long)]
    start: bool,
}

/// Creates a job.
///
/// # Errors
/// `SchemaInvalid` with all problems of the rules, `Conflict`, `NotFound`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let rules = match &arguments.rules {
        None => None,
        Some(path) => {
            let rules = serde_json::from_str(&read(path)?);
            let invalid = |error: serde_json::Error| {
                Failure::text(
                    Code::SchemaInvalid,
                    path.display().to_string(),
                    error.to_string(),
                )
            };
            Some(rules.map_err(invalid)?)
        }
    };
    let new = NewJob {
        name: arguments.name.clone(),
        source: arguments.source.clone(),
        target: arguments.target.clone(),
        rules,
        containers: arguments.containers.clone(),
        settings: (&arguments.settings).into(),
        start: arguments.start,
    };
    let job: Job = context.client()?.post("jobs", &new).await?;
    context.output.data(&job, |job| {
        format!("job {} created ({}), {}", job.name, job.id, job.state)
    })?;
    if job.state == "paused" {
        context.output.say(format!(
            "it does nothing yet; `hybridge job start {}` starts it",
            job.name
        ));
    }
    Ok(())
}
