//! `hybridge holds release ID … | --all [--yes]`.
//!
//! With `--all` the objects are shown and their number is asked for and sent along: if more is held by then, nothing is done.

use std::collections::BTreeMap;

use clap::Args;
use wire::api::v1::{Decided, Hold, HoldChoice};

use crate::{client::Client, commands::Context, failure::Failure, output::one_line, show::plural};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Ids from `hybridge holds list`
    #[arg(
        required_unless_present = "all",
        conflicts_with = "all",
        value_name = "ID"
    )]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Only of this job
    #[arg(long, requires = "all")]
    job: Option<String>,
    /// Only what this undo put there
    #[arg(long, requires = "all", value_name = "NUMBER")]
    undo: Option<i64>,
    /// Do not ask before releasing all of them
    #[arg(long)]
    yes: bool,
}

// LIMIT: names shown before asking.
const NAMES_SHOWN: usize = 20;

/// Releases.
///
/// # Errors
/// `NotFound` for an id that is not held; `Conflict` if more is held than was shown.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let mut choice = HoldChoice {
        ids: arguments.ids.clone(),
        all: arguments.all,
        job: arguments.job.clone(),
        undo: arguments.undo,
        expected: None,
    };
    if arguments.all {
        choice.expected = Some(show_all(&client, arguments, context).await?);
    }
    let decided: Decided = client.post("holds/release", &choice).await?;
    context.output.data(&decided, |decided| {
        format!(
            "{} released; what the source wants of them is planned now, and the guard looks at it",
            plural(decided.count, "object")
        )
    })
}

/// Shows what would be released, asks, and says how many objects that is.
async fn show_all(
    client: &Client,
    arguments: &Arguments,
    context: &Context,
) -> Result<u64, Failure> {
    let query = [("job", arguments.job.clone())];
    let page = client.list::<Hold>("holds", &query, usize::MAX).await?;
    let held: BTreeMap<&str, &Hold> = page
        .items
        .iter()
        .filter(|hold| arguments.undo.is_none() || hold.undo == arguments.undo)
        .map(|hold| (hold.id.as_str(), hold))
        .collect();
    for hold in held.values().take(NAMES_SHOWN) {
        context.output.say(format!(
            "  {} {} {}",
            hold.state,
            hold.class,
            one_line(&hold.name)
        ));
    }
    if held.len() > NAMES_SHOWN {
        context
            .output
            .say(format!("  … and {} more", held.len() - NAMES_SHOWN));
    }
    if !held.is_empty() && !arguments.yes {
        context.output.confirm(
            &held.len().to_string(),
            "to let source and rules decide about all of them",
        )?;
    }
    Ok(held.len() as u64)
}
