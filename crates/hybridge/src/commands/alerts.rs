//! `hybridge alerts`: what has to be looked at, from its beginning to its end.

use clap::{Args, Subcommand};
use wire::api::v1::{Acknowledgement, Alert, Page};

use super::{Context, segment};
use crate::{
    client::Client,
    failure::Failure,
    output::{fields, or_dash, table},
    show::{short, time},
};

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List alerts: those that last, unless told otherwise
    List(List),
    /// Show one alert: cause, affected objects, next step
    Show {
        /// Its number
        id: String,
    },
    /// Say that somebody knows of an alert; it closes by itself when its condition ends
    Acknowledge(Acknowledge),
}

/// `alerts list`.
#[derive(Args, Debug)]
pub struct List {
    /// Also those that have ended
    #[arg(long)]
    all: bool,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

/// `alerts acknowledge`.
#[derive(Args, Debug)]
pub struct Acknowledge {
    /// Its number
    id: String,
    /// What there is to say about it
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        Command::List(arguments) => {
            let state = if arguments.all { "all" } else { "open" };
            let query = [("state", Some(state.to_owned()))];
            let page = client
                .list::<Alert>("alerts", &query, arguments.limit)
                .await?;
            context.output.data(&page, lines)
        }
        Command::Show { id } => {
            let alert: Alert = client.get(&format!("alerts/{}", segment(&id)), &[]).await?;
            context.output.data(&alert, people)
        }
        Command::Acknowledge(arguments) => {
            let said = Acknowledgement {
                note: arguments.note,
            };
            let path = format!("alerts/{}/acknowledge", segment(&arguments.id));
            let alert: Alert = client.post(&path, &said).await?;
            context.output.data(&alert, people)
        }
    }
}

/// Alerts that last.
///
/// # Errors
/// By code.
pub async fn open(client: &Client) -> Result<Page<Alert>, Failure> {
    client
        .list("alerts", &[("state", Some("open".into()))], 100)
        .await
}

/// A list of alerts in words.
pub fn lines(page: &Page<Alert>) -> String {
    let row = |alert: &Alert| {
        let ended = alert.closed_at.as_deref().map(time);
        let known = alert.acknowledged_by.as_ref();
        vec![
            alert.id.clone(),
            alert.severity.clone(),
            alert.kind.clone(),
            short(&alert.name),
            time(&alert.opened_at),
            ended.unwrap_or_else(|| "-".into()),
            or_dash(known),
            short(match (alert.text.as_str(), &alert.code) {
                ("", Some(code)) => code,
                (text, _) => text,
            }),
        ]
    };
    let headers = [
        "ALERT", "SEVERITY", "KIND", "OF", "SINCE", "ENDED", "KNOWN TO", "WHAT",
    ];
    let rows = page.items.iter().map(row).collect();
    table(&headers, rows, "no alerts")
}

fn people(alert: &Alert) -> String {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let moment = |at: &Option<String>| at.as_deref().map(time).unwrap_or_default();
    let mut affected = alert.affected.join("; ");
    let more = alert.count.saturating_sub(alert.affected.len() as u64);
    if more > 0 {
        affected.push_str(&format!("; and {more} more"));
    }
    fields(&[
        ("alert", format!("{} ({})", alert.kind, alert.severity)),
        ("what", alert.title.clone()),
        ("of", format!("{} {}", alert.subject, alert.name)),
        ("how much", alert.text.clone()),
        ("code", optional(&alert.code)),
        ("message", optional(&alert.message)),
        ("since", time(&alert.opened_at)),
        ("last so", time(&alert.seen_at)),
        ("ended", moment(&alert.closed_at)),
        ("times", alert.times.to_string()),
        ("known to", optional(&alert.acknowledged_by)),
        ("known since", moment(&alert.acknowledged_at)),
        ("note", optional(&alert.note)),
        ("affected", affected.trim_start_matches("; ").to_owned()),
        ("cause", alert.cause.clone()),
        ("next step", alert.next_step.clone()),
    ])
}
