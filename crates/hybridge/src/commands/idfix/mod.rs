//! `hybridge idfix`: what of a source would fail, before it is synchronised, with proposed corrections.
//!
//! Changes nothing: the corrections are a file the administrator applies. Exit code 1 if anything was found. Trap: findings are
//! kept until the end, because an object's corrections have to stand together; a source that is all wrong needs the memory.

mod csv;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use sync_core::{
    code::Code,
    idfix::ldif::{self, Correction},
};
use wire::api::v1::{IdfixEvent, IdfixFinding, IdfixReport, IdfixRequest};

use super::Context;
use crate::{
    failure::Failure,
    output::{Output, fields, one_line},
    show::{count, short},
};

// LIMIT: findings listed for people.
const LISTED: usize = 50;

/// Arguments.
#[derive(Args, Debug)]
#[command(after_help = "Exit code 0: nothing was found; 1: something was, or the look failed.")]
pub struct Arguments {
    /// The job whose source and rules are meant; may be left out if there is only one
    #[arg(long, value_name = "NAME", conflicts_with = "source")]
    job: Option<String>,
    /// A source connector, with or without a job
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Ask the source, even where what was read of it is at hand
    #[arg(long)]
    fresh: bool,
    /// Write all findings to this file, in the columns of the IdFix tool
    #[arg(long, value_name = "FILE.csv")]
    output: Option<PathBuf>,
    /// Write the corrections to this file, for ldapmodify
    #[arg(long, value_name = "FILE.ldif")]
    ldif: Option<PathBuf>,
}

/// The report with its findings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(flatten)]
    report: IdfixReport,
    items: Vec<IdfixFinding>,
}

/// Looks through the source.
///
/// # Errors
/// By code; silent, with exit code 1, if anything was found.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let request = IdfixRequest {
        job: arguments.job.clone(),
        source: arguments.source.clone(),
        fresh: arguments.fresh,
    };
    let found = ask(&request, context).await?;
    if let Some(path) = &arguments.output {
        write(path, &csv::of(&found.items))?;
    }
    if let Some(path) = &arguments.ldif {
        write(path, &ldif::of(found.items.iter().filter_map(correction)))?;
    }
    context.output.data(&found, people)?;
    match found.items.is_empty() {
        true => Ok(()),
        false => Err(Failure::silent(Code::DataValidationFailed)),
    }
}

async fn ask(request: &IdfixRequest, context: &Context) -> Result<Found, Failure> {
    let client = context.client()?;
    let mut lines = client.lines("idfix", request).await?;
    let mut items = Vec::new();
    while let Some(event) = lines.next::<IdfixEvent>().await? {
        match event {
            IdfixEvent::Progress { phase, objects } => progress(context.output, &phase, objects),
            IdfixEvent::Finding(finding) => items.push(finding),
            IdfixEvent::Report(report) => return Ok(Found { report, items }),
            IdfixEvent::Failed(problem) => return Err(Failure::told(problem, client.url())),
        }
    }
    Err(Failure::text(
        Code::InternalFault,
        client.url(),
        "the answer ended without a report",
    ))
}

/// What is written for ldapmodify; `None`: a person has to decide, or the value stays.
fn correction(finding: &IdfixFinding) -> Option<Correction<'_>> {
    let update = match finding.action.as_str() {
        "EDIT" => Some(finding.update.as_str()),
        "REMOVE" => None,
        _ => return None,
    };
    Some(Correction {
        dn: &finding.dn,
        attribute: &finding.attribute,
        value: &finding.value,
        update,
    })
}

fn progress(output: Output, phase: &str, objects: u64) {
    output.say(format!("{phase}: {} objects …", count(objects)));
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        let place = path.display().to_string();
        Failure::text(Code::ConfigurationInvalid, place, error.to_string())
    })
}

fn people(found: &Found) -> String {
    let report = &found.report;
    let from = match report.from.as_str() {
        "connectorSpace" => "what was read of it (--fresh asks the source)",
        _ => "the source itself",
    };
    let mut text = fields(&[
        ("source", report.source.clone()),
        ("looked at", from.to_owned()),
        ("objects", count(report.objects)),
        ("of those checked", count(report.checked)),
        ("findings", count(report.findings)),
        ("not read, not checked", report.not_read.join(", ")),
    ]);
    for (error, number) in &report.errors {
        text.push_str(&format!("\n  {:>7}  {error}", count(*number)));
    }
    if !report.unverified.is_empty() {
        text.push_str("\n\nto be verified in the target, or sign-in names are made up:");
    }
    for (suffix, number) in &report.unverified {
        text.push_str(&format!("\n  {:>7}  {}", count(*number), one_line(suffix)));
    }
    if !found.items.is_empty() {
        text.push('\n');
    }
    for finding in found.items.iter().take(LISTED) {
        text.push_str(&one(finding));
    }
    if found.items.len() > LISTED {
        text.push_str("\n… and more; --output, --ldif and --json hold all");
    }
    text
}

fn one(finding: &IdfixFinding) -> String {
    let mut text = format!(
        "\n{}\n  {} {}: {}",
        one_line(&finding.dn),
        finding.attribute,
        finding.errors.join(", "),
        one_line(&short(&finding.value))
    );
    let proposed = match (finding.action.as_str(), finding.update.as_str()) {
        ("EDIT", update) => format!(" → {}", one_line(&short(update))),
        ("REMOVE", _) => " → (removed)".to_owned(),
        ("COMPLETE", _) => " stays".to_owned(),
        _ => String::new(),
    };
    text.push_str(&proposed);
    if !finding.note.is_empty() {
        text.push_str(&format!("\n  {}", one_line(&finding.note)));
    }
    text
}
