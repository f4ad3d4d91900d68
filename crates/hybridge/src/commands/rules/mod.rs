//! `hybridge rules`: what decides who is synchronised, and with which values.
//!
//! Checking, testing and comparing files needs no server. Trap: `set` and `rollback` show what would happen first; only `--yes`
//! carries it out.

mod check;
mod diff;
mod export;
mod history;
mod set;
mod test;

use std::path::Path;

use clap::{Args, Subcommand};
use sync_core::code::Code;
use wire::api::v1::{Job, Rules};

use super::{Context, segment};
use crate::{access::read, client::Client, failure::Failure};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Find every mistake in a file of rules
    Check(check::Arguments),
    /// Run the test cases beside a file of rules
    Test(test::Arguments),
    /// What differs between two versions or files
    Diff(diff::Arguments),
    /// The versions of a job's rules: who, when, why
    History(Which),
    /// Write the rules of a job as they were given
    #[command(visible_alias = "show", disable_version_flag = true)]
    Export(export::Arguments),
    /// Put new rules in force, after showing what that would do
    Set(set::Arguments),
    /// Put the rules of an earlier version in force again
    Rollback(set::RollbackArguments),
}

/// Which job.
#[derive(Args, Debug)]
pub struct Which {
    /// Name or id of the job; may be left out if there is only one
    #[arg(long)]
    job: Option<String>,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Check(arguments) => check::run(&arguments, context).await,
        Command::Test(arguments) => test::run(&arguments, context).await,
        Command::Diff(arguments) => diff::run(&arguments, context).await,
        Command::History(which) => history::run(&which, context).await,
        Command::Export(arguments) => export::run(&arguments, context).await,
        Command::Set(arguments) => set::run(&arguments, context).await,
        Command::Rollback(arguments) => set::rollback(&arguments, context).await,
    }
}

/// A file of rules as JSON.
pub fn rules_file(path: &Path) -> Result<serde_json::Value, Failure> {
    serde_json::from_str(&read(path)?).map_err(|error| {
        let place = path.display().to_string();
        Failure::text(Code::SchemaInvalid, place, error.to_string())
    })
}

/// The rules of one version of a job; `None`: those in force.
async fn rules_of(client: &Client, job: &Job, version: Option<u64>) -> Result<Rules, Failure> {
    let path = format!("jobs/{}/rules", segment(&job.id));
    let version = version.map(|version| version.to_string());
    client.get(&path, &[("version", version)]).await
}
