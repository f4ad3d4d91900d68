//! `hybridge holds list`.

use clap::Args;
use wire::api::v1::{Hold, Page};

use crate::{
    commands::Context,
    failure::Failure,
    output::table,
    show::{short, time},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Only of this job
    #[arg(long)]
    job: Option<String>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    limit: usize,
}

/// Lists holds.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let query = [("job", arguments.job.clone())];
    let page = context
        .client()?
        .list::<Hold>("holds", &query, arguments.limit)
        .await?;
    context.output.data(&page, people)
}

fn people(page: &Page<Hold>) -> String {
    let row = |hold: &Hold| {
        let undo = hold
            .undo
            .map_or_else(String::new, |undo| format!(" {undo}"));
        let what = match hold.attribute.as_str() {
            "" => hold.what.clone(),
            attribute => format!("{attribute}: {}", hold.what),
        };
        vec![
            hold.id.clone(),
            format!("{}{undo}", hold.state),
            hold.class.clone(),
            short(&hold.name),
            short(&what),
            time(&hold.since),
            hold.dn.clone(),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let headers = ["ID", "WHY", "CLASS", "NAME", "WHAT", "SINCE", "DN"];
    table(&headers, rows, "nothing is held")
}
