//! `hybridge escrow`: objects whose last attempt failed, and when they are tried again.

use clap::{Args, Subcommand};
use sync_core::code::Code;
use wire::api::v1::{Count, EscrowRetry, EscrowedObject, Page};

use super::{Context, segment};
use crate::{
    failure::Failure,
    output::{or_dash, table},
    show::{time, time_or_dash},
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List them, with why and when they are tried again
    List(List),
    /// Try them again now: one object, those of a code, or all
    Retry(Retry),
}

/// `escrow list`.
#[derive(Args, Debug)]
pub struct List {
    /// Only of this job; may be left out if there is only one
    #[arg(long)]
    job: Option<String>,
    /// Only those that failed with this code
    #[arg(long)]
    code: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// `escrow retry`.
#[derive(Args, Debug)]
pub struct Retry {
    /// The object: anchor, DN, UPN or target id
    #[arg(conflicts_with_all = ["code", "all"])]
    object: Option<String>,
    /// Those that failed with this code
    #[arg(long, conflicts_with = "all")]
    code: Option<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Only of this job; may be left out if there is only one
    #[arg(long)]
    job: Option<String>,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list(&arguments, context).await,
        Command::Retry(arguments) => retry(&arguments, context).await,
    }
}

async fn list(arguments: &List, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let path = format!("jobs/{}/escrow", segment(&job.id));
    let query = [("code", arguments.code.clone())];
    let page = client
        .list::<EscrowedObject>(&path, &query, arguments.limit)
        .await?;
    context.output.data(&page, people)?;
    if page.next.is_some() {
        context.output.say("there are more; raise --limit");
    }
    Ok(())
}

fn people(page: &Page<EscrowedObject>) -> String {
    let row = |one: &EscrowedObject| {
        vec![
            one.display_name.clone(),
            one.dn.clone(),
            or_dash(one.problem.as_ref().map(|problem| &problem.code)),
            one.attempts.to_string(),
            time(&one.failed_at),
            time_or_dash(one.retry_at.as_ref()),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let headers = ["NAME", "DN", "CODE", "ATTEMPTS", "FAILED", "TRIED AGAIN"];
    table(&headers, rows, "nothing fails")
}

async fn retry(arguments: &Retry, context: &Context) -> Result<(), Failure> {
    if arguments.object.is_none() && arguments.code.is_none() && !arguments.all {
        return Err(Failure::text(
            Code::RequestInvalid,
            "the arguments",
            "name an object, or say --code CODE or --all",
        ));
    }
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let wanted = EscrowRetry {
        object: arguments.object.clone(),
        code: arguments.code.clone(),
    };
    let path = format!("jobs/{}/escrow/retry", segment(&job.id));
    let count: Count = client.post(&path, &wanted).await?;
    context.output.data(&count, |count| match count.count {
        1 => "1 object is tried again now".to_owned(),
        count => format!("{count} objects are tried again now"),
    })
}
