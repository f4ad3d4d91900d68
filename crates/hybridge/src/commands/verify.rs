//! `hybridge verify [JOB]`: the judge's report. Exit code 0 only if source and target agree.

use clap::Args;
use sync_core::code::Code;
use wire::api::v1::{Difference, Report, VerifyEvent};

use super::{Context, segment};
use crate::{
    client::Client,
    failure::Failure,
    output::{Output, fields, one_line},
    show::{count, duration, short},
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
}

/// Verifies and shows the report.
///
/// # Errors
/// By code; silent, with exit code 1, if there is a difference nothing explains.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let report = verify(&client, &job.id, context.output).await?;
    context.output.data(&report, people)?;
    match report.agree {
        true => Ok(()),
        false => Err(Failure::silent(Code::Conflict)),
    }
}

/// Asks for the report of a job, telling the progress on stderr.
///
/// # Errors
/// By code.
pub async fn verify(client: &Client, job: &str, output: Output) -> Result<Report, Failure> {
    let path = format!("jobs/{}/verify", segment(job));
    let mut lines = client.lines(&path, &()).await?;
    let mut told = String::new();
    while let Some(event) = lines.next::<VerifyEvent>().await? {
        match event {
            VerifyEvent::Progress { phase, objects } => {
                if told != phase {
                    output.say(format!("{phase} … {}", count(objects)));
                    told = phase;
                }
            }
            VerifyEvent::Report(report) => return Ok(report),
            VerifyEvent::Failed(problem) => return Err(Failure::told(problem, client.url())),
        }
    }
    Err(Failure::text(
        Code::InternalFault,
        client.url(),
        "the answer ended without a report",
    ))
}

/// The report in words.
pub fn people(report: &Report) -> String {
    let mut text = fields(&[
        ("job", report.job.clone()),
        (
            "result",
            if report.agree {
                "source and target agree".into()
            } else {
                "they differ".into()
            },
        ),
        ("source objects", count(report.source_objects)),
        ("expected objects", count(report.expected_objects)),
        ("target objects", count(report.target_objects)),
        ("values compared", count(report.values_compared)),
        ("references compared", count(report.references_compared)),
        ("differences", count(report.difference_count)),
        ("explained", explained(report)),
        ("took", duration(report.duration_ms)),
    ]);
    for difference in &report.differences {
        text.push_str(&format!("\n\n{}", one(difference)));
    }
    if report.difference_count > report.differences.len() as u64 {
        let more = report.difference_count - report.differences.len() as u64;
        text.push_str(&format!("\n\n… and {} more", count(more)));
    }
    if !report.explained.is_empty() {
        text.push_str("\n\nexplained:");
    }
    for explained in &report.explained {
        let code = explained
            .reason
            .as_ref()
            .map_or("", |problem| problem.code.as_str());
        text.push_str(&format!(
            "\n  {} {}: {} {} {code}",
            explained.kind,
            one_line(&short(&explained.difference.name)),
            explained.difference.attribute,
            explained.difference.why,
        ));
    }
    text
}

fn explained(report: &Report) -> String {
    let parts: Vec<String> = report
        .explained_by
        .iter()
        .map(|(name, number)| format!("{name} {}", count(*number)))
        .collect();
    match parts.is_empty() {
        true => count(report.explained_count),
        false => format!("{} ({})", count(report.explained_count), parts.join(", ")),
    }
}

fn one(difference: &Difference) -> String {
    fields(&[
        ("object", difference.name.clone()),
        ("anchor", difference.anchor.clone()),
        ("target", difference.target.clone()),
        ("attribute", difference.attribute.clone()),
        ("expected", difference.expected.join(" | ")),
        ("found", difference.found.join(" | ")),
        ("why", difference.why.clone()),
    ])
}
