//! `hybridge connect`: a new connector, one verb per kind of directory.

mod ad;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Kinds of directory.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// An Active Directory domain
    Ad(ad::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Ad(arguments) => ad::run(&arguments, context).await,
    }
}
