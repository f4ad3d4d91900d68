//! `hybridge rules export`: the rules as they were given, unknown members included.

use std::path::PathBuf;

use clap::Args;
use sync_core::code::Code;

use super::{Which, rules_of};
use crate::{commands::Context, failure::Failure, output};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Which version; the one in force unless given
    #[arg(long = "version", value_name = "NUMBER")]
    number: Option<u64>,
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Writes the rules of a job.
///
/// # Errors
/// `NotFound`; `ConfigurationInvalid` if the file cannot be written.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.which.job.as_deref()).await?;
    let rules = rules_of(&client, &job, arguments.number).await?;
    let text = serde_json::to_string_pretty(&rules.rules).map_err(std::io::Error::other)?;
    let Some(path) = &arguments.to else {
        return output::print(&text);
    };
    std::fs::write(path, text + "\n").map_err(|error| {
        let place = path.display().to_string();
        Failure::text(Code::ConfigurationInvalid, place, error.to_string())
    })?;
    context.output.say(format!(
        "version {} of {} is in {}",
        rules.version,
        job.name,
        path.display()
    ));
    Ok(())
}
