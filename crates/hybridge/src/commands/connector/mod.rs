//! `hybridge connector`: what is connected, and whether it answers.

mod believe;
mod containers;
mod list;
mod set;
mod show;
mod test;

use clap::{Args, Subcommand};

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List connectors
    List,
    /// Show one connector: what it is and where reading stands
    Show(Which),
    /// Ask the directory, through its agent, who it is
    Test(Which),
    /// List the containers by which the scope can be chosen
    Containers(Which),
    /// Believe the last full read, which was held because far less was seen than before; or a server that lags behind
    Believe(Which),
    /// Change settings of a connector
    Set(set::Arguments),
}

/// Which connector.
#[derive(Args, Debug)]
pub struct Which {
    /// Name or id of the connector
    connector: String,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List => list::run(context).await,
        Command::Show(which) => show::run(&which.connector, context).await,
        Command::Test(which) => test::run(&which.connector, context).await,
        Command::Containers(which) => containers::run(&which.connector, context).await,
        Command::Set(arguments) => set::run(&arguments, context).await,
        Command::Believe(which) => believe::run(&which.connector, context).await,
    }
}
