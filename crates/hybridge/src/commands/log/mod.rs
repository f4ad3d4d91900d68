//! `hybridge log`: the provisioning log, with filters; `--follow` waits for more. `export` and `retention` are verbs of their own.
//!
//! Trap: newest first, but `--follow` oldest first, because that is how lines are added below.

mod export;
mod retention;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{Span, Timestamp};
use sync_core::code::Code;
use wire::api::v1::{LogRecord, Page};

use super::Context;
use crate::{
    client::Client,
    failure::Failure,
    output::{Output, one_line, print},
    show::{short, time},
};

/// Arguments.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Another verb than to show
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Which records
    #[command(flatten)]
    filters: Filters,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
    /// Wait for more records and show them as they come
    #[arg(long)]
    follow: bool,
}

/// Verbs.
#[derive(Subcommand, Debug)]
enum Verb {
    /// Write records to files: CSV or JSON lines
    Export(Box<export::Arguments>),
    /// How long records are kept, and how much room they may take
    Retention(retention::Arguments),
}

/// Which records.
#[derive(Args, Debug, Default)]
pub(super) struct Filters {
    /// Only about this object: anchor, DN, UPN or target id
    #[arg(long)]
    object: Option<String>,
    /// Only this change (its id, as records show it)
    #[arg(long, value_name = "ID")]
    change: Option<String>,
    /// Only of this job
    #[arg(long)]
    job: Option<String>,
    /// Only with this code
    #[arg(long)]
    code: Option<String>,
    /// Only this action
    #[arg(long, value_enum)]
    action: Option<Action>,
    /// Only this status
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Only of this run
    #[arg(long)]
    run: Option<i64>,
    /// Only of the cycle with this id
    #[arg(long, value_name = "ID")]
    cycle: Option<String>,
    /// Not before: RFC 3339, or how long ago (30m, 12h, 7d)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before: RFC 3339, or how long ago
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    Create,
    Update,
    Disable,
    Delete,
    Restore,
    StagedDelete,
    Skip,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Success,
    Warning,
    Failure,
    Skipped,
}

type Parameters = Vec<(&'static str, Option<String>)>;

/// Shows records.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    match &arguments.verb {
        Some(Verb::Export(export)) => return export::run(export, context).await,
        Some(Verb::Retention(retention)) => return retention::run(retention, context).await,
        None => {}
    }
    let client = context.client()?;
    let query = parameters(&arguments.filters)?;
    if arguments.follow {
        return follow(&client, query, context.output).await;
    }
    let page = client
        .list::<LogRecord>("log", &query, arguments.limit)
        .await?;
    context.output.data(&page, people)?;
    if page.next.is_some() {
        context
            .output
            .say("there are more; raise --limit or narrow the filters");
    }
    Ok(())
}

fn parameters(arguments: &Filters) -> Result<Parameters, Failure> {
    let action = arguments.action.map(|action| match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Disable => "disable",
        Action::Delete => "delete",
        Action::Restore => "restore",
        Action::StagedDelete => "stagedDelete",
        Action::Skip => "skip",
    });
    let status = arguments.status.map(|status| match status {
        Status::Success => "success",
        Status::Warning => "warning",
        Status::Failure => "failure",
        Status::Skipped => "skipped",
    });
    let now = Timestamp::now();
    let at = |text: &Option<String>| text.as_deref().map(|text| moment(text, now)).transpose();
    Ok(vec![
        ("object", arguments.object.clone()),
        ("change", arguments.change.clone()),
        ("job", arguments.job.clone()),
        ("cycle", arguments.cycle.clone()),
        ("code", arguments.code.clone()),
        ("action", action.map(str::to_owned)),
        ("status", status.map(str::to_owned)),
        ("run", arguments.run.map(|run| run.to_string())),
        ("since", at(&arguments.since)?),
        ("until", at(&arguments.until)?),
    ])
}

/// RFC 3339 of a time, or of how long ago it was.
fn moment(text: &str, now: Timestamp) -> Result<String, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_string());
    }
    let invalid = || {
        let text = format!(
            "{text} is neither a time such as 2026-01-31T12:00:00Z nor an age such as 30m, 12h, 7d"
        );
        Failure::text(Code::RequestInvalid, "the arguments", text)
    };
    let at = text.char_indices().last().map_or(0, |(at, _)| at);
    let (number, unit) = text.split_at(at);
    let number: i64 = number.parse().map_err(|_| invalid())?;
    let hours = |hours: i64| Span::new().try_hours(hours);
    let span = match unit {
        "s" => Span::new().try_seconds(number),
        "m" => Span::new().try_minutes(number),
        "h" => hours(number),
        "d" => hours(number.saturating_mul(24)),
        _ => return Err(invalid()),
    };
    let time = span
        .and_then(|span| now.checked_sub(span))
        .map_err(|_| invalid())?;
    Ok(time.to_string())
}

async fn follow(client: &Client, mut query: Parameters, output: Output) -> Result<(), Failure> {
    query.push(("order", Some("oldest".into())));
    if !query
        .iter()
        .any(|(name, value)| *name == "since" && value.is_some())
    {
        query.retain(|(name, _)| *name != "since");
        query.push(("since", Some(Timestamp::now().to_string())));
    }
    let mut after: Option<String> = None;
    loop {
        let mut asked = query.clone();
        asked.push(("after", after.clone()));
        let page: Page<LogRecord> = client.get("log", &asked).await?;
        for record in &page.items {
            match output {
                Output::Json => {
                    print(&serde_json::to_string(record).map_err(std::io::Error::other)?)?
                }
                Output::People => print(&line(record))?,
            }
            after = Some(record.id.clone());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

fn people(page: &Page<LogRecord>) -> String {
    match page.items.as_slice() {
        [] => "no records".into(),
        records => lines(records),
    }
}

/// Records, one line each.
pub fn lines(records: &[LogRecord]) -> String {
    records.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(record: &LogRecord) -> String {
    let code = record
        .problem
        .as_ref()
        .map(|problem| format!("  {}", problem.code));
    let name = match record.source_identity.display_name.as_str() {
        "" => &record.source_identity.id,
        name => &short(name),
    };
    one_line(&format!(
        "{}  {:<8} {:<12} {}  {}{}",
        time(&record.activity_date_time),
        record.status,
        record.provisioning_action,
        name,
        record.summary,
        code.unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times_are_both_understood() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(moment("30m", now).unwrap(), "2026-01-31T11:30:00Z");
        assert_eq!(moment("2d", now).unwrap(), "2026-01-29T12:00:00Z");
        assert_eq!(
            moment("2026-01-01T00:00:00Z", now).unwrap(),
            "2026-01-01T00:00:00Z"
        );
        for wrong in ["", "m", "yesterday", "99999999999999999999d", "5ü"] {
            assert!(moment(wrong, now).is_err(), "{wrong}");
        }
    }
}
