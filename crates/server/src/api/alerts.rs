//! Alerts: list, show, acknowledge.
//!
//! Trap: texts are those of this version of the program; what was stored is kind, subject and numbers.

use axum::{
    Json,
    extract::{Path, State},
};
use engine::{AlertRow, AlertView};
use sync_core::health::Kind;
use wire::api::v1::{Acknowledgement, Alert, Page};

use super::{
    convert::{time, time_option},
    error::{Answer, ApiError},
    extract::{Body, Parameters, Slice, page_size},
};
use crate::{access::actor, agents::blocking, app::App};

/// An alert as shown.
pub fn shown(row: &AlertRow) -> Alert {
    let kind = Kind::from_name(&row.kind);
    let told = |name: &str| row.what.get(name).and_then(|value| value.as_str());
    let affected = row.what.get("affected").and_then(|all| all.as_array());
    Alert {
        id: row.id.to_string(),
        kind: row.kind.clone(),
        severity: kind.map_or("warning", |kind| kind.severity().name()).into(),
        title: kind.map_or_else(|| row.kind.clone(), |kind| kind.title().to_owned()),
        subject: row.subject.clone(),
        name: row.name.clone(),
        state: match row.closed_at {
            None => "open",
            Some(_) => "closed",
        }
        .into(),
        opened_at: time(row.opened_at),
        seen_at: time(row.seen_at),
        closed_at: time_option(row.closed_at),
        closed_why: row.closed_why.clone(),
        times: row.times.into(),
        acknowledged_at: time_option(row.acknowledged_at),
        acknowledged_by: row.acknowledged_by.clone(),
        note: row.note.clone(),
        code: told("code").map(str::to_owned),
        message: told("message").map(str::to_owned),
        text: told("text").unwrap_or_default().to_owned(),
        cause: kind.map_or("", Kind::cause).into(),
        next_step: kind.map_or("", Kind::next_step).into(),
        affected: affected
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect(),
        count: row
            .what
            .get("count")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0),
    }
}

/// `GET /alerts?state=open|closed|all`, the newest first.
pub async fn list(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<Alert>> {
    let view = match slice.state.as_deref() {
        None | Some("open") => AlertView::Open,
        Some("closed") => AlertView::Closed,
        Some("all") => AlertView::All,
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "{other} is not a state; known: open, closed, all"
            )));
        }
    };
    let before = slice.after.map(|after| after.parse()).transpose();
    let before = before.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    let size = page_size(slice.limit);
    let rows = blocking(app.engine(), move |engine| {
        engine.alerts(view, before, size)
    })
    .await?;
    let next = rows
        .last()
        .filter(|_| rows.len() == size)
        .map(|row| row.id.to_string());
    let items = rows.iter().map(shown).collect();
    Ok(Json(Page { items, next }))
}

fn number(id: &str) -> Result<i64, ApiError> {
    id.parse().map_err(|_| ApiError::not_found("alert", id))
}

/// `GET /alerts/{id}`.
pub async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Alert> {
    let id = number(&id)?;
    let row = blocking(app.engine(), move |engine| engine.alert(id)).await?;
    Ok(Json(shown(&row)))
}

/// `POST /alerts/{id}/acknowledge`.
pub async fn acknowledge(
    State(app): State<App>,
    Path(id): Path<String>,
    Body(said): Body<Acknowledgement>,
) -> Answer<Alert> {
    let id = number(&id)?;
    let row = blocking(app.engine(), move |engine| {
        engine.acknowledge_alert(id, &actor(), &said.note)
    })
    .await?;
    Ok(Json(shown(&row)))
}
