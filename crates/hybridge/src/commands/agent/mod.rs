//! `hybridge agent`: who may serve connectors.

mod doctor;
mod keep;
mod list;
mod revoke;
mod token;
mod trace;
mod updates;

use clap::Subcommand;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a one-time token to enrol an agent with
    Token(token::Arguments),
    /// Examine an agent: what works, what does not, why, and what cures it
    Doctor(doctor::Arguments),
    /// List agents
    List,
    /// Let an agent write every step down for some minutes
    Trace(trace::Arguments),
    /// Let an agent end what it has begun and take no new work, before its machine is maintained
    Drain(keep::One),
    /// Let a drained agent take work again
    Resume(keep::One),
    /// Say which connectors an agent may serve
    Assign(keep::Assigned),
    /// Revoke an agent: its certificate is refused from now on
    Revoke(revoke::Arguments),
    /// Updates of agents: what is offered, how far they are, when they may happen
    #[command(subcommand)]
    Updates(updates::Command),
    /// Revoke an agent and list it no longer
    Remove(revoke::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Token(arguments) => token::run(&arguments, context).await,
        Command::Doctor(arguments) => doctor::run(&arguments, context).await,
        Command::Trace(arguments) => trace::run(&arguments, context).await,
        Command::List => list::run(context).await,
        Command::Updates(command) => updates::run(command, context).await,
        Command::Drain(arguments) => keep::drain(&arguments, context).await,
        Command::Resume(arguments) => keep::resume(&arguments, context).await,
        Command::Assign(arguments) => keep::assign(&arguments, context).await,
        Command::Revoke(arguments) => revoke::revoke(&arguments, context).await,
        Command::Remove(arguments) => revoke::remove(&arguments, context).await,
    }
}
