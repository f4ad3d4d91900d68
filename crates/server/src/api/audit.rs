//! The audit trail: who changed what of the configuration, newest first.
//!
//! Trap: what was synchronised is in the provisioning log, not here.

use axum::{Json, extract::State};
use wire::api::v1::{AuditEntry, Page};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::{Parameters, Slice, page_size},
};
use crate::{agents::blocking, app::App};

/// `GET /audit`.
pub async fn list(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<AuditEntry>> {
    let before = slice.after.map(|after| after.parse()).transpose();
    let before = before.map_err(|_| ApiError::invalid("after is not a place in this list"))?;
    let size = page_size(slice.limit);
    let rows = blocking(app.engine(), move |engine| engine.audit_trail(before, size)).await?;
    let next = rows
        .last()
        .filter(|_| rows.len() == size)
        .map(|row| row.id.to_string());
    let items = rows.into_iter().map(|row| AuditEntry {
        at: time(row.at),
        actor: row.actor,
        act: row.act,
        detail: row.detail,
    });
    Ok(Json(Page {
        items: items.collect(),
        next,
    }))
}
