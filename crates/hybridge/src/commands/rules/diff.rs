//! `hybridge rules diff [A] [B]`: what differs, in the words of the rules.
//!
//! A and B are numbers of versions or names of files. Trap: two files are compared without a server; a number needs one.

use std::path::Path;

use clap::Args;
use sync_core::{
    code::Code,
    schema::{diff, read::Schema},
};
use wire::api::v1::{Job, RulesDiff, RulesDifference};

use super::{Which, rules_file, rules_of};
use crate::{client::Client, commands::Context, failure::Failure, output::one_line};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Number of a version, or a file; the version before the one in force unless given
    from: Option<String>,
    /// Number of a version, or a file; the version in force unless given
    to: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Shows what differs.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let sides = match (&arguments.from, &arguments.to) {
        (Some(from), Some(to)) if version(from).is_none() && version(to).is_none() => {
            [(from.clone(), file(from)?), (to.clone(), file(to)?)]
        }
        (from, to) => {
            let client = context.client()?;
            let job = context.job(&client, arguments.which.job.as_deref()).await?;
            let current = job.rules_version.to_string();
            let earlier = job.rules_version.saturating_sub(1).max(1).to_string();
            let from = from.clone().unwrap_or(earlier);
            let to = to.clone().unwrap_or(current);
            let before = side(&client, &job, &from).await?;
            let after = side(&client, &job, &to).await?;
            [(from, before), (to, after)]
        }
    };
    let [(from, before), (to, after)] = sides;
    let changes = diff::diff(&before, &after);
    let shown = RulesDiff {
        from,
        to,
        changes: changes.into_iter().map(Into::into).collect(),
    };
    context.output.data(&shown, people)
}

fn version(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn schema(json: serde_json::Value, place: &str) -> Result<Schema, Failure> {
    serde_json::from_value(json)
        .map_err(|error| Failure::text(Code::SchemaInvalid, place, error.to_string()))
}

fn file(name: &str) -> Result<Schema, Failure> {
    schema(rules_file(Path::new(name))?, name)
}

async fn side(client: &Client, job: &Job, name: &str) -> Result<Schema, Failure> {
    match version(name) {
        Some(version) => schema(rules_of(client, job, Some(version)).await?.rules, name),
        None => file(name),
    }
}

/// What differs, in words.
pub fn people(diff: &RulesDiff) -> String {
    match diff.changes.as_slice() {
        [] => format!("{} and {} say the same", diff.from, diff.to),
        changes => changes.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

fn line(change: &RulesDifference) -> String {
    let what = format!("{}: {}", change.place, change.subject);
    let text = match (&change.before, &change.after) {
        (None, after) => format!("+ {what}: {}", after.as_deref().unwrap_or_default()),
        (Some(before), None) => format!("- {what}: {before}"),
        (Some(before), Some(after)) => {
            return format!(
                "~ {}\n    was: {}\n    is:  {}",
                one_line(&what),
                one_line(before),
                one_line(after)
            );
        }
    };
    one_line(&text)
}
