//! `hybridge key`: the master key, under which the server's secrets are sealed.
//!
//! Trap: `new` and `abandon` need no server, and `abandon` must not have one.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use server::{backup, pki::vault};
use sync_core::code::Code;
use wire::api::v1::MasterKey;

use super::Context;
use crate::{
    failure::Failure,
    output::{fields, table},
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Which key seals, where it comes from, and what is sealed under it
    #[command(
        after_help = "The key comes from the file that `hybridge server --master-key-file` names, or the environment variable HYBRIDGE_MASTER_KEY, or the systemd credential hybridge-master-key, or else from the file master-key in the data directory, which is made at the first start. It is part of no backup: keep a copy of it elsewhere."
    )]
    Show,
    /// Seal every secret under a new key while the server works
    #[command(
        after_help = "The old key stays beside the new one, because backups of before need it, until `hybridge key retire`. Interrupted anywhere, the next start goes on. Where the key is given by the environment or a systemd credential, put a new one before it there (`hybridge key new`) and restart the server instead."
    )]
    Rotate,
    /// Take off the keys that seal nothing any more; backups made under them can no longer be put back with this server's key
    Retire(Sure),
    /// Print a new key, for a file, a variable or a systemd credential
    New,
    /// The key is lost: put what it sealed aside, so that a stopped server makes new secrets
    Abandon(Sure),
}

/// A verb that asks first.
#[derive(Args, Debug)]
pub struct Sure {
    /// Do it without being asked
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct New {
    id: String,
    key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Abandoned {
    aside: Vec<String>,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Show => {
            let key: MasterKey = context.client()?.get("key", &[]).await?;
            context.output.data(&key, people)
        }
        Command::Rotate => {
            let key: MasterKey = context.client()?.post("key/rotate", &()).await?;
            context.output.data(&key, |key| {
                format!(
                    "{}\nbackups of before need {}: keep it with them, or make a backup now and take it off (`hybridge key retire`)",
                    people(key),
                    key.older.join(", ")
                )
            })
        }
        Command::Retire(sure) => {
            if !sure.yes {
                context.output.say(
                    "Backups that were made under the older keys need a copy of these keys afterwards.",
                );
                context.output.confirm("yes", "to take them off")?;
            }
            let key: MasterKey = context.client()?.post("key/retire", &()).await?;
            context
                .output
                .data(&key, |key| match key.retired.is_empty() {
                    true => "there are no older keys".to_owned(),
                    false => format!("taken off: {}", key.retired.join(", ")),
                })
        }
        Command::New => new(context),
        Command::Abandon(sure) => abandon(&sure, context),
    }
}

fn people(key: &MasterKey) -> String {
    let none = |all: &[String]| match all.is_empty() {
        true => "-".to_owned(),
        false => all.join(", "),
    };
    let head = fields(&[
        ("key", key.id.clone()),
        ("from", key.origin.clone()),
        ("older", none(&key.older)),
    ]);
    let rows = key.secrets.iter().map(|secret| {
        let under = secret.key.clone();
        vec![
            secret.name.clone(),
            under.unwrap_or_else(|| "open until the next start".into()),
        ]
    });
    format!(
        "{head}\n\n{}",
        table(
            &["SECRET", "SEALED UNDER"],
            rows.collect(),
            "nothing is sealed"
        )
    )
}

fn new(context: &Context) -> Result<(), Failure> {
    let key = vault::MasterKey::new()
        .map_err(|error| Failure::text(error.code(), "this machine", error.to_string()))?;
    let new = New {
        id: key.id().to_owned(),
        key: key.text().to_string(),
    };
    context.output.data(&new, |new| new.key.clone())?;
    context.output.say(format!(
        "its id is {}; a file with it has to be readable by the server's account only",
        new.id
    ));
    Ok(())
}

fn abandon(sure: &Sure, context: &Context) -> Result<(), Failure> {
    let data = context.access.data_directory();
    let place = data.display().to_string();
    if !sure.yes {
        context.output.say(
            "The server makes new secrets at its next start. Every agent has to be enrolled again, programs sign in anew, the \
             tenant directory gets another credential, mail and web hook have to be set again, and random values of rules change.",
        );
        context
            .output
            .confirm("yes", "to give the sealed secrets up")?;
    }
    let gone = backup::abandon_secrets(&data, Timestamp::now())
        .map_err(|why| Failure::new(&why, place.clone()))?;
    if gone.is_empty() {
        return Err(Failure::text(
            Code::NotFound,
            &place,
            "no secret is sealed here",
        ));
    }
    let abandoned = Abandoned {
        aside: gone.iter().map(|path| path.display().to_string()).collect(),
    };
    context.output.data(&abandoned, |abandoned| {
        format!(
            "put aside:\n{}\nstart the server; if the key is found after all, put them back under their names",
            abandoned.aside.join("\n")
        )
    })
}
