//! `hybridge links`: which target object belongs to which source object, and how to put that right.

mod change;
mod list;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List links
    List(list::Arguments),
    /// Show the link of one object
    Show(list::Which),
    /// Forget which target object belongs to a source object; the job has to be paused
    Unlink(change::Unlink),
    /// Say which target object belongs to a source object; the job has to be paused
    Relink(change::Relink),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Show(which) => list::show(&which, context).await,
        Command::Unlink(arguments) => change::unlink(&arguments, context).await,
        Command::Relink(arguments) => change::relink(&arguments, context).await,
    }
}
