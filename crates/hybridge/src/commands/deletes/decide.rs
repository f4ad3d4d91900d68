//! `hybridge deletes allow|refuse ID … | --all [--yes]`.
//!
//! With `--all` the number is asked for first and sent along: if more is held by then, nothing is done.

use clap::Args;
use wire::api::v1::{Decided, Deletion, DeletionChoice, Verdict};

use crate::{client::Client, commands::Context, failure::Failure, output::one_line, show::plural};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Ids from `hybridge deletes list`
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_name = "ID"
    )]
    ids: Vec<String>,
    /// All that are held
    #[arg(long)]
    all: bool,
    /// Only of this job
    #[arg(long, requires = "all")]
    job: Option<String>,
    /// Do not ask before carrying out all of them
    #[arg(long)]
    yes: bool,
}

// LIMIT: names shown before asking.
const NAMES_SHOWN: usize = 20;

/// Decides.
///
/// # Errors
/// `NotFound` for an id that is not held; `Conflict` if more are held than were shown.
pub async fn run(
    arguments: &Arguments,
    verdict: Verdict,
    context: &Context,
) -> Result<(), Failure> {
    let client = context.client()?;
    let mut choice = DeletionChoice {
        ids: arguments.ids.clone(),
        all: arguments.all,
        job: arguments.job.clone(),
        expected: None,
    };
    if arguments.all {
        choice.expected = Some(show_all(&client, arguments, verdict, context).await?);
    }
    let path = match verdict {
        Verdict::Allow => "deletions/allow",
        Verdict::Refuse => "deletions/refuse",
    };
    let decided: Decided = client.post(path, &choice).await?;
    context.output.data(&decided, |decided| {
        let done = match verdict {
            Verdict::Allow => "allowed; they are carried out now",
            Verdict::Refuse => "refused; the objects stay as they are",
        };
        format!("{} {done}", plural(decided.count, "deletion"))
    })
}

async fn show_all(
    client: &Client,
    arguments: &Arguments,
    verdict: Verdict,
    context: &Context,
) -> Result<u64, Failure> {
    let query = [("job", arguments.job.clone())];
    let page = client
        .list::<Deletion>("deletions", &query, usize::MAX)
        .await?;
    let held: Vec<&Deletion> = page
        .items
        .iter()
        .filter(|deletion| !deletion.is_refused)
        .collect();
    for deletion in held.iter().take(NAMES_SHOWN) {
        context.output.say(format!(
            "  {} {} {}",
            deletion.verb,
            deletion.class,
            one_line(&deletion.name)
        ));
    }
    if held.len() > NAMES_SHOWN {
        context
            .output
            .say(format!("  … and {} more", held.len() - NAMES_SHOWN));
    }
    if verdict == Verdict::Allow && !arguments.yes {
        let count = held.len().to_string();
        context
            .output
            .confirm(&count, &format!("to carry out all {count} of them"))?;
    }
    Ok(held.len() as u64)
}
