//! `hybridge object`: one object with all reasons, or a search.

mod search;
mod show;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show one object: source, scope, link, target, last records
    Show(show::Arguments),
    /// Search the connector spaces
    Search(search::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Search(arguments) => search::run(&arguments, context).await,
    }
}
