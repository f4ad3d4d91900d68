//! `hybridge rules set FILE` and `hybridge rules rollback NUMBER`: what would differ first, and with `--yes` in force.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sync_core::{
    code::Code,
    schema::{diff, read::Schema},
};
use wire::api::v1::{
    Job, NewRules, Rollback, Rules, RulesDiff, RulesReport, RulesToCheck, RulesVersion,
};

use super::{Which, check, diff as differences, rules_file, rules_of};
use crate::{
    client::Client,
    commands::{
        Context,
        preview::running::{self, Preview},
        segment,
    },
    failure::Failure,
};

/// Arguments of `set`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Rules (synchronizationSchema JSON)
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

/// Arguments of `rollback`.
#[derive(Args, Debug)]
pub struct RollbackArguments {
    /// The version whose rules are to be in force again
    #[arg(value_name = "VERSION")]
    number: u64,
    #[command(flatten)]
    how: How,
}

/// What new rules would do.
#[derive(Serialize)]
struct Proposal {
    diff: RulesDiff,
    preview: Preview,
}

/// How rules are put in force.
#[derive(Args, Debug)]
struct How {
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Carry it out
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    which: Which,
}

/// Puts rules in force.
///
/// # Errors
/// `SchemaInvalid` with all mistakes; `Conflict` if others changed the rules meanwhile.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let rules = rules_file(&arguments.file)?;
    let client = context.client()?;
    let job = context
        .job(&client, arguments.how.which.job.as_deref())
        .await?;
    let current = rules_of(&client, &job, None).await?;
    if !shows(&client, &job, &current, &rules, &arguments.how, context).await? {
        return Ok(());
    }
    let new = NewRules {
        rules,
        why: arguments.how.why.clone(),
        expected_version: Some(current.version),
    };
    let path = format!("jobs/{}/rules", segment(&job.id));
    done(client.post(&path, &new).await?, context)
}

/// Puts the rules of an earlier version in force again.
///
/// # Errors
/// `NotFound`; `SchemaInvalid` if they would not pass the check today.
pub async fn rollback(arguments: &RollbackArguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context
        .job(&client, arguments.how.which.job.as_deref())
        .await?;
    let current = rules_of(&client, &job, None).await?;
    let earlier = rules_of(&client, &job, Some(arguments.number)).await?;
    let rules = &earlier.rules;
    if !shows(&client, &job, &current, rules, &arguments.how, context).await? {
        return Ok(());
    }
    let asked = Rollback {
        version: arguments.number,
        why: arguments.how.why.clone(),
        expected_version: Some(current.version),
    };
    let path = format!("jobs/{}/rules/rollback", segment(&job.id));
    done(client.post(&path, &asked).await?, context)
}

/// Shows what new rules would do. Says whether to go on.
async fn shows(
    client: &Client,
    job: &Job,
    current: &Rules,
    rules: &serde_json::Value,
    how: &How,
    context: &Context,
) -> Result<bool, Failure> {
    let asked = RulesToCheck {
        rules: rules.clone(),
    };
    let path = format!("jobs/{}/rules/check", segment(&job.id));
    let report: RulesReport = client.post(&path, &asked).await?;
    if !report.is_valid {
        context.output.data(&report, check::people)?;
        return Err(Failure::silent(Code::SchemaInvalid));
    }
    if how.yes {
        return Ok(true);
    }
    let schema = |json: &serde_json::Value| {
        serde_json::from_value::<Schema>(json.clone())
            .map_err(|error| Failure::text(Code::SchemaInvalid, "the rules", error.to_string()))
    };
    let changes = diff::diff(&schema(&current.rules)?, &schema(rules)?);
    let shown = RulesDiff {
        from: current.version.to_string(),
        to: "the new rules".into(),
        changes: changes.into_iter().map(Into::into).collect(),
    };
    let preview = running::ask(client, job, Some(rules.clone()), context.output).await?;
    let proposal = Proposal {
        diff: shown,
        preview,
    };
    context.output.data(&proposal, |proposal| {
        format!(
            "{}\n\nif these rules were in force:\n{}",
            differences::people(&proposal.diff),
            running::counts(&proposal.preview)
        )
    })?;
    context
        .output
        .say("nothing is changed yet; say --yes to put these rules in force");
    Ok(false)
}

fn done(version: RulesVersion, context: &Context) -> Result<(), Failure> {
    context.output.data(&version, |version| {
        format!("version {} is in force", version.version)
    })
}
