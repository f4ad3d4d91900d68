//! `hybridge guard`: how the tenant is protected, and where the budgets of the jobs stand.
//!
//! Trap: the limits of one job are its settings (`hybridge job settings --guard-count …`); here are those of all jobs together.

mod set;
mod show;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Limits, and what counts against them at this moment
    Show,
    /// Change how the tenant is protected, whichever jobs write to it
    #[command(
        after_help = "The limits of one job are its settings: `hybridge job settings --guard-count … --guard-percent …`. What is held: `hybridge deletes list`."
    )]
    Set(set::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Show => show::run(context).await,
        Command::Set(arguments) => set::run(&arguments, context).await,
    }
}
