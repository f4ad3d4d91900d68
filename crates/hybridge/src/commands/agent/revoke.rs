//! `hybridge agent revoke NAME` and `hybridge agent remove NAME`: an agent that is refused from then on.

use clap::Args;
use wire::api::v1::Agent;

use super::list;
use crate::{
    client::Client,
    commands::{Context, segment},
    failure::Failure,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the agent
    agent: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Revokes an agent.
///
/// # Errors
/// `NotFound`.
pub async fn revoke(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    ask(arguments, context, &client, "to revoke this agent").await?;
    let path = format!("agents/{}/revoke", segment(&arguments.agent));
    let agent: Agent = client.post(&path, &()).await?;
    context.output.data(&agent, |agent| {
        format!("agent {} is revoked; its work was taken back", agent.name)
    })
}

/// Removes an agent.
///
/// # Errors
/// `NotFound`.
pub async fn remove(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    ask(arguments, context, &client, "to remove this agent").await?;
    let path = format!("agents/{}", segment(&arguments.agent));
    let agent = client.delete(&path).await?;
    context.output.data(&agent, |agent| {
        let name = agent.get("name").and_then(|name| name.as_str());
        let name = name.unwrap_or(&arguments.agent);
        format!("agent {name} is refused from now on and no longer listed")
    })
}

/// Shows the agent and asks: it cannot be taken back, its machine has to be enrolled anew. Of one that does not exist nothing
/// is asked; the server says so.
async fn ask(
    arguments: &Arguments,
    context: &Context,
    client: &Client,
    to_do: &str,
) -> Result<(), Failure> {
    if arguments.yes {
        return Ok(());
    }
    let mut page = client.list::<Agent>("agents", &[], usize::MAX).await?;
    let is_meant = |agent: &Agent| agent.id == arguments.agent || agent.name == arguments.agent;
    page.items.retain(is_meant);
    if page.items.is_empty() {
        return Ok(());
    }
    context.output.say(list::people(&page));
    context.output.confirm("yes", to_do)
}
