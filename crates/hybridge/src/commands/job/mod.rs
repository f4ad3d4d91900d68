//! `hybridge job`: what flows where.

mod create;
mod cycle;
mod list;
mod remove;
mod settings;
mod show;
mod state;

use clap::{Args, Subcommand};
use wire::api::v1::JobSettings;

use super::Context;
use crate::failure::Failure;

/// Verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Create a job from a source connector into the tenant directory
    Create(create::Arguments),
    /// List jobs
    List,
    /// Show one job
    Show(show::Arguments),
    /// Start a job, or go on with it
    Start(Which),
    /// Pause a job; everything it knows is kept
    Pause(Which),
    /// Forget what a job knows of its position, its failures and its quarantine, and look at every object again
    #[command(
        after_help = "Known: Watermark (read position), Escrows (failed objects and their counters), QuarantineState, ConnectorDataStore (what was exported is read back), Full (all of these, and the links between source and target objects), ForceDeletes (lets the deletions go that are held), None.\nWithout --reset: QuarantineState, Watermark and Escrows. Links survive everything except Full."
    )]
    Restart(cycle::Restart),
    /// Read the source now, and do what follows from it
    Sync(Which),
    /// How a job stands: last cycles, failures in a row, quarantine
    Status(Which),
    /// Put a job into quarantine until somebody clears it
    Quarantine(cycle::Quarantine),
    /// End a quarantine and try at once, from where the job was
    Clear(Which),
    /// Provision one object, everything below a container, or a group with its members, now
    Provision(cycle::Provision),
    /// Compare the target with what was left there
    Reconcile(cycle::Reconciling),
    /// Remove a job: first what it comes to, then with a decision about its objects
    Delete(remove::Arguments),
    /// Change the settings of a job
    Settings(settings::Arguments),
}

/// Which job.
#[derive(Args, Debug)]
pub struct Which {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
}

/// Settings of a job on the command line.
#[derive(Args, Debug, Default)]
pub struct Settings {
    /// The guard holds at this many objects that lose something; 0: not by count
    #[arg(long, value_name = "COUNT")]
    guard_count: Option<u64>,
    /// The guard holds at this part of the linked objects; 0: not by part
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..=100))]
    guard_percent: Option<u64>,
    /// The guard holds a group that loses this part of its members; 0: never
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u64).range(0..=100))]
    guard_group_percent: Option<u64>,
    /// The guard holds at this many memberships removed from all groups together; 0: never
    #[arg(long, value_name = "COUNT")]
    guard_memberships: Option<u64>,
    /// How long what was allowed may wait to be carried out; then it is held again
    #[arg(long, value_name = "SECONDS")]
    approval_expires: Option<u64>,
    /// Who leaves is disabled at once and deleted after so many days; 0: deleted at once
    #[arg(long, value_name = "DAYS")]
    leaver_grace: Option<u64>,
    /// Length of the guard's sliding window
    #[arg(long, value_name = "SECONDS")]
    guard_window: Option<u64>,
    /// How long deletions wait after the last change was planned
    #[arg(long, value_name = "SECONDS")]
    settle: Option<u64>,
    /// How often the source is asked for changes
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    interval: Option<u64>,
    /// Whether the source is asked to tell of changes, so that they are read at once (without it: every interval)
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    doorbell: Option<bool>,
    /// Whether what leaves the scope stays in the target as it is
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    skip_out_of_scope_deletions: Option<bool>,
    /// Whether an object of the target that carries the source anchor is taken over
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    hard_match: Option<bool>,
    /// Whether an object of the target that is found by a matching attribute is taken over
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    soft_match: Option<bool>,
    /// Whether accounts of the target that hold administrative roles are taken over, too
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    match_administrators: Option<bool>,
    /// Whether a name or address that another object holds is set aside, so that the rest of the object is written
    #[arg(long, value_name = "ON|OFF", value_parser = on_or_off)]
    set_conflicts_aside: Option<bool>,
    /// Cycles in a row that fail completely until the job is quarantined; a refused credential does it at once
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    quarantine_after: Option<u32>,
    /// Least time from the beginning of one cycle to the next
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    spacing: Option<u64>,
    /// What is done about changes made in the target by others: `off`, `report` or `correct`
    #[arg(long, value_name = "WHAT", value_parser = reconcile)]
    reconcile: Option<wire::api::v1::Reconcile>,
    /// Time between two such comparisons
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=8_760))]
    reconcile_hours: Option<u64>,
}

/// `off`, `report` or `correct` on the command line.
fn reconcile(text: &str) -> Result<wire::api::v1::Reconcile, String> {
    use wire::api::v1::Reconcile;
    match text {
        "off" => Ok(Reconcile::Off),
        "report" => Ok(Reconcile::Report),
        "correct" => Ok(Reconcile::Correct),
        _ => Err("say `off`, `report` or `correct`".into()),
    }
}

/// `on` or `off` on the command line.
///
/// # Errors
/// Anything else, in words.
pub fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("say `on` or `off`".into()),
    }
}

impl From<&Settings> for JobSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            guard_count: settings.guard_count,
            guard_percent: settings.guard_percent,
            guard_window_seconds: settings.guard_window,
            guard_group_percent: settings.guard_group_percent,
            guard_memberships: settings.guard_memberships,
            approval_seconds: settings.approval_expires,
            leaver_grace_days: settings.leaver_grace,
            settle_seconds: settings.settle,
            interval_seconds: settings.interval,
            doorbell: settings.doorbell,
            skip_out_of_scope_deletions: settings.skip_out_of_scope_deletions,
            hard_match: settings.hard_match,
            soft_match: settings.soft_match,
            match_administrators: settings.match_administrators,
            set_conflicts_aside: settings.set_conflicts_aside,
            quarantine_after_failures: settings.quarantine_after,
            minimum_spacing_seconds: settings.spacing,
            reconcile: settings.reconcile,
            reconcile_hours: settings.reconcile_hours,
        }
    }
}

/// Carries out a verb.
///
/// # Errors
/// By code.
pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create::run(&arguments, context).await,
        Command::List => list::run(context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Start(which) => state::run(&which, state::Act::Start, context).await,
        Command::Pause(which) => state::run(&which, state::Act::Pause, context).await,
        Command::Restart(arguments) => cycle::restart(&arguments, context).await,
        Command::Sync(which) => state::run(&which, state::Act::Sync, context).await,
        Command::Status(which) => cycle::status(&which, context).await,
        Command::Quarantine(arguments) => cycle::quarantine(&arguments, context).await,
        Command::Clear(which) => state::run(&which, state::Act::Clear, context).await,
        Command::Provision(arguments) => cycle::provision(&arguments, context).await,
        Command::Reconcile(arguments) => cycle::reconcile(&arguments, context).await,
        Command::Delete(arguments) => remove::run(&arguments, context).await,
        Command::Settings(arguments) => settings::run(&arguments, context).await,
    }
}
