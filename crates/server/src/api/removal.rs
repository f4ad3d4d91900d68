//! Removing a job: what it would come to, asking for it, taking it back.
//!
//! Trap: asking without saying what becomes of the objects removes nothing.

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{JobRow, RemovalMode};
use serde::Deserialize;
use sync_core::{code::Code, guard::Losses, operation::Refusal, plan::Situation};
use wire::api::v1::{JobRemoval, Named};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::Parameters,
};
use crate::{access::actor, agents::blocking, app::App, removal, staging};

/// Objects named in a preview.
const NAMED: usize = 20;

/// How a job is removed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Wanted {
    /// What becomes of its objects.
    pub objects: Option<String>,
    /// How many objects were seen.
    pub expected: Option<i64>,
    /// Also if the guard would hold so many.
    pub beyond_guard: bool,
}

/// `GET /jobs/{name}/removal`: what it would come to, or how far it is.
pub async fn show(State(app): State<App>, Path(name): Path<String>) -> Answer<JobRemoval> {
    let job = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    Ok(Json(shown(&app, &job).await?))
}

async fn shown(app: &App, job: &JobRow) -> Result<JobRemoval, Refusal> {
    let is_staged = staging::is_staged(app, job.id).await?;
    let row = job.clone();
    blocking(app.engine(), move |engine| {
        let numbers = engine.job_numbers(row.id, true)?;
        let linked = engine.linked_count(row.id)?.unsigned_abs();
        let first = engine.links(row.id, Some(Situation::Linked), None, NAMED)?;
        let (own, _) = engine.guard_budgets(&row)?;
        let losses = Losses {
            linked,
            waiting: linked,
            done: own.losses.done,
            ..Losses::default()
        };
        let guard = row.settings.limits().check(&losses).err();
        let removal = engine.removal(row.id)?;
        Ok(JobRemoval {
            job: Named {
                id: row.guid.clone(),
                name: row.name.clone(),
            },
            objects: removal.as_ref().map(|one| one.mode.name().to_owned()),
            linked,
            classes: numbers.linked,
            names: first
                .iter()
                .filter_map(|one| one.exported.text("displayName").map(str::to_owned))
                .collect(),
            began_with: removal.as_ref().map(|one| one.objects.unsigned_abs()),
            by: removal.as_ref().map(|one| one.actor.clone()),
            since: removal.as_ref().map(|one| time(one.at)),
            guard: guard.as_ref().map(Into::into),
            is_active_here: !is_staged,
            failed: removal.as_ref().map_or(0, |one| one.failed.unsigned_abs()),
            failure: removal.and_then(|one| one.failure).as_ref().map(Into::into),
        })
    })
    .await
}

/// `DELETE /jobs/{name}?objects=…&expected=…&beyondGuard=…`: begins, and goes on by itself.
pub async fn begin(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(wanted): Parameters<Wanted>,
) -> Answer<JobRemoval> {
    let job = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    let Some(mode) = &wanted.objects else {
        return Err(ApiError::invalid(
            "say what becomes of the job's objects: objects=keep (they stay as they are, for another server or job), release (they become the tenant's own), disable (accounts are disabled, too), or delete",
        ));
    };
    let mode = RemovalMode::from_name(mode).ok_or_else(|| {
        ApiError::invalid(format!(
            "{mode} is not known; known: keep, release, disable, delete"
        ))
    })?;
    Ok(Json(remove(&app, &job, mode, &wanted).await?))
}

/// Begins to remove a job.
///
/// # Errors
/// `Conflict` if its objects are another server's, or not as many as were seen; `TooManyDeletes` beyond the guard.
pub(crate) async fn remove(
    app: &App,
    job: &JobRow,
    mode: RemovalMode,
    wanted: &Wanted,
) -> Result<JobRemoval, Refusal> {
    let preview = shown(app, job).await?;
    if mode != RemovalMode::Keep && !preview.is_active_here {
        return Err(removal::staged(job));
    }
    if mode.is_destructive() && preview.linked > 0 {
        if wanted.expected.is_none() {
            return Err(Refusal::new(Code::RequestInvalid).with(
                "text",
                format!(
                    "{} objects lose something: say how many were seen (expected={})",
                    preview.linked, preview.linked
                ),
            ));
        }
        if preview.guard.is_some() && !wanted.beyond_guard {
            return Err(Refusal::new(Code::TooManyDeletes)
                .with("waiting", preview.linked.to_string())
                .with("text", "the guard would hold so many; say that it is meant (beyondGuard=true, --beyond-guard)"));
        }
    }
    let (row, expected) = (job.clone(), wanted.expected);
    blocking(app.engine(), move |engine| {
        engine.begin_removal(&row, mode, expected, &actor())
    })
    .await?;
    app.jobs_changed();
    shown(app, job).await
}

/// `DELETE /jobs/{name}/removal`: takes it back, as far as it is not done.
pub async fn cancel(State(app): State<App>, Path(name): Path<String>) -> Answer<JobRemoval> {
    let job = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    let row = job.clone();
    blocking(app.engine(), move |engine| {
        engine.cancel_removal(&row, &actor())
    })
    .await?;
    app.jobs_changed();
    Ok(Json(shown(&app, &job).await?))
}
