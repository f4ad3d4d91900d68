//! What a run of a job, or a change of its rules, would do: asked of the server, which stores nothing of it.
//!
//! Trap: the list for people is cut; CSV and JSON hold every object.

use serde::Serialize;
use sync_core::code::Code;
use wire::api::v1::{Job, PreviewEvent, PreviewObject, PreviewReport, PreviewRequest};

use super::{Arguments, report::cell};
use crate::{
    client::Client,
    commands::{Context, segment},
    failure::Failure,
    output::{Output, fields, one_line},
    show::{count, short},
};

// LIMIT: objects listed for people.
const LISTED: usize = 100;
// LIMIT: attributes shown of one object.
const ATTRIBUTES: usize = 8;

/// The report with its objects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    #[serde(flatten)]
    report: PreviewReport,
    items: Vec<PreviewObject>,
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
    let preview = ask(&client, &job, rules, context.output).await?;
    if let Some(path) = &arguments.csv {
        std::fs::write(path, csv(&preview.items)).map_err(|error| {
            let place = path.display().to_string();
            Failure::text(Code::ConfigurationInvalid, place, error.to_string())
        })?;
    }
    context.output.data(&preview, people)
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
    let path = format!("jobs/{}/preview", segment(&job.id));
    let mut lines = client.lines(&path, &PreviewRequest { rules }).await?;
    let mut items = Vec::new();
    while let Some(event) = lines.next::<PreviewEvent>().await? {
        match event {
            PreviewEvent::Progress { objects } => {
                if objects.is_multiple_of(20_000) {
                    output.say(format!("{} objects …", count(objects)));
                }
            }
            PreviewEvent::Object(object) => items.push(object),
            PreviewEvent::Report(report) => return Ok(Preview { report, items }),
            PreviewEvent::Failed(problem) => return Err(Failure::told(problem, client.url())),
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
    if preview.items.len() > LISTED {
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

/// A line per attribute that would be written, or per object without one (RFC 4180).
fn csv(items: &[PreviewObject]) -> String {
    let mut text = String::from(
        "fate,action,class,targetClass,name,dn,anchor,target,attribute,before,after,code,why\r\n",
    );
    let mut line = |object: &PreviewObject, name: &str, before: &str, after: &str| {
        let why = object.why.as_ref();
        let cells = [
            object.fate.as_str(),
            object.action.as_str(),
            object.class.as_str(),
            object.target_class.as_str(),
            object.name.as_str(),
            object.dn.as_str(),
            object.anchor.as_str(),
            object.target.as_str(),
            name,
            before,
            after,
            why.map_or("", |why| why.code.as_str()),
            why.map_or("", |why| why.message.as_str()),
        ];
        let cells: Vec<String> = cells.into_iter().map(cell).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    };
    for object in items {
        if object.changes.is_empty() {
            line(object, "", "", "");
        }
        for change in &object.changes {
            let (before, after) = (change.before.join(" | "), change.after.join(" | "));
            line(object, &change.name, &before, &after);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::api::v1::PreviewChange;

    #[test]
    fn every_attribute_is_a_line_and_an_object_without_one_too() {
        let change = |name: &str| PreviewChange {
            name: name.into(),
            before: vec![],
            after: vec!["a".into(), "=b".into()],
        };
        let object = PreviewObject {
            fate: "change".into(),
            changes: vec![change("x"), change("y")],
            ..PreviewObject::default()
        };
        let text = csv(&[object, PreviewObject::default()]);
        assert_eq!(text.lines().count(), 4);
        assert!(text.contains("x,,a | =b,,"), "{text}");
    }
}
