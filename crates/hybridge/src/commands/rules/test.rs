//! `hybridge rules test FILE`: runs the cases beside the rules. Exit code 1 if one fails.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use sync_core::{
    code::Code,
    schema::{
        cases::{self, Outcome},
        preset,
    },
};

use wire::api::v1::RulesReport;

use super::check;
use crate::{access::read, commands::Context, failure::Failure, output::one_line, show::plural};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Rules (synchronizationSchema JSON)
    file: PathBuf,
    /// File of the cases; beside the rules unless given: rules.json has rules.tests.json
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// First hold the rules against what source and target of this job have; asks the server
    #[arg(long)]
    job: Option<String>,
}

/// What came of all cases.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    passed: usize,
    failed: usize,
    cases: Vec<Outcome>,
}

/// Runs the cases and shows what differs.
///
/// # Errors
/// `SchemaInvalid`, silent, if a case fails or the rules have mistakes: both have been shown.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let text = read(&arguments.file)?;
    let rules = match preset::load(&text) {
        Ok(rules) => rules,
        Err(problems) => {
            let report = RulesReport {
                problems: problems.iter().map(Into::into).collect(),
                ..RulesReport::default()
            };
            context.output.data(&report, check::people)?;
            return Err(Failure::silent(Code::SchemaInvalid));
        }
    };
    if let Some(job) = &arguments.job {
        known_to(job, &arguments.file, context).await?;
    }
    let path = arguments
        .cases
        .clone()
        .unwrap_or_else(|| beside(&arguments.file));
    let file = cases::read(&read(&path)?)
        .map_err(|text| Failure::text(Code::RequestInvalid, path.display().to_string(), text))?;
    let outcomes = cases::run(&rules, &file);
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.differences.is_empty())
        .count();
    let report = Report {
        passed: outcomes.len() - failed,
        failed,
        cases: outcomes,
    };
    context.output.data(&report, people)?;
    match failed {
        0 => Ok(()),
        _ => Err(Failure::silent(Code::SchemaInvalid)),
    }
}

/// `rules.json` → `rules.tests.json`.
fn beside(rules: &Path) -> PathBuf {
    rules.with_extension("tests.json")
}

/// The rules have to fit the systems of a job.
async fn known_to(job: &str, file: &Path, context: &Context) -> Result<(), Failure> {
    let report = check::of_job(job, file, context).await?;
    if report.is_valid {
        return Ok(());
    }
    context.output.data(&report, check::people)?;
    Err(Failure::silent(Code::SchemaInvalid))
}

fn people(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        if case.differences.is_empty() {
            text.push_str(&format!("ok    {}\n", one_line(&case.name)));
            continue;
        }
        text.push_str(&format!("FAIL  {}\n", one_line(&case.name)));
        for difference in &case.differences {
            text.push_str(&format!(
                "      {}\n        expected: {}\n        got:      {}\n",
                one_line(&difference.what),
                one_line(&difference.expected),
                one_line(&difference.got)
            ));
        }
    }
    let total = plural(report.cases.len() as u64, "case");
    text.push_str(&format!("{total}, {} failed", report.failed));
    text
}
