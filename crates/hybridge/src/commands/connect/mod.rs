//! `hybridge connect`: a new connector, one verb per kind of directory.

mod directory;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Kinds of directory.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// An Active Directory domain
    Ad(directory::Arguments),
    /// An OpenLDAP directory, or another that speaks LDAP
    Openldap(directory::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Ad(arguments) => directory::run("ad", &arguments, context).await,
        Command::Openldap(arguments) => directory::run("openldap", &arguments, context).await,
    }
}
