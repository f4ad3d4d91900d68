//! What a run of a job, or a change of its rules, would do: asked of the server, which stores nothing of it.
//!
//! Trap: the list for people is cut; CSV and JSON hold every object.

use serde::Serialize;
use sync_core::code::Code;
use wire::api::v1::{
    Job, PreviewEvent, PreviewObject, PreviewReferences, PreviewReport, PreviewRequest,
};

use super::{Arguments, stream::Stream};
use crate::{
    client::Client,
    commands::{Context, segment},
    failure::Failure,
    output::{Output, fields, one_line},
    show::{count, short},
};

// LIMIT: objects listed for people.
pub const LISTED: usize = 100;
// LIMIT: attributes shown of one object.
const ATTRIBUTES: usize = 8;

/// The report with its objects.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// The counts.
    #[serde(flatten)]
    pub report: PreviewReport,
    /// Objects that would be touched.
    pub items: Vec<PreviewObject>,
    /// References that would be added or taken away.
    pub references: Vec<PreviewReferences>,
}

/// Shows what would be done.
///
/// # Errors
/// By code; never for objects that would fail, those are the report.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let rules = match &arguments.schema {
        None => None,
        Some(path) => Some(crate::commands::rules::rules_file(path)?),
    };
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let mut stream = Stream::to(arguments.csv.as_deref(), context.output)?;
    let report = each(&client, &job, rules, context.output, |event| {
        stream.take(event)
    })
    .await?;
    match stream.end(report)? {
        Some(preview) => context.output.data(&preview, people),
        None => Ok(()),
    }
}

/// Asks the server, telling the progress on stderr.
///
/// # Errors
/// By code.
pub async fn ask(
    client: &Client,
    job: &Job,
    rules: Option<serde_json::Value>,
    output: Output,
) -> Result<Preview, Failure> {
    let mut preview = Preview::default();
    let (items, references) = (&mut preview.items, &mut preview.references);
    let report = each(client, job, rules, output, |event| {
        match event {
            PreviewEvent::Object(object) => items.push(object),
            PreviewEvent::References(part) => references.push(part),
            _ => {}
        }
        Ok(())
    })
    .await?;
    preview.report = report;
    Ok(preview)
}

/// The same, piece by piece.
async fn each(
    client: &Client,
    job: &Job,
    rules: Option<serde_json::Value>,
    output: Output,
    mut take: impl FnMut(PreviewEvent) -> Result<(), Failure>,
) -> Result<PreviewReport, Failure> {
    let path = format!("jobs/{}/preview", segment(&job.id));
    let mut lines = client.lines(&path, &PreviewRequest { rules }).await?;
    while let Some(event) = lines.next::<PreviewEvent>().await? {
        match event {
            PreviewEvent::Progress { objects } => {
                if objects.is_multiple_of(20_000) {
                    output.say(format!("{} objects …", count(objects)));
                }
            }
            PreviewEvent::Report(report) => return Ok(report),
            PreviewEvent::Failed(problem) => return Err(Failure::told(problem, client.url())),
            event => take(event)?,
        }
    }
    Err(Failure::text(
        Code::InternalFault,
        client.url(),
        "the answer ended without a report",
    ))
}

/// A number, but for none.
fn unless_none(number: u64) -> String {
    match number {
        0 => String::new(),
        number => count(number),
    }
}

/// The counts in words.
pub fn counts(preview: &Preview) -> String {
    let report = &preview.report;
    let mut text = fields(&[
        ("objects", count(report.objects)),
        ("enter", count(report.enter)),
        ("leave", count(report.leave)),
        ("change", count(report.change)),
        ("failed before", unless_none(report.failed_before)),
        ("stay as they are", count(report.same)),
        ("not in scope", count(report.outside)),
        ("fail", count(report.fail)),
        ("references added", unless_none(report.references_added)),
        ("references removed", unless_none(report.references_removed)),
    ]);
    if let Some(guard) = &report.guard {
        text.push_str(&format!(
            "\n\nthe guard would hold the deletions: {}",
            one_line(&guard.message)
        ));
    }
    if !report.not_read.is_empty() {
        text.push_str(&format!(
            "\n\nnot read yet, and counted as empty here: {}",
            one_line(&report.not_read.join(", "))
        ));
    }
    if report.unread > 0 {
        text.push_str(&format!(
            "\n\nin scope, and not read yet: {} objects; nothing can be said of them",
            count(report.unread)
        ));
    }
    text
}

fn people(preview: &Preview) -> String {
    let mut text = counts(preview);
    let lists = [
        ("by action", &preview.report.actions),
        ("by attribute", &preview.report.attributes),
        ("why", &preview.report.reasons),
    ];
    for (title, numbers) in lists {
        if !numbers.is_empty() {
            text.push_str(&format!("\n\n{title}:"));
        }
        for (name, number) in numbers {
            text.push_str(&format!("\n  {:>7}  {}", count(*number), one_line(name)));
        }
    }
    if !preview.items.is_empty() {
        text.push('\n');
    }
    for object in preview.items.iter().take(LISTED) {
        one(&mut text, object);
    }
    if !preview.references.is_empty() {
        text.push_str("\n\nreferences:");
    }
    for part in preview.references.iter().take(LISTED) {
        refers(&mut text, part);
    }
    if preview.items.len() > LISTED || preview.references.len() > LISTED {
        text.push_str("\n… and more; --csv and --json hold all");
    }
    text
}

fn one(text: &mut String, object: &PreviewObject) {
    let action = match object.action.as_str() {
        "" => object.fate.as_str(),
        action => action,
    };
    text.push_str(&format!(
        "\n{action:<8} {}  {}",
        one_line(&short(&object.name)),
        one_line(&object.dn)
    ));
    if let Some(why) = &object.why {
        text.push_str(&format!(
            "\n           {}: {}",
            why.code,
            one_line(&why.message)
        ));
    }
    if object.fate != "change" {
        return;
    }
    for change in object.changes.iter().take(ATTRIBUTES) {
        let texts = |values: &[String]| match values.is_empty() {
            true => "(nothing)".to_owned(),
            false => short(&values.join(" | ")),
        };
        text.push_str(&format!(
            "\n           {}: {} → {}",
            one_line(&change.name),
            one_line(&texts(&change.before)),
            one_line(&texts(&change.after))
        ));
    }
    if object.changes.len() > ATTRIBUTES {
        text.push_str("\n           …");
    }
}

fn refers(text: &mut String, part: &PreviewReferences) {
    text.push_str(&format!(
        "\n{}  {}",
        one_line(&part.name),
        one_line(&part.dn)
    ));
    for (sign, names) in [("+", &part.added), ("-", &part.removed)] {
        for name in names.iter().take(ATTRIBUTES) {
            text.push_str(&format!("\n           {sign} {}", one_line(name)));
        }
        if names.len() > ATTRIBUTES {
            let rest = (names.len() - ATTRIBUTES) as u64;
            text.push_str(&format!("\n           {sign} {} more", count(rest)));
        }
    }
}
