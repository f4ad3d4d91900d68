//! `hybridge holds`: what stays as it is although source and rules want something else.

mod list;
mod release;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List what was undone and stays undone, what was refused, and who waits for the end of a grace period
    List(list::Arguments),
    /// Let source and rules decide again: of the given ones, or of all
    Release(release::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Release(arguments) => release::run(&arguments, context).await,
    }
}
