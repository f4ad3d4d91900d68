//! `hybridge agent drain|resume|assign NAME`.

use clap::Args;
use wire::api::v1::{Agent, Assignment};

use crate::{
    commands::{Context, segment},
    failure::Failure,
};

/// An agent.
#[derive(Args, Debug)]
pub struct One {
    /// Name or id of the agent
    agent: String,
}

/// What an agent may serve.
#[derive(Args, Debug)]
pub struct Assigned {
    /// Name or id of the agent
    agent: String,
    /// Connector it may serve, several if need be
    #[arg(
        long = "connector",
        value_name = "NAME",
        required_unless_present = "any"
    )]
    connectors: Vec<String>,
    /// It may serve any connector
    #[arg(long, conflicts_with = "connectors")]
    any: bool,
}

/// Lets an agent take no new work.
///
/// # Errors
/// `NotFound`.
pub async fn drain(arguments: &One, context: &Context) -> Result<(), Failure> {
    let path = format!("agents/{}/drain", segment(&arguments.agent));
    let agent: Agent = context.client()?.post(&path, &()).await?;
    context.output.data(&agent, |agent| {
        format!(
            "agent {} ends what it has begun and takes no new work; `hybridge agent resume {}` lets it work again",
            agent.name, agent.name
        )
    })
}

/// Lets an agent work again.
///
/// # Errors
/// `NotFound`.
pub async fn resume(arguments: &One, context: &Context) -> Result<(), Failure> {
    let path = format!("agents/{}/resume", segment(&arguments.agent));
    let agent: Agent = context.client()?.post(&path, &()).await?;
    context.output.data(&agent, |agent| {
        format!("agent {} takes work again", agent.name)
    })
}

/// Says which connectors an agent may serve.
///
/// # Errors
/// `NotFound`.
pub async fn assign(arguments: &Assigned, context: &Context) -> Result<(), Failure> {
    let path = format!("agents/{}/assign", segment(&arguments.agent));
    let assignment = Assignment {
        connectors: arguments.connectors.clone(),
    };
    let agent: Agent = context.client()?.post(&path, &assignment).await?;
    context.output.data(&agent, |agent| {
        let which = match agent.assigned.is_empty() {
            true => "any connector".to_owned(),
            false => agent.assigned.join(", "),
        };
        format!("agent {} may serve {which}", agent.name)
    })
}
