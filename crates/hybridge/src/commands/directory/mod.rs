//! `hybridge directory`: the embedded tenant directory.

mod cloud;
mod credential;
mod domains;
mod objects;
mod roles;
mod tenant;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show the tenant and how many objects it holds
    Show,
    /// List users
    Users(objects::Filter),
    /// List groups
    Groups(objects::Filter),
    /// List contacts
    Contacts(objects::Filter),
    /// Show one object with attributes and members
    Object(objects::Which),
    /// Make an object that lives only in the tenant
    Create(cloud::Creation),
    /// Change an object the tenant manages itself
    Set(cloud::Setting),
    /// Delete an object the tenant manages itself, or remove a deleted one for good
    Delete(cloud::Deletion),
    /// Bring a deleted user back as the tenant's own
    Restore(cloud::Restoration),
    /// Say whether the tenant or the source manages an object
    Authority(cloud::Authority),
    /// Say which administrative roles an account holds
    Roles(roles::Arguments),
    /// List, add and remove verified domains
    #[command(subcommand)]
    Domains(domains::Command),
    /// Replace the credential of the synchronisation's service principal
    RotateCredential(credential::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Show => tenant::run(context).await,
        Command::Users(filter) => objects::list("user", &filter, context).await,
        Command::Groups(filter) => objects::list("group", &filter, context).await,
        Command::Contacts(filter) => objects::list("contact", &filter, context).await,
        Command::Object(which) => objects::show(&which, context).await,
        Command::Create(arguments) => cloud::create(&arguments, context).await,
        Command::Set(arguments) => cloud::set(&arguments, context).await,
        Command::Delete(arguments) => cloud::delete(&arguments, context).await,
        Command::Restore(arguments) => cloud::restore(&arguments, context).await,
        Command::Authority(arguments) => cloud::authority(&arguments, context).await,
        Command::Roles(arguments) => roles::run(&arguments, context).await,
        Command::Domains(command) => domains::run(command, context).await,
        Command::RotateCredential(arguments) => credential::run(&arguments, context).await,
    }
}
