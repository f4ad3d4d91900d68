//! `POST /idfix`: what of a source would fail, one JSON document per line.
//!
//! Trap: a source without a job is held against the rules that come with its kind, and against the tenant directory.

use axum::{extract::State, response::Response};
use engine::{Engine, JobRow, JobSettings, JobState, StoreError};
use sync_core::{id::JobId, operation::Refusal, schema::preset};
use tokio::sync::mpsc;
use wire::api::v1::{IdfixEvent, IdfixRequest};

use super::{error::ApiError, extract::Body, verify::lines};
use crate::{
    agents::blocking,
    app::{App, DIRECTORY_CONNECTOR},
    idfix::{self, Plan},
};

// LIMIT: lines waiting for a slow reader.
const LINES: usize = 256;

/// Starts the look and streams what it finds. When the reader goes away, it stops.
pub async fn idfix(
    State(app): State<App>,
    Body(asked): Body<IdfixRequest>,
) -> Result<Response, ApiError> {
    if asked.job.is_some() && asked.source.is_some() {
        return Err(ApiError::invalid("give either job or source"));
    }
    let plan = blocking(app.engine(), move |engine| plan(engine, &asked)).await?;
    let Some(plan) = plan else {
        return Err(ApiError::invalid(
            "there are several jobs, or none; name a job or a source",
        ));
    };
    let (sender, receiver) = mpsc::channel::<IdfixEvent>(LINES);
    tokio::spawn(async move {
        let event = match idfix::run(&app, &plan, &sender).await {
            Ok(report) => IdfixEvent::Report(report),
            Err(why) => IdfixEvent::Failed(why.into()),
        };
        let _ = sender.send(event).await;
    });
    lines(receiver)
}

/// What is looked at; `None`: nothing was named and there is not exactly one job.
fn plan(engine: &Engine, asked: &IdfixRequest) -> Result<Option<Plan>, StoreError> {
    let jobs = engine.jobs()?;
    let job = match (&asked.job, &asked.source, jobs.as_slice()) {
        (Some(name), _, _) => Some(engine.job_named(name)?),
        (None, None, [only]) => Some(only.clone()),
        (None, None, _) => return Ok(None),
        (None, Some(_), _) => None,
    };
    if let Some(job) = job {
        return Ok(Some(Plan {
            source: engine.connector(job.source)?,
            job,
            has_job: true,
            fresh: asked.fresh,
        }));
    }
    let source = engine.connector_named(asked.source.as_deref().unwrap_or_default())?;
    let reader = jobs.into_iter().find(|job| job.source == source.id);
    let has_job = reader.is_some();
    let job = match reader {
        Some(job) => job,
        None => imagined(engine, &source)?,
    };
    Ok(Some(Plan {
        source,
        job,
        has_job,
        fresh: asked.fresh,
    }))
}

/// The job this source would have: the rules of its kind, into the tenant directory.
fn imagined(engine: &Engine, source: &engine::ConnectorRow) -> Result<JobRow, StoreError> {
    let rules = preset::of_kind(&source.kind).ok_or_else(|| {
        StoreError::Refused(
            Refusal::new(sync_core::code::Code::RequestInvalid)
                .with("text", format!("{} is not a source", source.name)),
        )
    })?;
    Ok(JobRow {
        id: JobId(0),
        guid: format!("none {}", source.guid),
        name: source.name.clone(),
        source: source.id,
        target: engine.connector_named(DIRECTORY_CONNECTOR)?.id,
        slot: 0,
        state: JobState::Paused,
        rules: rules.into(),
        rules_version: 0,
        settings: JobSettings::default(),
        failure: None,
        failures: 0,
        retry_at: None,
        guard: None,
        guard_since: None,
    })
}
