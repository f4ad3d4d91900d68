//! How jobs are doing.

use axum::{Json, extract::State};
use engine::{ConnectorRow, Engine, JobNumbers, JobRow, JobState, ReadRow, StoreError};
use wire::api::v1::{
    DoorbellStatus, JobStatus, Lag, Named, Page, Phase, Progress, Run, SourceStatus, UnderWay,
};

use super::{
    convert::{named, position, time, time_option},
    error::Answer,
    extract::{Parameters, Slice},
    runs,
};
use crate::{agents::blocking, app::App, cycles, doorbell::Doorbell, scheduler::Activity};

/// Everything stored that a status is made of.
struct Stored {
    job: JobRow,
    source: ConnectorRow,
    numbers: JobNumbers,
    read: Option<ReadRow>,
    run: Option<Run>,
    agents: Vec<engine::AgentRow>,
    standing: engine::JobStanding,
    is_staged: bool,
}

/// `GET /status`: of one job, or of all.
pub async fn status(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<JobStatus>> {
    let detail = slice.detail.unwrap_or(false);
    let all = blocking(app.engine(), move |engine| {
        let jobs = match slice.job {
            Some(name) => vec![engine.job_named(&name)?],
            None => engine.jobs()?,
        };
        jobs.into_iter()
            .map(|job| stored(engine, job, detail))
            .collect::<Result<Vec<_>, _>>()
    })
    .await?;
    let items = all.into_iter().map(|stored| shown(&app, stored)).collect();
    Ok(Json(Page::whole(items)))
}

fn stored(engine: &Engine, job: JobRow, detail: bool) -> Result<Stored, StoreError> {
    Ok(Stored {
        source: engine.connector(job.source)?,
        numbers: engine.job_numbers(job.id, detail)?,
        read: engine.last_read(job.source)?,
        run: engine
            .runs(Some(job.id), None, 1)?
            .first()
            .map(|row| runs::shown(row, Some(&job.name))),
        agents: engine.agents()?,
        standing: engine.standing(job.id)?,
        is_staged: engine.is_staged(job.id)?,
        job,
    })
}

// LONG: one field after the other.
fn shown(app: &App, stored: Stored) -> JobStatus {
    let Stored {
        job,
        source,
        numbers,
        read,
        run,
        agents,
        standing,
        is_staged,
    } = stored;
    let activity = app.activity(job.id);
    let now = app.engine().now();
    let is_reading = activity.reading.is_some();
    let phase = phase(&source, &numbers, &activity);
    let doorbell = app.doorbell(source.id);
    let comparing = app.comparing(source.id);
    let lag = oldest(&numbers, &doorbell).map(|since| Lag {
        since: time(since),
        age_ms: now.saturating_sub(since).max(0).unsigned_abs(),
    });
    // What the store could not remember, because it was the store that failed.
    let failure = job.failure.as_ref().or(activity.failure.as_ref());
    let mut position = position(&source);
    if position.failure.is_none() {
        position.failure = activity.read_failure.as_ref().map(Into::into);
    }
    let is_failing = failure.is_some() || position.failure.is_some();
    let serves = |row: &&engine::AgentRow| {
        row.revoked_at.is_none() && app.desk().is_connected(row.id) && hosts(row, &source.name)
    };
    JobStatus {
        job: Named {
            id: job.guid.clone(),
            name: job.name.clone(),
        },
        state: match standing.standing.lets_try(now) {
            false if job.state == JobState::Active => "quarantine".into(),
            _ => match state(&job, &source, &numbers, is_failing) {
                "active" | "held" if is_staged => "staging".into(),
                state => state.into(),
            },
        },
        quarantine: standing.standing.quarantine.map(|held| {
            let error = standing.standing.error.as_ref();
            cycles::status::quarantine(&held, error, activity.next_look)
        }),
        is_busy_too_long: standing.is_busy_too_long(now),
        phase,
        progress: progress(&numbers, &activity, read.as_ref(), now),
        lag,
        situations: numbers.situations,
        linked: numbers.linked,
        escrow: numbers.escrow,
        escrow_codes: numbers.escrow_codes,
        skipped_codes: numbers.skipped,
        held_deletions: numbers.held,
        waiting_references: numbers.waiting_references,
        failure: failure.map(Into::into),
        retry_at: time_option(job.retry_at.filter(|_| job.failure.is_some())),
        notice: activity.notice.as_ref().map(Into::into),
        guard: job.guard.as_ref().map(Into::into),
        source: SourceStatus {
            connector: named(&source),
            position,
            reading: read
                .filter(|read| is_reading && read.state == "open")
                .map(|read| UnderWay {
                    mode: read.mode,
                    entries: read.entries,
                    started_at: time(read.started_at),
                }),
            comparing: comparing.since.map(|since| UnderWay {
                mode: "comparison".into(),
                entries: comparing.listed,
                started_at: time(since),
            }),
            comparison_failure: comparing.failure.as_ref().map(Into::into),
            agents_connected: agents.iter().filter(serves).count() as u64,
            doorbell: DoorbellStatus {
                state: doorbell.state.word().into(),
                rings: doorbell.rings,
                rang_at: time_option(doorbell.rang_at),
                why: doorbell.why.as_ref().map(Into::into),
            },
        },
        run,
    }
}

/// When the oldest change that is not visible yet was heard of: read and not exported, or rung for and not read.
pub(super) fn oldest(numbers: &JobNumbers, doorbell: &Doorbell) -> Option<i64> {
    let heard = [numbers.oldest, doorbell.unanswered_since];
    heard.into_iter().flatten().min()
}

/// Whether an agent says that it has settings for a connector.
pub(crate) fn hosts(row: &engine::AgentRow, connector: &str) -> bool {
    let all = row.facts.get("connectors").and_then(|all| all.as_array());
    let name = |one: &serde_json::Value| {
        let name = one
            .get("connector")
            .or_else(|| one.get("name"))
            .unwrap_or(one);
        name.as_str() == Some(connector)
    };
    all.is_some_and(|all| all.iter().any(name))
}

fn state(
    job: &JobRow,
    source: &ConnectorRow,
    numbers: &JobNumbers,
    is_failing: bool,
) -> &'static str {
    if job.state == JobState::Paused {
        "paused"
    } else if source.suspect.is_some() {
        "distrustful"
    } else if is_failing {
        "failing"
    } else if job.guard.is_some() || numbers.held > 0 {
        "held"
    } else {
        "active"
    }
}

/// Initial until the source was read completely and everything of that is visible once.
fn phase(source: &ConnectorRow, numbers: &JobNumbers, activity: &Activity) -> Phase {
    let is_caught_up =
        numbers.to_plan == 0 && numbers.references_to_plan == 0 && numbers.to_export == 0;
    match source.complete_reads > 0 && (is_caught_up || activity.idle_at.is_some()) {
        true => Phase::Incremental,
        false => Phase::Initial,
    }
}

fn progress(
    numbers: &JobNumbers,
    activity: &Activity,
    read: Option<&ReadRow>,
    now: i64,
) -> Progress {
    let rest = numbers.to_plan.saturating_add(numbers.to_export);
    let is_moving = numbers.per_second > 0.1 && rest > 0;
    let expected = is_moving.then(|| {
        let ms = rest as f64 / numbers.per_second * 1_000.0;
        time(now.saturating_add(ms as i64))
    });
    Progress {
        read: read.map_or(activity.read, |read| read.entries),
        planned: activity.planned,
        exported: activity.exported,
        to_plan: numbers.to_plan.saturating_add(numbers.references_to_plan),
        to_export: numbers.to_export,
        objects_per_second: (numbers.per_second * 10.0).round() / 10.0,
        expected_end: expected,
    }
}
