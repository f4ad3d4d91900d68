//! `hybridge agent revoke NAME`.

use clap::Args;
use wire::api::v1::Agent;

use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the agent
    agent: String,
}

/// Revokes an agent.
///
/// # Errors
/// `NotFound`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let path = format!("agents/{}/revoke", segment(&arguments.agent));
    let agent: Agent = context.client()?.post(&path, &()).await?;
    context.output.data(&agent, |agent| {
        format!("agent {} is revoked; its work was taken back", agent.name)
    })
}
