//! The provisioning log, rendered from compact records.
//!
//! Trap: newest first pages towards the past with `after`, oldest first towards the future.

use axum::{Json, extract::State};
use engine::{Action, Engine, LogQuery, Record, Status, StoreError};
use jiff::Timestamp;
use serde::Deserialize;
use sync_core::{code::Code, id::LinkId};
use wire::api::v1::{LogRecord, Page};

use super::{
    error::{Answer, ApiError},
    extract::{Parameters, page_size},
    objects,
    render::Names,
};
use crate::{agents::blocking, app::App};

/// Filters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filters {
    object: Option<String>,
    change: Option<String>,
    job: Option<String>,
    code: Option<String>,
    action: Option<String>,
    status: Option<String>,
    run: Option<i64>,
    cycle: Option<String>,
    since: Option<String>,
    until: Option<String>,
    order: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET /log`.
pub async fn list(
    State(app): State<App>,
    Parameters(filters): Parameters<Filters>,
) -> Answer<Page<LogRecord>> {
    let query = query(&filters)?;
    let objects = match &filters.object {
        None => None,
        Some(name) => Some(objects::resolve(&app, name, None).await?),
    };
    let page = blocking(app.engine(), move |engine| {
        let mut query = query;
        if let Some(job) = &filters.job {
            query.job = Some(engine.job_named(job)?.id.0);
        }
        if let Some(run) = filters.run {
            let before = Some(sync_core::id::RunId(run.saturating_add(1)));
            let found = engine.runs(None, before, 1)?;
            within(found.first().filter(|row| row.id.0 == run), &mut query);
        }
        if let Some(cycle) = query.cycle {
            within(engine.run_of_cycle(cycle)?.as_ref(), &mut query);
        }
        let links = match objects {
            None => vec![None],
            Some(objects) => links(engine, &objects)?.into_iter().map(Some).collect(),
        };
        read(engine, &query, &links)
    })
    .await?;
    Ok(Json(page))
}

fn query(filters: &Filters) -> Result<LogQuery, ApiError> {
    let ascending = match filters.order.as_deref() {
        None | Some("newest") => false,
        Some("oldest") => true,
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "{other} is not an order; known: newest, oldest"
            )));
        }
    };
    let place = filters.after.as_deref().map(str::parse::<i64>).transpose();
    let place = place.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    let change = filters.change.as_deref().map(change).transpose()?;
    Ok(LogQuery {
        action: named(filters.action.as_deref(), &ACTIONS, Action::name)?,
        status: named(filters.status.as_deref(), &STATUSES, Status::name)?,
        code: filters.code.as_deref().map(code).transpose()?,
        cycle: filters.cycle.as_deref().map(cycle).transpose()?,
        after: place
            .filter(|_| ascending)
            .max(change.map(|number| number - 1)),
        before: least(
            place.filter(|_| !ascending),
            change.map(|number| number.saturating_add(1)),
        ),
        since: filters.since.as_deref().map(moment).transpose()?,
        until: filters.until.as_deref().map(moment).transpose()?,
        ascending,
        limit: page_size(filters.limit),
        ..LogQuery::default()
    })
}

const ACTIONS: [Action; 7] = [
    Action::Create,
    Action::Update,
    Action::Disable,
    Action::Delete,
    Action::Restore,
    Action::StagedDelete,
    Action::Skip,
];
const STATUSES: [Status; 4] = [
    Status::Success,
    Status::Failure,
    Status::Skipped,
    Status::Warning,
];

fn named<T: Copy>(
    text: Option<&str>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<Option<T>, ApiError> {
    let Some(text) = text else {
        return Ok(None);
    };
    match all.iter().copied().find(|one| name(*one) == text) {
        Some(found) => Ok(Some(found)),
        None => {
            let known: Vec<&str> = all.iter().map(|one| name(*one)).collect();
            Err(ApiError::invalid(format!(
                "{text} is not known here; known: {}",
                known.join(", ")
            )))
        }
    }
}

fn code(name: &str) -> Result<Code, ApiError> {
    let found = Code::ALL
        .iter()
        .copied()
        .find(|code| code.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        ApiError::invalid(format!("{name} is not a code; `hybridge codes` lists all"))
    })
}

/// The lesser of two bounds, each of which may be absent.
fn least(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The number of the record of a change: `<job>-<number>`.
fn change(text: &str) -> Result<i64, ApiError> {
    let number = text
        .rsplit('-')
        .next()
        .and_then(|number| number.parse::<i64>().ok());
    number.filter(|number| *number > 0).ok_or_else(|| {
        ApiError::invalid(format!(
            "{text} is not the id of a change; records show theirs"
        ))
    })
}

pub fn cycle(text: &str) -> Result<uuid::Uuid, ApiError> {
    uuid::Uuid::try_parse(text).map_err(|_| {
        ApiError::invalid(format!(
            "{text} is not the id of a cycle; `hybridge runs` shows them"
        ))
    })
}

pub fn moment(text: &str) -> Result<i64, ApiError> {
    let time: Timestamp = text.parse().map_err(|_| {
        ApiError::invalid(format!("{text} is not a time such as 2026-01-31T12:00:00Z"))
    })?;
    Ok(time.as_millisecond())
}

/// Narrows a query to a cycle, by its id and, for the sake of speed, by its time.
pub(crate) fn within(run: Option<&engine::RunRow>, query: &mut LogQuery) {
    let Some(row) = run else {
        query.until = Some(i64::MIN);
        return;
    };
    query.cycle = Some(row.guid);
    query.job = Some(row.job.0);
    query.since = query.since.max(Some(row.started_at));
    if let Some(ended) = row.ended_at {
        query.until = Some(query.until.unwrap_or(i64::MAX).min(ended.saturating_add(1)));
    }
}

/// The links of these objects, in all jobs.
pub fn links(
    engine: &Engine,
    objects: &[sync_core::id::ObjectId],
) -> Result<Vec<LinkId>, StoreError> {
    let jobs = engine.jobs()?;
    let all = jobs.iter().flat_map(|job| {
        objects
            .iter()
            .map(|object| engine::link_id(job.id, *object))
    });
    Ok(all.collect())
}

/// Records about these links (`None`: about all), rendered.
pub fn read(
    engine: &Engine,
    query: &LogQuery,
    links: &[Option<LinkId>],
) -> Result<Page<LogRecord>, StoreError> {
    let mut records = Vec::new();
    let mut has_more = false;
    for link in links {
        let page = engine.log(&LogQuery {
            link: *link,
            ..query.clone()
        })?;
        has_more |= page.has_more;
        records.extend(page.records);
    }
    records.sort_by_key(|record| {
        if query.ascending {
            record.sequence
        } else {
            -record.sequence
        }
    });
    has_more |= records.len() > query.limit;
    records.truncate(query.limit);
    let next = records
        .last()
        .filter(|_| has_more)
        .map(|last| last.sequence.to_string());
    let names = Names::read(engine)?;
    Ok(Page {
        items: records.iter().map(|record| names.render(record)).collect(),
        next,
    })
}

/// Records as shown.
///
/// # Errors
/// Of the store.
pub fn render(engine: &Engine, records: &[Record]) -> Result<Vec<LogRecord>, StoreError> {
    let names = Names::read(engine)?;
    Ok(records.iter().map(|record| names.render(record)).collect())
}
