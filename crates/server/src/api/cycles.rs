//! Cycles: synchronise now, restart, quarantine, escrow, provisioning on demand, reconciliation, and the status of it all.

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{Engine, EscrowChoice, EscrowRow, JobRow, Reconcile, StoreError};
use serde::Deserialize;
use sync_core::{
    code::Code,
    cycle::Reset,
    id::{LinkId, ObjectId},
    operation::Refusal,
};
use wire::api::v1::{
    Count, Demand, EscrowRetry, EscrowedObject, Job, OnDemand, OnDemandReport, Page, Reconciled,
    Reconciling, Restart, SynchronizationStatus,
};

use super::{
    convert::{time, time_option},
    error::{Answer, ApiError},
    extract::{Body, Parameters, page_size},
    jobs::shown_now,
    log, objects,
};
use crate::{
    access::actor,
    agents::blocking,
    app::App,
    cycles::{self, act, on_demand::Wanted},
};

async fn job_of(app: &App, name: String) -> Result<JobRow, Refusal> {
    blocking(app.engine(), move |engine| engine.job_named(&name)).await
}

/// `GET /jobs/{name}/status`.
pub async fn status(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Answer<SynchronizationStatus> {
    let job = job_of(&app, name).await?;
    let activity = app.activity(job.id);
    let status = blocking(app.engine(), move |engine| {
        cycles::status::of(engine, &job, &activity)
    })
    .await?;
    Ok(Json(status))
}

/// `POST /jobs/{name}/sync`: the source is read now.
pub async fn synchronise(State(app): State<App>, Path(name): Path<String>) -> Answer<Job> {
    let job = job_of(&app, name).await?;
    act::synchronise(&app, &job);
    shown_now(&app, &job).await
}

/// `POST /jobs/{name}/restart`.
pub async fn restart(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(restart): Body<Option<Restart>>,
) -> Answer<Job> {
    let job = job_of(&app, name).await?;
    let criteria = restart.unwrap_or_default().reset_scope;
    let reset = Reset::parse(&criteria).map_err(ApiError::invalid)?;
    act::restart(&app, &job, reset, &actor()).await?;
    shown_now(&app, &job).await
}

/// `POST /jobs/{name}/quarantine`.
pub async fn quarantine(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(demand): Body<Demand>,
) -> Answer<Job> {
    let job = job_of(&app, name).await?;
    act::quarantine(&app, &job, &demand.text, &actor()).await?;
    shown_now(&app, &job).await
}

/// `POST /jobs/{name}/clear`: ends a quarantine.
pub async fn clear(State(app): State<App>, Path(name): Path<String>) -> Answer<Job> {
    let job = job_of(&app, name).await?;
    act::clear(&app, &job, &actor()).await?;
    shown_now(&app, &job).await
}

/// Which objects in escrow.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    code: Option<String>,
    limit: Option<u32>,
    after: Option<String>,
}

fn code_of(name: Option<&str>) -> Result<Option<Code>, ApiError> {
    let Some(name) = name else { return Ok(None) };
    Code::find(name).map(Some).ok_or_else(|| {
        ApiError::invalid(format!("{name} is not a code; `hybridge codes` lists all"))
    })
}

/// `GET /jobs/{name}/escrow`.
pub async fn escrow(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(filter): Parameters<Filter>,
) -> Answer<Page<EscrowedObject>> {
    let code = code_of(filter.code.as_deref())?;
    let after = filter.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    let size = page_size(filter.limit);
    let page = blocking(app.engine(), move |engine| {
        let job = engine.job_named(&name)?;
        let rows = engine.escrows(job.id, code, after.map(LinkId), size)?;
        let next = (rows.len() == size)
            .then(|| rows.last().map(|row| row.link.0.to_string()))
            .flatten();
        let items: Result<Vec<EscrowedObject>, StoreError> =
            rows.iter().map(|row| shown(engine, &job, row)).collect();
        Ok(Page {
            items: items?,
            next,
        })
    })
    .await?;
    Ok(Json(page))
}

fn shown(engine: &Engine, job: &JobRow, row: &EscrowRow) -> Result<EscrowedObject, StoreError> {
    let object = engine::object_of(row.link);
    let space = engine.space_object(object)?;
    let source = space.as_ref().map(|space| &space.object);
    let link = engine.link_row(job.id, object)?;
    let name = source
        .and_then(|object| {
            object
                .attributes
                .text("displayName")
                .or_else(|| object.attributes.text("cn"))
        })
        .unwrap_or_default();
    let retry = match row.retry_at {
        Some(at) => format!("will be retried again after {}", time(at)),
        None => "is not retried until somebody asks or its source changes".to_owned(),
    };
    Ok(EscrowedObject {
        anchor: source
            .map(|object| object.anchor.guid_text())
            .unwrap_or_default(),
        dn: source.map(|object| object.dn.clone()).unwrap_or_default(),
        display_name: name.to_owned(),
        class: source
            .and_then(|object| object.class.as_deref())
            .unwrap_or_default()
            .to_owned(),
        target: link.and_then(|link| link.target),
        attempts: row.attempts,
        failed_at: time(row.failed_at),
        retry_at: time_option(row.retry_at),
        problem: row.why.as_ref().map(Into::into),
        text: format!("failed {} times and {retry}", row.attempts),
    })
}

/// `POST /jobs/{name}/escrow/retry`.
pub async fn retry(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(wanted): Body<EscrowRetry>,
) -> Answer<Count> {
    let job = job_of(&app, name).await?;
    let link = match &wanted.object {
        None => None,
        Some(name) => {
            let found = objects::resolve(&app, name, None).await?;
            let object = objects::only(&app, name, found).await?;
            Some(engine::link_id(job.id, object))
        }
    };
    let choice = EscrowChoice {
        link,
        code: code_of(wanted.code.as_deref())?,
    };
    let id = job.id;
    let count = blocking(app.engine(), move |engine| {
        engine.retry_escrows(id, &choice, &actor())
    })
    .await?;
    app.wake(job.id).notify_one();
    Ok(Json(Count {
        count: count as u64,
    }))
}

/// `POST /jobs/{name}/provision`.
pub async fn provision(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(asked): Body<OnDemand>,
) -> Answer<OnDemandReport> {
    let job = job_of(&app, name).await?;
    let wanted = match (asked.object, asked.container, asked.group) {
        (Some(name), None, None) => Wanted::Object(name),
        (None, Some(name), None) => Wanted::Container(name),
        (None, None, Some(name)) => Wanted::Group(name),
        _ => {
            return Err(ApiError::invalid("say one of object, container and group"));
        }
    };
    let known = known(&app, &job, wanted.name()).await?;
    let done = cycles::on_demand::run(&app, &job, &wanted, known).await?;
    let (objects, unfinished) = (done.links.len() as u64, done.unfinished.len() as u64);
    let records = done.records;
    let records = blocking(app.engine(), move |engine| log::render(engine, &records)).await?;
    Ok(Json(OnDemandReport {
        cycle_id: done.cycle.to_string(),
        objects,
        unfinished,
        records,
    }))
}

/// The object of this name in the job's source, if it was read before.
async fn known(app: &App, job: &JobRow, name: &str) -> Result<Option<ObjectId>, ApiError> {
    let id = job.source;
    let source = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    match objects::resolve(app, name, Some(&source.name)).await {
        Ok(found) => objects::only(app, name, found).await.map(Some),
        // It may be new: the source is asked for it.
        Err(_) => Ok(None),
    }
}

/// `POST /jobs/{name}/reconcile`.
pub async fn reconcile(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(asked): Body<Reconciling>,
) -> Answer<Reconciled> {
    let job = job_of(&app, name).await?;
    let corrects = asked
        .correct
        .unwrap_or(job.settings.reconcile == Reconcile::Correct);
    Ok(Json(cycles::reconcile::run(&app, &job, corrects).await?))
}
