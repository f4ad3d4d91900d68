//! `hybridge expression`: expressions tried over an object.
//!
//! Trap: an object from a file is tried without a server; an object by name is the one in the server's connector space.

mod eval;
mod object;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Evaluate an expression, and show how the value comes about
    Eval(eval::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Eval(arguments) => eval::run(&arguments, context).await,
    }
}
