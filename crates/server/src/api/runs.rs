//! Runs, newest first.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use sync_core::id::RunId;
use wire::api::v1::{Page, Run};

use super::{
    convert::{time, time_option},
    error::{Answer, ApiError},
    extract::{Parameters, Slice, page_size},
};
use crate::{agents::blocking, app::App, cycles};

/// `GET /runs`.
pub async fn list(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<Run>> {
    let before = slice
        .after
        .map(|after| after.parse().map(RunId))
        .transpose();
    let before = before.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    let size = page_size(slice.limit);
    let page = blocking(app.engine(), move |engine| {
        let jobs: BTreeMap<_, _> = engine
            .jobs()?
            .into_iter()
            .map(|job| (job.id, job.name))
            .collect();
        let wanted = slice
            .job
            .map(|name| engine.job_named(&name))
            .transpose()?
            .map(|job| job.id);
        let rows = engine.runs(wanted, before, size)?;
        let next = rows
            .last()
            .filter(|_| rows.len() == size)
            .map(|row| row.id.to_string());
        let items = rows
            .iter()
            .map(|row| shown(row, jobs.get(&row.job)))
            .collect();
        Ok(Page { items, next })
    })
    .await?;
    Ok(Json(page))
}

/// A run as shown.
pub fn shown(row: &engine::RunRow, job: Option<&String>) -> Run {
    let counts = row.counts.as_object().into_iter().flatten();
    Run {
        number: row.id.0,
        id: row.guid.to_string(),
        job: job.cloned().unwrap_or_default(),
        kind: row.kind.clone(),
        status: row.status.clone(),
        scope: row.scope.clone(),
        execution: row.ended_at.map(|_| cycles::status::execution(row)),
        state: row.state.clone(),
        started_at: time(row.started_at),
        ended_at: time_option(row.ended_at),
        counts: counts
            .filter_map(|(name, value)| Some((name.clone(), value.as_u64()?)))
            .collect(),
        failure: row.failure.as_ref().map(Into::into),
    }
}
