//! `hybridge job show [JOB]`.

use clap::Args;
use wire::api::v1::Job;

use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::fields,
    show::time,
};

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
    /// Print the rules (synchronizationSchema JSON) instead
    #[arg(long)]
    rules: bool,
}

/// Shows a job, or its rules.
///
/// # Errors
/// `NotFound`.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let job: Job = client
        .get(&format!("jobs/{}", segment(&job.id)), &[])
        .await?;
    if arguments.rules {
        let rules = job.rules.unwrap_or_default();
        return context.output.data(&rules, |rules| {
            serde_json::to_string_pretty(rules).unwrap_or_default()
        });
    }
    context.output.data(&job, people)
}

/// A job in words.
pub fn people(job: &Job) -> String {
    let number = |value: Option<u64>, unit: &str| {
        value
            .map(|value| format!("{value}{unit}"))
            .unwrap_or_default()
    };
    let settings = &job.settings;
    let limit = |value: Option<u64>, unit: &str| match value {
        Some(0) => "off".to_owned(),
        value => number(value, unit),
    };
    let on_or_off = |value: Option<bool>| match value {
        Some(true) => "on".to_owned(),
        Some(false) => "off".to_owned(),
        None => String::new(),
    };
    fields(&[
        ("name", job.name.clone()),
        ("id", job.id.clone()),
        ("source", job.source.name.clone()),
        ("target", job.target.name.clone()),
        ("state", job.state.clone()),
        ("created", time(&job.created_at)),
        ("rules version", job.rules_version.to_string()),
        ("guard: count", limit(settings.guard_count, "")),
        ("guard: part", limit(settings.guard_percent, " %")),
        ("guard: window", number(settings.guard_window_seconds, " s")),
        (
            "guard: of a group",
            limit(settings.guard_group_percent, " %"),
        ),
        ("guard: memberships", limit(settings.guard_memberships, "")),
        ("approval expires", number(settings.approval_seconds, " s")),
        (
            "grace for leavers",
            limit(settings.leaver_grace_days, " days"),
        ),
        ("settle time", number(settings.settle_seconds, " s")),
        ("interval", number(settings.interval_seconds, " s")),
        ("doorbell", on_or_off(settings.doorbell)),
        ("hard match", on_or_off(settings.hard_match)),
        ("soft match", on_or_off(settings.soft_match)),
        (
            "match administrators",
            on_or_off(settings.match_administrators),
        ),
        (
            "set conflicts aside",
            on_or_off(settings.set_conflicts_aside),
        ),
        (
            "quarantine after",
            number(
                settings.quarantine_after_failures.map(u64::from),
                " failures",
            ),
        ),
        ("spacing", number(settings.minimum_spacing_seconds, " s")),
        (
            "reconcile",
            match settings.reconcile {
                Some(wire::api::v1::Reconcile::Report) => "report".into(),
                Some(wire::api::v1::Reconcile::Correct) => "correct".into(),
                Some(wire::api::v1::Reconcile::Off) => "off".into(),
                None => String::new(),
            },
        ),
        ("reconcile every", number(settings.reconcile_hours, " h")),
    ])
}
