//! `GET /explain`: why one object is in the target as it is, or is not there.
//!
//! The steps of the planner over one object, with everything they meet; nothing is stored and nothing becomes due by it. Never
//! guesses: a name that fits several objects is refused with their anchors. Trap: scope and values are evaluated now, while what
//! failed last was planned then; where the two differ, the object is due.

mod attributes;
pub mod awaited;
mod job;
mod missing;
mod verdict;

use axum::{Json, extract::State};
use engine::{ConnectorRow, JobRow, LogQuery, SpaceObject, StoreError};
use sync_core::{code::Code, operation::Refusal};
use wire::api::v1::{ExplainedJob, Explanation};

use super::{
    error::{Answer, ApiError},
    extract::{Parameters, Slice},
    log, objects,
};
use crate::{agents::blocking, app::App};

// LIMIT: records shown with an object.
const RECORDS: usize = 10;

/// The endpoint: `name` is DN, UPN, account name, anchor or target id; `job` or `connector` narrows.
pub async fn explain(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Explanation> {
    let name = slice
        .name
        .filter(|name| !name.trim().is_empty())
        .ok_or_else(|| ApiError::invalid("name is missing"))?;
    let explanation = of(
        &app,
        &name,
        slice.job.as_deref(),
        slice.connector.as_deref(),
    )
    .await?;
    Ok(Json(explanation))
}

/// Which jobs are asked, and in which connector an object is looked for.
struct Asked {
    jobs: Vec<(JobRow, ConnectorRow)>,
    connectors: Vec<ConnectorRow>,
    /// The only connector, if one was named.
    connector: Option<String>,
}

/// Explains an object: in one job, or in all whose source holds it.
///
/// # Errors
/// `NotFound` for a job or connector; `RequestInvalid` if the name fits several objects; those of the store.
pub async fn of(
    app: &App,
    name: &str,
    job: Option<&str>,
    connector: Option<&str>,
) -> Result<Explanation, Refusal> {
    let asked = asked(app, job, connector).await?;
    let found = match objects::resolve(app, name, asked.connector.as_deref()).await {
        Ok(found) => found,
        Err(ApiError(why)) if why.code == Code::NotFound => {
            return Ok(missing::explain(app, name, &asked).await);
        }
        Err(ApiError(why)) => return Err(why),
    };
    let id = objects::only(app, name, found)
        .await
        .map_err(|error| error.0)?;
    let (space, mut explanation) = blocking(app.engine(), move |engine| {
        let space = engine.space_object(id)?.ok_or_else(|| {
            StoreError::Refused(
                Refusal::new(Code::NotFound)
                    .with("what", "object")
                    .with("name", id.to_string()),
            )
        })?;
        let links: Vec<_> = log::links(engine, &[id])?.into_iter().map(Some).collect();
        let query = LogQuery {
            limit: RECORDS,
            ..LogQuery::default()
        };
        let explanation = Explanation {
            object: Some(objects::shown(&space, &objects::connector_names(engine)?)),
            records: log::read(engine, &query, &links)?.items,
            ..Explanation::default()
        };
        Ok((space, explanation))
    })
    .await?;
    for (job, source) in &asked.jobs {
        if job.source == space.connector {
            let part = job::explain(app, job, source, &space).await?;
            explanation.jobs.push(part);
        }
    }
    explanation.is_in_sync =
        !explanation.jobs.is_empty() && explanation.jobs.iter().all(|job| job.is_in_sync);
    explanation.sentence = sentence(&explanation.jobs, &space);
    Ok(explanation)
}

async fn asked(app: &App, job: Option<&str>, connector: Option<&str>) -> Result<Asked, Refusal> {
    let (job, connector) = (job.map(str::to_owned), connector.map(str::to_owned));
    blocking(app.engine(), move |engine| {
        let is_job_named = job.is_some();
        let rows = match &job {
            Some(name) => vec![engine.job_named(name)?],
            None => engine.jobs()?,
        };
        let jobs = rows
            .into_iter()
            .map(|row| Ok((engine.connector(row.source)?, row)))
            .map(|pair: Result<_, StoreError>| pair.map(|(source, row)| (row, source)))
            .collect::<Result<Vec<_>, _>>()?;
        let named = match &connector {
            Some(name) => Some(engine.connector_named(name)?),
            None if is_job_named => jobs.first().map(|(_, source)| source.clone()),
            None => None,
        };
        Ok(Asked {
            connectors: match &named {
                Some(row) => vec![row.clone()],
                None => engine.connectors()?,
            },
            connector: named.map(|row| row.name),
            jobs,
        })
    })
    .await
}

/// The answer in one sentence: of the only job, or of those that have something left to do.
fn sentence(jobs: &[ExplainedJob], space: &SpaceObject) -> String {
    let (mut rest, done): (Vec<&ExplainedJob>, Vec<&ExplainedJob>) =
        jobs.iter().partition(|job| !job.is_in_sync);
    match (jobs, rest.is_empty()) {
        ([], _) => format!(
            "{} is not synchronised: no job reads its connector; create one with `hybridge job create`",
            space.object.dn
        ),
        ([only], _) => only.sentence.clone(),
        (_, true) => {
            let texts: Vec<&str> = done.iter().map(|job| job.sentence.as_str()).collect();
            texts.join("; ")
        }
        (_, false) => {
            rest.sort_by_key(|job| job.job.name.clone());
            let texts: Vec<String> = rest
                .iter()
                .map(|job| format!("in job {}: {}", job.job.name, job.sentence))
                .collect();
            texts.join("; ")
        }
    }
}
