//! `hybridge status [JOB] [--watch]`: how the jobs are doing.
//!
//! Trap: with `--watch --json` there is one document per look, one per line.

use std::{io::IsTerminal as _, time::Duration};

use clap::Args;
use jiff::Timestamp;
use wire::api::v1::{JobStatus, Page, Phase, Problem};

use super::Context;
use crate::{
    client::Client,
    failure::Failure,
    output::{Output, fields, print},
    show::{ago, count, duration, method_line, problem},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of a job; all jobs unless given
    job: Option<String>,
    /// Look again every second until interrupted
    #[arg(long)]
    watch: bool,
}

/// Shows the status, once or again and again.
///
/// # Errors
/// By code.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    if !arguments.watch {
        let page = ask(&client, arguments.job.as_deref()).await?;
        context.output.data(&page, people)?;
        return alerts(&client, context).await;
    }
    loop {
        let page = ask(&client, arguments.job.as_deref()).await?;
        match context.output {
            Output::Json => print(&serde_json::to_string(&page).map_err(std::io::Error::other)?)?,
            Output::People => {
                let clear = if std::io::stdout().is_terminal() {
                    "\u{1b}[2J\u{1b}[H"
                } else {
                    ""
                };
                print(&format!("{clear}{}\n", people(&page)))?;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// Alerts that last, for people, below the jobs; programs ask for them by themselves.
async fn alerts(client: &Client, context: &Context) -> Result<(), Failure> {
    if context.output == Output::Json {
        return Ok(());
    }
    match super::alerts::open(client).await {
        Ok(page) if !page.items.is_empty() => {
            print(&format!("\n{}", super::alerts::lines(&page)))?;
            context
                .output
                .say("`hybridge alerts show NUMBER` says what to do");
            Ok(())
        }
        // An older server, or a caller that may not look.
        _ => Ok(()),
    }
}

/// Asks for the status of one job, or of all.
///
/// # Errors
/// By code.
pub async fn ask(client: &Client, job: Option<&str>) -> Result<Page<JobStatus>, Failure> {
    client
        .get("status", &[("job", job.map(str::to_owned))])
        .await
}

fn people(page: &Page<JobStatus>) -> String {
    if page.items.is_empty() {
        return "no jobs; `hybridge connect ad NAME`, then `hybridge job create NAME --source CONNECTOR`".into();
    }
    let now = Timestamp::now();
    let all: Vec<String> = page.items.iter().map(|status| one(status, now)).collect();
    all.join("\n\n")
}

// LONG: one line after the other.
fn one(status: &JobStatus, now: Timestamp) -> String {
    let phase = match status.phase {
        Phase::Initial => "initial cycle",
        Phase::Incremental => "changes as they come",
    };
    let progress = &status.progress;
    let source = &status.source;
    let mut pairs = vec![
        ("job", format!("{} ({})", status.job.name, status.state)),
        ("phase", phase.to_owned()),
        ("source", source_line(status, now)),
        (
            "changes found by",
            source
                .position
                .method
                .as_ref()
                .map(method_line)
                .unwrap_or_default(),
        ),
        ("agents", format!("{} connected", source.agents_connected)),
        ("doorbell", doorbell_line(status, now)),
        ("compared", comparison_line(status, now)),
        ("read", count(progress.read)),
        ("planned", with_rest(progress.planned, progress.to_plan)),
        ("exported", with_rest(progress.exported, progress.to_export)),
    ];
    if progress.objects_per_second > 0.0 {
        pairs.push((
            "rate",
            format!("{:.0} objects/s", progress.objects_per_second),
        ));
    }
    pairs.push((
        "expected end",
        progress
            .expected_end
            .as_deref()
            .map(|end| ago(end, now))
            .unwrap_or_default(),
    ));
    let lag = status
        .lag
        .as_ref()
        .map(|lag| format!("{} (read {})", duration(lag.age_ms), ago(&lag.since, now)));
    pairs.push((
        "oldest change not visible",
        lag.unwrap_or_else(|| "none".into()),
    ));
    pairs.push(("objects", list(&status.situations)));
    pairs.push(("linked", list(&status.linked)));
    pairs.push(("skipped", list(&status.skipped_codes)));
    let escrow = list(&status.escrow_codes);
    pairs.push((
        "in escrow",
        if status.escrow == 0 {
            "0".into()
        } else {
            format!("{} ({escrow})", count(status.escrow))
        },
    ));
    if status.waiting_references > 0 {
        pairs.push(("waiting references", count(status.waiting_references)));
    }
    let mut text = fields(&pairs);
    let held = status.held_deletions;
    if held > 0 {
        text.push_str(&format!(
            "\n\n{} held: `hybridge deletes list` names them",
            count(held)
        ));
    }
    // What the guard holds is told below; it slows nothing.
    let slowed = status.quarantine.as_ref();
    if let Some(held) = slowed.filter(|held| held.reason != "TooManyDeletes") {
        let next = match (held.next_look.as_deref(), held.next_attempt.as_deref()) {
            (Some(at), _) => format!("looked next {} whether it works again", ago(at, now)),
            (None, Some(at)) => format!("tried next {}", ago(at, now)),
            (None, None) => "not tried by itself".to_owned(),
        };
        text.push_str(&format!(
            "\n\nin quarantine: {}, {next}; `hybridge job clear {}` has it tried at once",
            held.reason, status.job.name
        ));
    }
    if status.is_busy_too_long {
        text.push_str(
            "\n\nsource or target has answered for 24 hours that it is busy; ask whoever runs it",
        );
    }
    for (title, found) in problems(status) {
        text.push_str(&format!("\n\n{title}\n{}", problem(found)));
    }
    text
}

fn problems(status: &JobStatus) -> Vec<(&'static str, &Problem)> {
    let position = &status.source.position;
    [
        ("the guard holds deletions", &status.guard),
        ("noticed when the server started", &status.notice),
        ("the job fails", &status.failure),
        ("the source cannot be read", &position.failure),
        (
            "the last full read is not believed (`hybridge connector believe` believes it)",
            &position.suspect,
        ),
        ("the next read is not a delta", &position.why),
    ]
    .into_iter()
    .filter_map(|(title, found)| Some((title, found.as_ref()?)))
    .collect()
}

fn doorbell_line(status: &JobStatus, now: Timestamp) -> String {
    let doorbell = &status.source.doorbell;
    let why = doorbell.why.as_ref();
    let why = why.map(|why| format!(": {}", why.message));
    let state = match doorbell.state.as_str() {
        "armed" => "armed, changes are read at once",
        "unsupported" => "the source has none, changes are read at every interval",
        "failing" => "fell off, changes are read at every interval",
        other => other,
    };
    let rang = doorbell.rang_at.as_deref();
    let rang = rang.map(|at| format!(", rang {}", ago(at, now)));
    format!(
        "{state}{}{}",
        why.unwrap_or_default(),
        rang.unwrap_or_default()
    )
}

fn comparison_line(status: &JobStatus, now: Timestamp) -> String {
    let source = &status.source;
    if let Some(under_way) = &source.comparing {
        return format!(
            "whole source under way, {} objects so far, begun {}",
            count(under_way.entries),
            ago(&under_way.started_at, now)
        );
    }
    let last = source.position.compared_at.as_deref();
    let last = last.map_or_else(|| "never".to_owned(), |at| ago(at, now));
    match &source.comparison_failure {
        Some(why) => format!("{last}; the last attempt failed: {}", why.message),
        None => last,
    }
}

fn source_line(status: &JobStatus, now: Timestamp) -> String {
    let source = &status.source;
    let name = &source.connector.name;
    match (&source.reading, &source.position.last_read_at) {
        (Some(read), _) => format!(
            "{name}, {} read under way: {} entries",
            read.mode,
            count(read.entries)
        ),
        (None, Some(last)) => format!("{name}, read {}", ago(last, now)),
        (None, None) => format!("{name}, not read yet"),
    }
}

fn with_rest(done: u64, rest: u64) -> String {
    match rest {
        0 => count(done),
        _ => format!("{} ({} to go)", count(done), count(rest)),
    }
}

fn list(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, number)| format!("{} {name}", count(*number)))
        .collect();
    parts.join(", ")
}
