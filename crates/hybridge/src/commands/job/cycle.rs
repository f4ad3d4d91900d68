//! `hybridge job restart|status|quarantine|provision|reconcile`: cycles of a job.

use clap::Args;
use sync_core::{code::Code, cycle::Reset};
use wire::api::v1::{
    Demand, Job, OnDemand, OnDemandReport, Reconciled, Reconciling as Wanted, Restart as Criteria,
    SynchronizationStatus, TaskExecution,
};

use super::Which;
use crate::{
    commands::{Context, segment},
    failure::Failure,
    output::{fields, table},
    show::time,
};

/// `job restart`.
#[derive(Args, Debug)]
pub struct Restart {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
    /// What is forgotten, such as Watermark,Escrows
    #[arg(long, value_name = "FLAGS", default_value = "")]
    reset: String,
    /// Yes, forget the links (Full), or let all deletions go that are held (ForceDeletes)
    #[arg(long)]
    yes: bool,
}

/// `job quarantine`.
#[derive(Args, Debug)]
pub struct Quarantine {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
    /// Why, for whoever finds it so
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
}

/// `job provision`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Provision {
    /// One object: anchor, DN, UPN or account name; it may be new
    #[arg(long, group = "what")]
    object: Option<String>,
    /// Everything below this container
    #[arg(long, group = "what", value_name = "DN")]
    container: Option<String>,
    /// This group and its members
    #[arg(long, group = "what")]
    group: Option<String>,
    /// Name or id of the job; may be left out if there is only one
    #[arg(long)]
    job: Option<String>,
}

/// `job reconcile`.
#[derive(Args, Debug)]
pub struct Reconciling {
    /// Name or id of the job; may be left out if there is only one
    job: Option<String>,
    /// Put right what is found, through the guard
    #[arg(long, conflicts_with = "report")]
    correct: bool,
    /// Only tell, whatever the job's setting says
    #[arg(long)]
    report: bool,
}

/// Restarts a job.
///
/// # Errors
/// `RequestInvalid` for a flag that is none, or for what needs a yes.
pub async fn restart(arguments: &Restart, context: &Context) -> Result<(), Failure> {
    let invalid = |text: String| Failure::text(Code::RequestInvalid, "--reset", text);
    let reset = Reset::parse(&arguments.reset).map_err(invalid)?;
    if !arguments.yes && (reset.has_links() || reset.has(Reset::FORCE_DELETES)) {
        let text = match reset.has_links() {
            true => {
                "Full forgets which target object belongs to which source object: all are matched again, and what was deleted in the source meanwhile stays in the target; say --yes if that is meant"
            }
            false => {
                "ForceDeletes lets all deletions go that are held (`hybridge deletes list`); say --yes if that is meant"
            }
        };
        return Err(Failure::text(Code::RequestInvalid, "the arguments", text));
    }
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let criteria = Criteria {
        reset_scope: reset.to_string(),
    };
    let path = format!("jobs/{}/restart", segment(&job.id));
    let job: Job = client.post(&path, &criteria).await?;
    context.output.data(&job, |job| {
        format!("job {} is restarted ({reset})", job.name)
    })
}

/// Puts a job into quarantine.
///
/// # Errors
/// `NotFound`.
pub async fn quarantine(arguments: &Quarantine, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let demand = Demand {
        text: arguments.why.clone(),
    };
    let path = format!("jobs/{}/quarantine", segment(&job.id));
    let job: Job = client.post(&path, &demand).await?;
    context.output.data(&job, |job| {
        format!(
            "job {} is in quarantine until `hybridge job clear {}`",
            job.name, job.name
        )
    })
}

/// Shows how a job stands.
///
/// # Errors
/// `NotFound`.
pub async fn status(which: &Which, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, which.job.as_deref()).await?;
    let path = format!("jobs/{}/status", segment(&job.id));
    let status: SynchronizationStatus = client.get(&path, &[]).await?;
    context.output.data(&status, people)
}

fn people(status: &SynchronizationStatus) -> String {
    let execution = |run: &Option<TaskExecution>| {
        run.as_ref().map_or("-".to_owned(), |run| {
            let error = run
                .error
                .as_ref()
                .map_or(String::new(), |error| format!(", {}", error.code));
            format!(
                "{}, ended {}, exported {}, failed {}{error}",
                run.state,
                time(&run.time_ended),
                run.count_exported,
                run.count_escrowed
            )
        })
    };
    let moment = |at: &Option<String>| at.as_ref().map_or("-".to_owned(), |at| time(at));
    let mut all = vec![
        ("state", status.code.clone()),
        (
            "failures in a row",
            status.count_successive_complete_failures.to_string(),
        ),
        ("last cycle", execution(&status.last_execution)),
        ("last success", execution(&status.last_successful_execution)),
        (
            "last with exports",
            execution(&status.last_successful_execution_with_exports),
        ),
        (
            "first in step",
            moment(&status.steady_state_first_achieved_time),
        ),
        (
            "last in step",
            moment(&status.steady_state_last_achieved_time),
        ),
    ];
    if status.escrows_pruned {
        all.push(("given up", "what failed in the initial cycle".into()));
    }
    if let Some(held) = &status.quarantine {
        let next = match &held.next_attempt {
            Some(at) => time(at),
            None => "when somebody clears it".into(),
        };
        all.push(("quarantine", held.reason.clone()));
        all.push(("since", time(&held.series_began)));
        all.push(("left in effect", format!("{} times", held.series_count)));
        all.push(("next attempt", next));
        if let Some(at) = &held.next_look {
            all.push(("next look", time(at)));
        }
        if let Some(error) = &held.error {
            all.push(("because of", error.message.clone()));
        }
    }
    fields(&all)
}

/// Provisions on demand.
///
/// # Errors
/// `Conflict` if the job does not run; `NotFound` if the source has no such object.
pub async fn provision(arguments: &Provision, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let wanted = OnDemand {
        object: arguments.object.clone(),
        container: arguments.container.clone(),
        group: arguments.group.clone(),
    };
    let path = format!("jobs/{}/provision", segment(&job.id));
    let report: OnDemandReport = client.post(&path, &wanted).await?;
    context.output.data(&report, provisioned)
}

fn provisioned(report: &OnDemandReport) -> String {
    let rows = report.records.iter().map(|record| {
        vec![
            record.provisioning_action.clone(),
            record.status.clone(),
            record.source_identity.display_name.clone(),
            record.summary.clone(),
        ]
    });
    let headers = ["ACTION", "STATUS", "NAME", "WHAT"];
    let list = table(&headers, rows.collect(), "nothing had to be done");
    let rest = match report.unfinished {
        0 => String::new(),
        rest => format!("; {rest} are still being worked at (`hybridge pending`)"),
    };
    format!(
        "{}\n{} objects looked at, cycle {}{rest}",
        list.trim_end(),
        report.objects,
        report.cycle_id
    )
}

/// Compares the target with what was left there.
///
/// # Errors
/// If the target cannot be read to its end.
pub async fn reconcile(arguments: &Reconciling, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let job = context.job(&client, arguments.job.as_deref()).await?;
    let wanted = Wanted {
        correct: match (arguments.correct, arguments.report) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        },
    };
    let path = format!("jobs/{}/reconcile", segment(&job.id));
    let report: Reconciled = client.post(&path, &wanted).await?;
    context.output.data(&report, reconciled)
}

fn reconciled(report: &Reconciled) -> String {
    let rows = report.first.iter().map(|one| {
        vec![
            one.kind.clone(),
            one.name.clone(),
            one.target.clone(),
            one.attributes.join(", "),
        ]
    });
    let headers = ["WHAT", "NAME", "TARGET", "ATTRIBUTES"];
    let list = table(&headers, rows.collect(), "the target is as it was left");
    let acted = match report.is_corrected {
        true => "being put right",
        false => "only reported",
    };
    format!(
        "{}\n{} of {} objects compared: {} changed, {} missing, {} unknown; {acted}",
        list.trim_end(),
        report.compared,
        report.target_objects,
        report.changed,
        report.missing,
        report.unknown
    )
}
