//! `hybridge deletes`: what the guard holds, by name, and the decision about it.

mod decide;
mod list;

use clap::Subcommand;
use wire::api::v1::Verdict;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List held deletes, disables and losses of members and values, with names
    List(list::Arguments),
    /// Carry them out: the given ones, or all
    Allow(decide::Arguments),
    /// Keep the target objects: the given ones, or all
    Refuse(decide::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Allow(arguments) => decide::run(&arguments, Verdict::Allow, context).await,
        Command::Refuse(arguments) => decide::run(&arguments, Verdict::Refuse, context).await,
    }
}
