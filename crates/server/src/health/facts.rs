//! The facts conditions are worked out from, gathered from stores, desk and machine.
//!
//! Decides nothing. Trap: it runs every half minute, so it only asks what has an index.

use engine::{ConnectorRow, Engine, JobRow, JobState, StoreError};
use sync_core::{
    health::{AgentFacts, Facts, JobFacts, ServerFacts, SourceFacts},
    operation::Refusal,
};

use super::Machine;
use crate::{agents::blocking, api::status::hosts, app::App, notify::LAST_FAILURE};

/// Objects named with an alert.
const NAMED: usize = 10;

/// Gathers them.
pub(super) async fn gather(app: &App, machine: &Machine) -> Result<Facts, Refusal> {
    let own = app.clone();
    let mut facts = blocking(app.engine(), move |engine| stored(&own, engine)).await?;
    let directory = app.clone();
    let ends = tokio::task::spawn_blocking(move || directory.credential_ends()).await;
    facts.server = ServerFacts {
        started: app.started().as_millisecond(),
        memory: machine.memory,
        memory_limit: machine.memory_limit,
        processor_percent: machine.processor_percent(),
        disk_free: machine.disk_free,
        disk_size: machine.disk_size,
        credential_ends: ends.ok().flatten(),
        authority_ends: Some(app.authority().issuing().life().1.as_millisecond()),
        messages_fail: facts.server.messages_fail,
    };
    Ok(facts)
}

fn stored(app: &App, engine: &Engine) -> Result<Facts, StoreError> {
    let (jobs, agents) = (engine.jobs()?, engine.agents()?);
    let mut facts = Facts::default();
    for job in &jobs {
        facts.jobs.push(of_job(app, engine, job)?);
    }
    let times = engine.creation_times()?;
    for source in engine.connectors()? {
        let read_by: Vec<&JobRow> = jobs.iter().filter(|job| job.source == source.id).collect();
        if !read_by.is_empty() {
            let made = times.get(&source.guid).copied().unwrap_or_default();
            facts
                .sources
                .push(of_source(app, &source, &read_by, &agents, made));
        }
    }
    facts.agents = agents
        .iter()
        .filter(|row| row.revoked_at.is_none())
        .map(|row| AgentFacts {
            id: row.id.0,
            name: row.name.clone(),
            is_connected: app.desk().is_connected(row.id),
            last_seen: row.last_seen,
            certificate_ends: row.certificate.not_after,
        })
        .collect();
    let failing = engine.setting(LAST_FAILURE)?;
    facts.server.messages_fail = failing.filter(|text| !text.is_empty());
    Ok(facts)
}

fn of_job(app: &App, engine: &Engine, job: &JobRow) -> Result<JobFacts, StoreError> {
    let now = engine.now();
    let standing = engine.standing(job.id)?;
    let numbers = engine.job_numbers(job.id, false)?;
    let slowed = standing
        .standing
        .quarantine
        .filter(|held| held.reason.slows());
    let activity = app.activity(job.id);
    let held = match numbers.held {
        0 => Vec::new(),
        _ => engine.staged_deletes(job.id, 0, NAMED)?,
    };
    let mut failing_names = Vec::new();
    if numbers.escrow > 0 {
        for row in engine.escrows(job.id, None, None, NAMED)? {
            let found = engine.space_object(engine::object_of(row.link))?;
            failing_names.extend(found.map(|found| found.object.dn));
        }
    }
    Ok(JobFacts {
        id: job.id.0,
        name: job.name.clone(),
        source: job.source.0,
        is_active: job.state == JobState::Active,
        fenced: engine
            .staging()?
            .jobs
            .get(&job.id)
            .and_then(|row| row.why.clone()),
        failure: job.failure.clone().or(activity.failure),
        failures: job.failures,
        guard: job.guard.clone(),
        held: numbers.held,
        held_names: held.into_iter().map(|one| one.name).collect(),
        quarantine: slowed.and(standing.standing.error.clone()).or_else(|| {
            slowed.map(|held| {
                Refusal::new(sync_core::code::Code::Conflict).with("text", held.reason.name())
            })
        }),
        is_disabled: standing.disabled_at.is_some() && job.state == JobState::Paused,
        is_busy: standing.is_busy_too_long(now),
        failing: numbers.escrow,
        failing_names,
    })
}

fn of_source(
    app: &App,
    source: &ConnectorRow,
    jobs: &[&JobRow],
    agents: &[engine::AgentRow],
    created_at: i64,
) -> SourceFacts {
    let interval = jobs.iter().map(|job| job.settings.interval_seconds).min();
    let activity = jobs
        .iter()
        .find_map(|job| app.activity(job.id).read_failure);
    let serves = |row: &&engine::AgentRow| {
        row.revoked_at.is_none() && app.desk().is_connected(row.id) && hosts(row, &source.name)
    };
    SourceFacts {
        id: source.id.0,
        name: source.name.clone(),
        failure: source.failure.clone().or(activity),
        failures: source.failures,
        suspect: source.suspect.clone(),
        last_read_at: source.last_read_at,
        created_at,
        interval_ms: i64::try_from(interval.unwrap_or(0).saturating_mul(1_000)).unwrap_or(i64::MAX),
        agents_connected: agents.iter().filter(serves).count(),
    }
}
