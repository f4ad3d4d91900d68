//! How a job stands, in the fields of the original's status.
//!
//! Read from what is stored; nothing here writes. Trap: a quarantine of the guard's does not slow the job, but is told as
//! one, because that is where administrators of the original look for it.

use std::collections::BTreeMap;

use engine::{Engine, JobRow, JobState, RunRow, StoreError};
use sync_core::{
    code::Blame,
    cycle::{Reason, quarantine::Quarantine},
    operation::Refusal,
};
use wire::api::v1::{
    KeyedCount, SynchronizationError, SynchronizationProgress, SynchronizationQuarantine,
    SynchronizationStatus, TaskExecution,
};

use crate::{
    api::convert::{time, time_option},
    scheduler::Activity,
};

/// The status of a job.
///
/// # Errors
/// Of the store.
pub fn of(
    engine: &Engine,
    job: &JobRow,
    activity: &Activity,
) -> Result<SynchronizationStatus, StoreError> {
    let standing = engine.standing(job.id)?;
    let runs = engine.last_runs(job.id)?;
    let numbers = engine.job_numbers(job.id, false)?;
    let held = standing.standing.quarantine;
    let code = match (held, job.state) {
        (Some(_), _) => "Quarantine",
        (None, JobState::Paused) if runs.last.is_none() && standing.steady_first.is_none() => {
            "NotRun"
        }
        (None, JobState::Paused) => "Paused",
        (None, JobState::Active) => "Active",
    };
    let rest = numbers.to_plan.saturating_add(numbers.to_export);
    let is_under_way = activity.run.is_some() || rest > 0;
    let progress = is_under_way.then(|| SynchronizationProgress {
        completed_units: activity.planned,
        total_units: activity.planned.saturating_add(numbers.to_plan),
        progress_observation_date_time: time(engine.now()),
        units: "objects".into(),
    });
    Ok(SynchronizationStatus {
        code: code.into(),
        count_successive_complete_failures: u64::from(standing.standing.in_a_row),
        escrows_pruned: standing.standing.are_escrows_pruned,
        last_execution: runs.last.as_ref().map(execution),
        last_successful_execution: runs.successful.as_ref().map(execution),
        last_successful_execution_with_exports: runs.with_exports.as_ref().map(execution),
        progress: progress.into_iter().collect(),
        quarantine: held
            .map(|held| quarantine(&held, standing.standing.error.as_ref(), activity.next_look)),
        steady_state_first_achieved_time: time_option(standing.steady_first),
        steady_state_last_achieved_time: time_option(standing.steady_last),
        synchronized_entry_count_by_type: by_type(&numbers.linked),
        troubleshooting_url: String::new(),
    })
}

fn by_type(linked: &BTreeMap<String, u64>) -> Vec<KeyedCount> {
    let count = |(class, value): (&String, &u64)| KeyedCount {
        key: format!("{} to {class}", class.to_lowercase()),
        value: *value,
    };
    linked.iter().map(count).collect()
}

/// A quarantine as shown. `next_look`: when it is looked whether its cause is gone, unix ms.
pub fn quarantine(
    held: &Quarantine,
    error: Option<&Refusal>,
    next_look: Option<i64>,
) -> SynchronizationQuarantine {
    SynchronizationQuarantine {
        current_began: time(held.current_began),
        next_attempt: time_option(held.next_attempt),
        next_look: time_option(next_look),
        reason: held.reason.name().into(),
        series_began: time(held.series_began),
        series_count: u64::from(held.series_count),
        error: error.map(problem),
    }
}

fn problem(why: &Refusal) -> SynchronizationError {
    SynchronizationError {
        code: why.code.name().into(),
        message: why.to_string(),
        tenant_actionable: why.code.blame() != Blame::Us,
    }
}

/// A cycle that ended, as shown.
pub fn execution(run: &RunRow) -> TaskExecution {
    let count = |names: &[&str]| -> u64 {
        let number = |name: &&str| run.counts.get(*name).and_then(|count| count.as_u64());
        names.iter().filter_map(number).sum()
    };
    let planned = count(&["planned"]);
    TaskExecution {
        activity_identifier: run.guid.to_string(),
        count_entitled: planned.saturating_sub(count(&["skipped"])),
        count_entitled_for_provisioning: count(&["operations"]),
        count_escrowed: count(&["failed", "unplannable"]),
        count_escrowed_raw: count(&["failed", "unplannable", "stale", "unknown"]),
        count_exported: count(&["created", "updated", "disabled", "deleted", "restored"]),
        count_exports: count(&["exported"]),
        count_imported: count(&["read"]),
        count_imported_deltas: planned,
        count_imported_reference_deltas: count(&["references"]),
        error: run.failure.as_ref().map(problem),
        state: match run.state.as_str() {
            "succeeded" => "Succeeded",
            "entryLevelErrors" => "EntryLevelErrors",
            _ => "Failed",
        }
        .into(),
        time_began: time(run.started_at),
        time_ended: time(run.ended_at.unwrap_or(run.started_at)),
    }
}

/// What a quarantine means, in one sentence for people.
pub fn sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::EncounteredBaseEscrowThreshold => "more than 40 000 objects fail",
        Reason::EncounteredTotalEscrowThreshold => {
            "more than 60 000 objects fail, references included"
        }
        Reason::EncounteredEscrowProportionThreshold => "more than 40 % of all objects fail",
        Reason::EncounteredQuarantineException => {
            "a credential is refused, or source or target cannot be reached"
        }
        Reason::QuarantinedOnDemand => "an administrator wanted it",
        Reason::TooManyDeletes => "the guard holds deletions; everything else flows on",
        Reason::IngestionInterrupted => "reading the source breaks off again and again",
        Reason::Unknown => "of an unknown reason",
    }
}
