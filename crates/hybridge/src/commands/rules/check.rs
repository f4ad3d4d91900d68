//! `hybridge rules check FILE`: every mistake, with its place and its cure. Exit code 1 if there is one.

use std::path::{Path, PathBuf};

use clap::Args;
use sync_core::{
    code::Code,
    schema::{Discovered, preset},
};
use wire::api::v1::{RulesProblem, RulesReport, RulesToCheck};

use super::rules_file;
use crate::{
    access::read,
    commands::{Context, segment},
    failure::Failure,
    output::one_line,
    show::plural,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Rules (synchronizationSchema JSON)
    file: PathBuf,
    /// Also hold them against what source and target of this job have; asks the server
    #[arg(long)]
    job: Option<String>,
}

/// Checks and shows all mistakes.
///
/// # Errors
/// `SchemaInvalid`, silent, if there is a mistake: it has been shown.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let report = match &arguments.job {
        None => offline(&read(&arguments.file)?),
        Some(job) => of_job(job, &arguments.file, context).await?,
    };
    context.output.data(&report, people)?;
    match report.is_valid {
        true => Ok(()),
        false => Err(Failure::silent(Code::SchemaInvalid)),
    }
}

/// Has the server hold a file of rules against what source and target of a job have.
///
/// # Errors
/// If the file or the server cannot be read.
pub async fn of_job(job: &str, file: &Path, context: &Context) -> Result<RulesReport, Failure> {
    let client = context.client()?;
    let job = context.job(&client, Some(job)).await?;
    let rules = rules_file(file)?;
    let path = format!("jobs/{}/rules/check", segment(&job.id));
    client.post(&path, &RulesToCheck { rules }).await
}

/// Checks without any system to hold the rules against.
fn offline(text: &str) -> RulesReport {
    let (result, notes) = preset::load_for(text, &Discovered::default());
    let problems = result.err().unwrap_or_default();
    RulesReport {
        is_valid: problems.is_empty(),
        knows_source: false,
        knows_target: false,
        problems: problems.iter().map(Into::into).collect(),
        notes: notes.iter().map(Into::into).collect(),
    }
}

/// The report in words.
pub fn people(report: &RulesReport) -> String {
    let mut text = match report.problems.len() as u64 {
        0 => "the rules are valid".to_owned(),
        count => plural(count, "mistake"),
    };
    list(&mut text, &report.problems);
    if !report.notes.is_empty() {
        text.push_str("\n\nto be known:");
        list(&mut text, &report.notes);
    }
    if !report.knows_source {
        text.push_str("\n\nnot held against a source: name a job with --job");
    }
    text
}

fn list(text: &mut String, problems: &[RulesProblem]) {
    for problem in problems {
        text.push_str(&format!(
            "\n  {}\n    {}: {}",
            one_line(&problem.path),
            problem.code,
            one_line(&problem.message)
        ));
        if !problem.cure.is_empty() {
            text.push_str(&format!("\n    cure: {}", one_line(&problem.cure)));
        }
    }
}
