//! `hybridge log retention`: how long records are kept, and how much room they may take.

use clap::Args;
use wire::api::v1::{LogRetention, LogRetentionChange};

use crate::{
    commands::Context,
    failure::Failure,
    output::fields,
    show::{count, time_or_dash},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Keep records so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: Option<u32>,
    /// Let them take so much room; the oldest go first
    #[arg(long, value_name = "MEGABYTES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    megabytes: Option<u32>,
}

/// Shows the retention, or changes it.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let change = LogRetentionChange {
        days: arguments.days,
        megabytes: arguments.megabytes,
    };
    let now: LogRetention = match change == LogRetentionChange::default() {
        true => client.get("log/retention", &[]).await?,
        false => client.patch("log/retention", &change).await?,
    };
    context.output.data(&now, people)
}

fn people(now: &LogRetention) -> String {
    fields(&[
        ("kept", format!("{} days", now.days)),
        ("room", format!("{} MB", count(u64::from(now.megabytes)))),
        ("records", count(now.records)),
        (
            "taken",
            format!("{} MB", count(now.bytes.div_ceil(1_000_000))),
        ),
        ("oldest", time_or_dash(now.oldest.as_ref())),
    ])
}
