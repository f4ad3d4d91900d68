//! `hybridge api-client`: programs that may call the API.

mod create;
mod delete;
mod list;
mod rotate;

use clap::Subcommand;
use wire::api::v1::IssuedSecret;

use super::Context;
use crate::{failure::Failure, show::time};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Admit a program; its secret is shown once
    Create(create::Arguments),
    /// List programs that may call the API
    List,
    /// Give a program a new secret
    Rotate(rotate::Arguments),
    /// Take a program's admission away; its tokens are refused at once
    Delete(delete::Arguments),
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create::run(&arguments, context).await,
        Command::List => list::run(context).await,
        Command::Rotate(arguments) => rotate::run(&arguments, context).await,
        Command::Delete(arguments) => delete::run(&arguments, context).await,
    }
}

/// The secret alone on stdout, so that it can be written to a file; the rest is talk.
fn tell(issued: &IssuedSecret, context: &Context) -> Result<(), Failure> {
    context
        .output
        .data(issued, |issued| issued.secret.clone())?;
    context.output.say(format!(
        "client id {}\ntenant {}\ntokens from {}\npermissions {}\nthe secret is valid until {} UTC and cannot be shown again",
        issued.client.id,
        issued.tenant_id,
        issued.token_endpoint,
        issued.client.permissions.join(", "),
        time(&issued.expires_at),
    ));
    Ok(())
}
