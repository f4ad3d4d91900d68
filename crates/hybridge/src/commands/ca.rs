//! `hybridge ca`: the authority that signs certificates of server and agents, and its exchange.

use clap::{Args, Subcommand};
use wire::api::v1::{Authorities, Retirement};

use super::Context;
use crate::{
    failure::Failure,
    output::{Output, print, table},
    show::{time, time_or_dash},
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Which authorities are trusted, and which agents still need the old one
    Show(Show),
    /// Make a new authority beside the present one; agents follow by themselves
    #[command(
        after_help = "Connected agents trust the new authority with their next sign of life and get a certificate of it. The server shows the old one's certificate until that is retired, so nobody who knows only the old one is cut off meanwhile. It leaves by itself after thirty days when no agent needs it, or by `hybridge ca retire`. Programs and administrators elsewhere need the new certificates until then: `hybridge ca show --pem`."
    )]
    Roll,
    /// End the trust in the old authority
    #[command(
        after_help = "Agents that have no certificate of the new authority yet are named, and have to be enrolled again afterwards. Clients that know only the old authority are cut off."
    )]
    Retire(Retire),
}

/// `ca show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Print the certificates, PEM, as clients need them
    #[arg(long)]
    pem: bool,
}

/// `ca retire`.
#[derive(Args, Debug)]
pub struct Retire {
    /// Cut off the agents that are behind
    #[arg(long)]
    cut_off: bool,
    /// Do it without being asked
    #[arg(long)]
    yes: bool,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        Command::Show(arguments) => {
            let all: Authorities = client.get("authority", &[]).await?;
            match arguments.pem && context.output == Output::People {
                true => print(&all.pem),
                false => context.output.data(&all, people),
            }
        }
        Command::Roll => {
            let all: Authorities = client.post("authority/roll", &()).await?;
            context.output.data(&all, people)
        }
        Command::Retire(arguments) => {
            if !arguments.yes {
                let all: Authorities = client.get("authority", &[]).await?;
                context.output.say(people(&all));
                context
                    .output
                    .confirm("yes", "to end the trust in the old authority")?;
            }
            let retirement = Retirement {
                cut_off: arguments.cut_off,
            };
            let all: Authorities = client.post("authority/retire", &retirement).await?;
            context.output.data(&all, people)
        }
    }
}

fn people(all: &Authorities) -> String {
    let rows = all.authorities.iter().map(|one| {
        let does = match (one.presents, one.issues) {
            (true, true) => "everything",
            (true, false) => "the server's certificate, until it is retired",
            (false, true) => "agents' certificates",
            (false, false) => "nothing",
        };
        vec![
            one.number.to_string(),
            time(&one.not_after),
            does.to_owned(),
            one.fingerprint.clone(),
        ]
    });
    let mut text = table(
        &["NUMBER", "UNTIL", "ISSUES", "FINGERPRINT"],
        rows.collect(),
        "there is none",
    );
    if let Some(at) = &all.leaves_at {
        let rows = all.behind.iter().map(|agent| {
            vec![
                agent.name.clone(),
                time_or_dash(agent.last_seen_at.as_ref()),
            ]
        });
        text.push_str("\n\n");
        text.push_str(&table(
            &["AGENT THAT NEEDS THE OLD ONE", "LAST SEEN"],
            rows.collect(),
            "no agent needs the old one any more",
        ));
        text.push_str(&format!(
            "\n\nthe old one leaves by itself after {} when no agent needs it, or by `hybridge ca retire`",
            time(at)
        ));
    }
    text
}
