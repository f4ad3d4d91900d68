//! `hybridge runs`: what the jobs did, newest first.

use clap::Args;
use wire::api::v1::{Page, Run};

use super::Context;
use crate::{
    failure::Failure,
    output::{or_dash, table},
    show::{time, time_or_dash},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Only of this job
    #[arg(long)]
    job: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

/// Lists runs.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let query = [("job", arguments.job.clone())];
    let page = context
        .client()?
        .list::<Run>("runs", &query, arguments.limit)
        .await?;
    context.output.data(&page, people)
}

fn people(page: &Page<Run>) -> String {
    let rows = page.items.iter().map(row).collect();
    let headers = [
        "RUN", "CYCLE", "JOB", "KIND", "STATUS", "BEGAN", "ENDED", "COUNTS", "FAILURE",
    ];
    table(&headers, rows, "no runs yet")
}

fn row(run: &Run) -> Vec<String> {
    let counts: Vec<String> = run
        .counts
        .iter()
        .map(|(name, number)| format!("{name} {number}"))
        .collect();
    vec![
        run.number.to_string(),
        run.id.clone(),
        run.job.clone(),
        run.kind.clone(),
        match run.status.is_empty() {
            true => run.state.clone(),
            false => run.status.clone(),
        },
        time(&run.started_at),
        time_or_dash(run.ended_at.as_ref()),
        counts.join(", "),
        or_dash(run.failure.as_ref().map(|problem| &problem.code)),
    ]
}
