//! `hybridge job list`.

use wire::api::v1::{Job, Page};

use crate::{commands::Context, failure::Failure, output::table, show::time};

/// Lists jobs.
///
/// # Errors
/// By code.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let page = context.client()?.list::<Job>("jobs", &[], 1_000).await?;
    context.output.data(&page, people)
}

fn people(page: &Page<Job>) -> String {
    let row = |job: &Job| {
        vec![
            job.name.clone(),
            job.source.name.clone(),
            job.target.name.clone(),
            job.state.clone(),
            time(&job.created_at),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let headers = ["NAME", "SOURCE", "TARGET", "STATE", "CREATED"];
    table(
        &headers,
        rows,
        "no jobs; `hybridge job create NAME --source CONNECTOR` makes one",
    )
}
