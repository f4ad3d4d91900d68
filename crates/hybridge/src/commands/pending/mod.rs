//! `hybridge pending`: operations that are planned and not carried out yet; `export` and `analyse` are verbs of their own.

mod review;

use clap::{Args, Subcommand};
use wire::api::v1::{Page, PendingExport};

use super::Context;
use crate::{
    failure::Failure,
    output::{or_dash, table},
    show::short,
};

/// Arguments.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Another verb than to list
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Only of this job
    #[arg(long)]
    job: Option<String>,
    /// Only in this state (ready, leased, held, escrow …)
    #[arg(long)]
    state: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// Verbs.
#[derive(Subcommand, Debug)]
enum Verb {
    /// Write them to a file: every object and attribute, old and new
    Export(review::Export),
    /// Count them by kind of change, class and attribute
    Analyse(review::Analyse),
}

/// Lists pending exports.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.verb {
        Some(Verb::Export(export)) => return review::export(export, context).await,
        Some(Verb::Analyse(analyse)) => return review::analyse(analyse, context).await,
        None => {}
    }
    let query = [
        ("job", arguments.job.clone()),
        ("state", arguments.state.clone()),
    ];
    let page = context
        .client()?
        .list::<PendingExport>("pending", &query, arguments.limit)
        .await?;
    context.output.data(&page, people)?;
    if page.next.is_some() {
        context.output.say("there are more; raise --limit");
    }
    Ok(())
}

fn people(page: &Page<PendingExport>) -> String {
    let rows = page.items.iter().map(row).collect();
    let headers = [
        "STATE", "WHAT", "CLASS", "NAME", "CHANGES", "TRIES", "WHY", "ANCHOR",
    ];
    table(&headers, rows, "nothing is pending")
}

fn row(pending: &PendingExport) -> Vec<String> {
    let mut changes: Vec<String> = pending.attributes.keys().cloned().collect();
    for references in &pending.references {
        changes.push(format!(
            "{} +{} -{}",
            references.attribute, references.add, references.remove
        ));
    }
    let more = changes.len().saturating_sub(3);
    changes.truncate(3);
    if more > 0 {
        changes.push(format!("{more} more"));
    }
    vec![
        pending.state.clone(),
        pending.verb.clone(),
        pending.class.clone(),
        short(&pending.name),
        changes.join(", "),
        pending.attempts.to_string(),
        or_dash(pending.reason.as_ref().map(|problem| &problem.code)),
        pending.anchor.clone(),
    ]
}
