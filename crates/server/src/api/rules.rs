//! Rules of a job: shown, checked, changed, compared, taken back.
//!
//! Trap: comparing works on rules that would not pass a check, because an old version may name what a newer one refuses.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use engine::JobRow;
use serde::Deserialize;
use sync_core::{
    code::Code,
    operation::Refusal,
    schema::{Problem, diff, read::Schema},
};
use wire::api::v1::{
    NewRules, Page, Rollback, Rules, RulesDiff, RulesReport, RulesToCheck, RulesVersion,
};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::{Body, Parameters},
};
use crate::{
    agents::blocking,
    app::App,
    rules::{self, Proposal},
};

// LIMIT: characters of the words that say why rules were changed.
const LONGEST_WHY: usize = 1_000;

/// Which version, or which two.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Versions {
    version: Option<i64>,
    from: Option<i64>,
    to: Option<i64>,
}

async fn job_named(app: &App, name: String) -> Result<Arc<JobRow>, ApiError> {
    let row = blocking(app.engine(), move |engine| engine.job_named(&name)).await?;
    Ok(Arc::new(row))
}

async fn text_of(app: &App, job: &JobRow, version: i64) -> Result<String, ApiError> {
    let id = job.id;
    Ok(blocking(app.engine(), move |engine| engine.rules_at(id, version)).await?)
}

/// `GET /jobs/{name}/rules`: those of one version, as they were given.
pub async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(which): Parameters<Versions>,
) -> Answer<Rules> {
    let job = job_named(&app, name).await?;
    let version = which.version.unwrap_or(job.rules_version);
    let text = text_of(&app, &job, version).await?;
    Ok(Json(Rules {
        version: version.unsigned_abs(),
        rules: parsed(&text)?,
    }))
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text).map_err(|error| {
        let text = format!("stored rules cannot be read: {error}");
        ApiError(Refusal::new(Code::InternalFault).with("text", text))
    })
}

/// `GET /jobs/{name}/rules/versions`: the newest first.
pub async fn versions(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Answer<Page<RulesVersion>> {
    let job = job_named(&app, name).await?;
    let id = job.id;
    let rows = blocking(app.engine(), move |engine| engine.rules_versions(id)).await?;
    let shown = rows.into_iter().map(|row| RulesVersion {
        version: row.version.unsigned_abs(),
        at: time(row.at),
        actor: row.actor,
        why: row.why,
        is_current: row.version == job.rules_version,
    });
    Ok(Json(Page::whole(shown.collect())))
}

/// `GET /jobs/{name}/rules/diff`: what differs between two versions; unless told otherwise, the last change.
pub async fn compare(
    State(app): State<App>,
    Path(name): Path<String>,
    Parameters(which): Parameters<Versions>,
) -> Answer<RulesDiff> {
    let job = job_named(&app, name).await?;
    let to = which.to.unwrap_or(job.rules_version);
    let from = which.from.unwrap_or((to - 1).max(1));
    let before: Schema = parsed(&text_of(&app, &job, from).await?)?;
    let after: Schema = parsed(&text_of(&app, &job, to).await?)?;
    let changes = diff::diff(&before, &after);
    Ok(Json(RulesDiff {
        from: from.to_string(),
        to: to.to_string(),
        changes: changes.into_iter().map(Into::into).collect(),
    }))
}

/// `POST /jobs/{name}/rules/check`: all mistakes; nothing is changed.
pub async fn check(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(given): Body<RulesToCheck>,
) -> Answer<RulesReport> {
    let job = job_named(&app, name).await?;
    let known = rules::discovered(&app, job.source, job.target).await?;
    let (knows_source, knows_target) = (known.source.is_some(), known.target.is_some());
    let checked = rules::check(given.rules.to_string(), known).await?;
    let told = |problems: &[Problem]| problems.iter().map(Into::into).collect();
    Ok(Json(RulesReport {
        is_valid: checked.rules.is_ok(),
        knows_source,
        knows_target,
        problems: told(checked.rules.err().as_deref().unwrap_or_default()),
        notes: told(&checked.notes),
    }))
}

/// `POST /jobs/{name}/rules`: a new version, in force at once.
pub async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(new): Body<NewRules>,
) -> Answer<RulesVersion> {
    let job = job_named(&app, name).await?;
    let proposal = Proposal {
        rules: new.rules.to_string(),
        why: checked_why(new.why)?,
        expected: expected(new.expected_version)?,
    };
    let version = rules::apply(&app, &job, proposal).await?;
    shown(&app, &job, version).await
}

/// `POST /jobs/{name}/rules/rollback`: the rules of an earlier version, as a new version.
pub async fn rollback(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(asked): Body<Rollback>,
) -> Answer<RulesVersion> {
    let job = job_named(&app, name).await?;
    let version = expected(Some(asked.version))?.unwrap_or_default();
    let why = match checked_why(asked.why)?.as_str() {
        "" => format!("back to version {version}"),
        why => format!("back to version {version}: {why}"),
    };
    let proposal = Proposal {
        rules: text_of(&app, &job, version).await?,
        why,
        expected: expected(asked.expected_version)?,
    };
    let version = rules::apply(&app, &job, proposal).await?;
    shown(&app, &job, version).await
}

fn checked_why(why: String) -> Result<String, ApiError> {
    match why.chars().nth(LONGEST_WHY) {
        None => Ok(why.trim().to_owned()),
        Some(_) => Err(ApiError::invalid(format!(
            "why has at most {LONGEST_WHY} characters"
        ))),
    }
}

fn expected(version: Option<u64>) -> Result<Option<i64>, ApiError> {
    let version = version.map(i64::try_from).transpose();
    version.map_err(|_| ApiError::invalid("there is no such version"))
}

async fn shown(app: &App, job: &JobRow, version: i64) -> Answer<RulesVersion> {
    let id = job.id;
    let rows = blocking(app.engine(), move |engine| engine.rules_versions(id)).await?;
    let row = rows.into_iter().find(|row| row.version == version);
    let row = row.ok_or_else(|| ApiError::not_found("version", &version.to_string()))?;
    Ok(Json(RulesVersion {
        version: row.version.unsigned_abs(),
        at: time(row.at),
        actor: row.actor,
        why: row.why,
        is_current: true,
    }))
}
