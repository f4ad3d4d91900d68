//! `hybridge object show X`: by anchor, DN, UPN or target id.

use clap::Args;
use wire::api::v1::{ObjectInJob, ObjectView};

use crate::{
    commands::{Context, log},
    failure::Failure,
    output::{fields, one_line},
    show::{problem, references, time, values},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Anchor (objectGUID), distinguished name, user principal name, or id of the target object
    object: String,
    /// Only in this connector
    #[arg(long)]
    connector: Option<String>,
}

/// Shows the object.
///
/// # Errors
/// `NotFound`; `RequestInvalid` if the name fits several.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let query = [
        ("name", Some(arguments.object.clone())),
        ("connector", arguments.connector.clone()),
    ];
    let view: ObjectView = context.client()?.get("object", &query).await?;
    context.output.data(&view, people)
}

fn people(view: &ObjectView) -> String {
    let object = &view.object;
    let mut parts = vec![
        fields(&[
            ("object", object.dn.clone()),
            ("anchor", object.anchor.clone()),
            ("class", object.class.clone()),
            ("state", object.state.clone()),
            ("connector", object.connector.clone()),
        ]),
        titled(
            "in the source",
            &join(values(&view.attributes, "  "), references(&view.references)),
        ),
    ];
    parts.extend(view.jobs.iter().map(in_job));
    if !view.records.is_empty() {
        parts.push(titled("last records", &log::lines(&view.records)));
    }
    parts.join("\n\n")
}

fn titled(title: &str, body: &str) -> String {
    match body.is_empty() {
        true => format!("{title}: nothing"),
        false => format!("{title}\n{body}"),
    }
}

fn join(first: String, second: String) -> String {
    match (first.is_empty(), second.is_empty()) {
        (_, true) => first,
        (true, false) => second,
        (false, false) => format!("{first}\n{second}"),
    }
}

fn in_job(part: &ObjectInJob) -> String {
    let mut text = format!("job {}", part.job.name);
    if let Some(scope) = &part.scope {
        let verdict = if scope.is_in_scope {
            "in scope"
        } else {
            "out of scope"
        };
        text.push_str(&format!("\n  {verdict}: {}", one_line(&scope.why)));
        for found in &scope.problems {
            text.push_str(&format!("\n{}", problem(found)));
        }
    }
    if let Some(synchronised) = &part.synchronised {
        text.push_str(&format!("\n  {}", one_line(synchronised)));
    }
    match &part.link {
        None => text.push_str("\n  never planned"),
        Some(link) => {
            let target = link.target.as_deref().unwrap_or("-");
            text.push_str(&format!(
                "\n  {} {} {target}, since {}",
                link.situation,
                link.class,
                time(&link.changed_at)
            ));
            if let Some(reason) = &link.reason {
                text.push_str(&format!("\n{}", problem(reason)));
            }
            for aside in &link.set_aside {
                text.push_str(&format!(
                    "\n  set aside: {} {}, held by {}, since {}",
                    aside.property_causing_error,
                    one_line(&aside.value),
                    aside.owner,
                    time(&aside.occurred_date_time)
                ));
            }
        }
    }
    if part.is_due {
        text.push_str("\n  it still has to be planned");
    }
    if let Some(pending) = &part.pending {
        text.push_str(&format!(
            "\n  pending: {} ({})",
            pending.verb, pending.state
        ));
        text.push_str(&format!("\n{}", values(&pending.attributes, "    ")));
    }
    if let Some(found) = &part.target_problem {
        text.push_str(&format!(
            "\n  the target could not be asked\n{}",
            problem(found)
        ));
    }
    if let Some(target) = &part.target {
        let deleted = if target.is_deleted {
            " (soft-deleted)"
        } else {
            ""
        };
        text.push_str(&format!("\nin the target {}{deleted}\n", target.id));
        text.push_str(&join(
            values(&target.attributes, "  "),
            references(&target.references),
        ));
    }
    text
}
