//! `hybridge agent updates`: what is offered to agents, how far each of them is, and when they may be updated.
//!
//! Trap: what is offered is what a file claims; whether it is genuine is judged on each agent's machine, by keys that are not here.

use clap::{Args, Subcommand};
use wire::api::v1::{AgentUpdate, AgentUpdates, UpdatePolicyChange, UpdateRetry};

use crate::{commands::Context, failure::Failure, output::table, show::time};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// What is wished, what is offered, and how far each agent is
    Show,
    /// Change when agents are updated, and to what
    #[command(
        after_help = "What decides first: the switch, then the pin, then the deferral, then the window. One agent is updated at a time, and a version that did not become healthy on one agent is given to no other: `hybridge agent updates retry`."
    )]
    Set(SetArguments),
    /// Let a version be tried again that did not become healthy
    Retry {
        /// The version
        #[arg(value_name = "VERSION")]
        release: String,
    },
}

/// Arguments.
#[derive(Args, Debug)]
pub struct SetArguments {
    /// Whether agents are updated by themselves
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    enabled: Option<bool>,
    /// Updates begin only then, such as 22:00-04:00; none: at any time
    #[arg(long, value_name = "FROM-TO")]
    window: Option<String>,
    /// Time zone of the window, such as Europe/Amsterdam
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Not before this time, such as 2027-01-31T00:00:00Z; none: not deferred
    #[arg(long, value_name = "TIME")]
    defer_until: Option<String>,
    /// The one version that is installed; none: the one that is offered
    #[arg(long, value_name = "VERSION")]
    pin: Option<String>,
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("on or off".into()),
    }
}

/// Carries out a verb.
///
/// # Errors
/// `RequestInvalid`, `NotFound`.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let updates: AgentUpdates = match command {
        Command::Show => client.get("agent-updates", &[]).await?,
        Command::Set(arguments) => {
            let change = UpdatePolicyChange {
                enabled: arguments.enabled,
                defer_until: arguments.defer_until,
                window: arguments.window,
                zone: arguments.zone,
                pin: arguments.pin,
            };
            client.patch("agent-updates", &change).await?
        }
        Command::Retry { release } => {
            let retry = UpdateRetry { version: release };
            client.post("agent-updates/retry", &retry).await?
        }
    };
    context.output.data(&updates, people)
}

fn people(updates: &AgentUpdates) -> String {
    let policy = &updates.policy;
    let mut wishes = vec![match policy.enabled {
        true => "agents are updated by themselves".to_owned(),
        false => "updates are switched off".to_owned(),
    }];
    wishes.extend(
        policy
            .pin
            .iter()
            .map(|pin| format!("only to version {pin}")),
    );
    wishes.extend(
        policy
            .defer_until
            .iter()
            .map(|until| format!("not before {}", time(until))),
    );
    let window = policy.window.iter();
    wishes.extend(window.map(|window| format!("between {window} ({})", policy.zone)));
    let mut text = format!("{}\n", wishes.join(", "));
    for offered in &updates.offered {
        text.push_str(&format!(
            "offered in {}: version {}, until {}\n",
            offered.channel,
            offered.version,
            time(&offered.expires_at)
        ));
    }
    if updates.offered.is_empty() {
        text.push_str(&format!("nothing is offered in {}\n", updates.folder));
    }
    let headers = ["AGENT", "PROGRAM", "UPDATER", "STATE", "TOLD", "WHAT"];
    let rows = updates.agents.iter().map(row).collect();
    let empty = "no updater has said anything yet; the package hybridge-updater brings one";
    text.push_str(&format!("\n{}", table(&headers, rows, empty)));
    text
}

fn row(update: &AgentUpdate) -> Vec<String> {
    let mut what = update.text.clone();
    if let Some(code) = &update.code {
        what = format!("{code}: {what}");
    }
    if !update.failed.is_empty() {
        what = format!("{what} (not tried again: {})", update.failed.join(", "));
    }
    vec![
        update.agent.clone(),
        update.program.clone(),
        update.updater.clone(),
        match update.has_turn {
            true => format!("{}, has its turn", update.phase),
            false => update.phase.clone(),
        },
        time(&update.told_at),
        what,
    ]
}
