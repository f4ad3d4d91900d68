//! `hybridge config`: the whole configuration as files, for version control, for a second server, for looking at.
//!
//! Never writes a secret. Trap: what the files do not hold is left alone on the server, so removing a job's file removes no job.

mod files;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use sync_core::code::Code;
use wire::api::v1::{
    Configuration, ConfigurationDifference, ConfigurationPlan, ConfigurationRequest,
};

use super::Context;
use crate::{
    access::read_private,
    client::Client,
    failure::Failure,
    output::{one_line, table},
    show::short,
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Write the configuration to files, in an order that does not change
    #[command(
        after_help = "Writes hybridge.json, notifications.json, domains.json, api-clients.json, connectors/NAME.json, jobs/NAME.json and rules/NAME.json, and removes .json files of those three folders that belong to nothing any more. Secrets are not written, only their names."
    )]
    Export {
        /// Folder; made if it is not there
        dir: PathBuf,
    },
    /// What applying the files would change; exit code 1 if it is anything
    Diff(From),
    /// Put the files in force: all of it or nothing
    #[command(
        after_help = "Everything is checked first, and all mistakes are told. What the files do not hold stays as it is (`hybridge job delete` removes a job). An API client that is made has no secret until `hybridge api-client rotate NAME` prints one. Secrets that are needed are taken from --secrets-file, or kept as they are for the same server and user."
    )]
    Apply(Apply),
}

/// Where the files are.
#[derive(Args, Debug)]
pub struct From {
    /// Folder
    dir: PathBuf,
    /// Secrets by name, as one JSON object, in a file only you can read
    #[arg(long, value_name = "FILE")]
    secrets_file: Option<PathBuf>,
}

/// `config apply`.
#[derive(Args, Debug)]
pub struct Apply {
    #[command(flatten)]
    from: From,
    /// Put it in force; without it only what would change is shown
    #[arg(long)]
    yes: bool,
}

/// Carries out a verb.
///
/// # Errors
/// By code; `ConfigurationInvalid` names all mistakes.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Export { dir } => {
            let now: Configuration = context.client()?.get("configuration", &[]).await?;
            let written = files::write(&dir, &now)?;
            let told = serde_json::json!({ "directory": dir, "files": written });
            context.output.data(&told, |_| {
                format!("{} files in {}", written.len(), dir.display())
            })
        }
        Command::Diff(from) => {
            let client = context.client()?;
            let plan = plan(&client, &request(&from)?).await?;
            context.output.data(&plan, people)?;
            match plan.differences.iter().any(changes) {
                true => Err(Failure::silent(Code::Conflict)),
                false => Ok(()),
            }
        }
        Command::Apply(arguments) => apply(&arguments, context).await,
    }
}

async fn apply(arguments: &Apply, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let mut request = request(&arguments.from)?;
    let plan = plan(&client, &request).await?;
    let is_nothing = !plan.differences.iter().any(changes);
    if !arguments.yes || is_nothing {
        context.output.data(&plan, people)?;
        if !is_nothing {
            context
                .output
                .say("nothing is changed yet; say --yes to put it in force");
        }
        return Ok(());
    }
    context.output.say(people(&plan));
    request.mark = Some(plan.mark);
    let done: ConfigurationPlan = client.post("configuration/apply", &request).await?;
    context
        .output
        .data(&done, |_| "the configuration is in force".to_owned())
}

async fn plan(
    client: &Client,
    request: &ConfigurationRequest,
) -> Result<ConfigurationPlan, Failure> {
    client.post("configuration/plan", request).await
}

fn request(from: &From) -> Result<ConfigurationRequest, Failure> {
    let secrets = match &from.secrets_file {
        None => Default::default(),
        Some(path) => serde_json::from_str(&read_private(path)?).map_err(|error| {
            Failure::text(
                Code::ConfigurationInvalid,
                path.display().to_string(),
                error.to_string(),
            )
        })?,
    };
    Ok(ConfigurationRequest {
        configuration: files::read(&from.dir)?,
        secrets,
        mark: None,
    })
}

fn changes(difference: &ConfigurationDifference) -> bool {
    difference.what != "leave"
}

fn people(plan: &ConfigurationPlan) -> String {
    let value = |value: &Option<Value>| match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => short(&one_line(text)),
        Some(value) => short(&value.to_string()),
    };
    let row = |one: &ConfigurationDifference| {
        vec![
            one.what.clone(),
            one.kind.clone(),
            one.name.clone(),
            one.path.clone(),
            value(&one.before),
            value(&one.after),
        ]
    };
    let headers = ["WHAT", "OF", "NAME", "WHERE", "IS", "IS TO BE"];
    let rows = plan.differences.iter().map(row).collect();
    let mut text = table(&headers, rows, "the server is configured like the files");
    if !plan.missing_secrets.is_empty() {
        text.push_str(&format!(
            "\n\nsecrets that are needed (--secrets-file): {}",
            plan.missing_secrets.join(", ")
        ));
    }
    text
}
