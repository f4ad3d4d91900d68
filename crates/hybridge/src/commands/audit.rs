//! `hybridge audit`: who changed what.

use clap::Args;
use wire::api::v1::{AuditEntry, Page};

use super::Context;
use crate::{failure::Failure, output::table, show::time};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// Shows the newest entries.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let page = context
        .client()?
        .list::<AuditEntry>("audit", &[], arguments.limit)
        .await?;
    context.output.data(&page, people)
}

fn people(page: &Page<AuditEntry>) -> String {
    let row = |entry: &AuditEntry| {
        vec![
            time(&entry.at),
            entry.actor.clone(),
            entry.act.clone(),
            entry.detail.clone(),
        ]
    };
    table(
        &["WHEN", "WHO", "WHAT", "TO WHAT"],
        page.items.iter().map(row).collect(),
        "nothing was changed yet",
    )
}
