//! `hybridge deletes list`.

use clap::Args;
use wire::api::v1::{Deletion, Page};

use crate::{
    commands::Context,
    failure::Failure,
    output::{or_dash, table},
    show::{plural, short, time},
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

/// Lists held deletions.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let query = [("job", arguments.job.clone())];
    let page = context
        .client()?
        .list::<Deletion>("deletions", &query, arguments.limit)
        .await?;
    context.output.data(&page, people)?;
    match page.items.len() {
        0 => {}
        held => context.output.say(format!(
            "\n{held} held. `hybridge deletes allow ID …` or `--all` carries them out; `refuse` keeps the objects."
        )),
    }
    Ok(())
}

fn people(page: &Page<Deletion>) -> String {
    let row = |deletion: &Deletion| {
        let verb = if deletion.is_refused {
            "refused"
        } else {
            &deletion.verb
        };
        vec![
            deletion.id.clone(),
            verb.to_owned(),
            deletion.class.clone(),
            short(&deletion.name),
            lost(deletion),
            or_dash(deletion.reason.as_ref().map(|problem| &problem.code)),
            time(&deletion.since),
            deletion.dn.clone(),
        ]
    };
    let rows = page.items.iter().map(row).collect();
    let headers = ["ID", "WHAT", "CLASS", "NAME", "LOSES", "WHY", "SINCE", "DN"];
    table(&headers, rows, "the guard holds nothing")
}

/// What an object loses, if it is not itself.
fn lost(deletion: &Deletion) -> String {
    match (deletion.verb.as_str(), deletion.what.first()) {
        ("removeMembers", Some(first)) if deletion.count == 1 => short(first),
        ("removeMembers", _) => plural(deletion.count, "member"),
        ("clearValues", Some(first)) => short(first),
        _ => "itself".to_owned(),
    }
}
