//! Pending exports, by state and link.
//!
//! Trap: the place in the list is a state and a link; a row that changes its state while somebody pages may be shown twice.

use axum::{Json, extract::State};
use engine::{Engine, PendingRow, PendingState, PendingView, StoreError};
use sync_core::{
    code::Code,
    operation::{Refusal, Verb},
};
use wire::api::v1::{Page, PendingExport, ReferenceCount};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::{Parameters, Slice, page_size},
    render::Names,
};
use crate::{agents::blocking, app::App};

/// `GET /pending`.
pub async fn list(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<PendingExport>> {
    let views = views(slice.state.as_deref())?;
    let (mut view, mut after) = place(slice.after.as_deref(), views.len())?;
    let size = page_size(slice.limit);
    let page = blocking(app.engine(), move |engine| {
        let wanted = slice
            .job
            .map(|name| engine.job_named(&name))
            .transpose()?
            .map(|job| job.id);
        let names = Names::read(engine)?;
        let mut items = Vec::new();
        while let Some(kind) = views.get(view) {
            let rows = engine.pending_exports(wanted, *kind, after, size - items.len())?;
            for row in &rows {
                items.push(shown(engine, row, &names)?);
                after = row.link.0;
            }
            if items.len() >= size {
                return Ok(Page {
                    items,
                    next: Some(format!("{view}:{after}")),
                });
            }
            view += 1;
            after = 0;
        }
        Ok(Page::whole(items))
    })
    .await?;
    Ok(Json(page))
}

fn views(state: Option<&str>) -> Result<Vec<PendingView>, ApiError> {
    let Some(state) = state else {
        return Ok(PendingView::ALL.to_vec());
    };
    let found: Vec<_> = PendingView::ALL
        .into_iter()
        .filter(|view| view.name() == state)
        .collect();
    match found.is_empty() {
        false => Ok(found),
        true => {
            let known: Vec<&str> = PendingView::ALL.iter().map(|view| view.name()).collect();
            Err(ApiError::invalid(format!(
                "{state} is not a state; known: {}",
                known.join(", ")
            )))
        }
    }
}

fn place(after: Option<&str>, views: usize) -> Result<(usize, i64), ApiError> {
    let Some(after) = after else {
        return Ok((0, 0));
    };
    let parse = || {
        let (view, link) = after.split_once(':')?;
        Some((
            view.parse::<usize>().ok().filter(|view| *view < views)?,
            link.parse().ok()?,
        ))
    };
    parse().ok_or_else(|| ApiError::invalid("after is not a place in this list"))
}

/// A verb as shown.
pub fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Disable => "disable",
        Verb::Delete => "delete",
        Verb::Restore => "restore",
    }
}

/// A row as shown, with the name of its source object.
pub fn shown(
    engine: &Engine,
    row: &PendingRow,
    names: &Names<'_>,
) -> Result<PendingExport, StoreError> {
    let job = engine::job_of(row.link);
    let object = engine
        .space_object(engine::object_of(row.link))?
        .map(|found| found.object);
    let name = object
        .as_ref()
        .and_then(|object| object.attributes.text("displayName"));
    let mut shown = PendingExport {
        id: row.link.to_string(),
        job: names.job(job),
        anchor: object
            .as_ref()
            .map(|object| object.anchor.guid_text())
            .unwrap_or_default(),
        name: name.unwrap_or_default().to_owned(),
        dn: object
            .as_ref()
            .map(|object| object.dn.clone())
            .unwrap_or_default(),
        class: object
            .and_then(|object| object.class)
            .as_deref()
            .unwrap_or_default()
            .to_owned(),
        state: row.view.name().into(),
        attempts: row.attempts.into(),
        reason: row.reason.as_ref().map(Into::into),
        changed_at: time(row.changed_at),
        ..PendingExport::default()
    };
    if let Some(pending) = &row.pending {
        shown.verb = verb(pending.verb).into();
        shown.class = pending.class.to_string();
        shown.target = pending.target.clone();
        shown.name = pending.name.clone();
        let hidden = names.hidden(job.0);
        shown.attributes = hidden.values(&pending.attributes);
        shown.before = hidden.values(&pending.before);
        shown.references = pending
            .references
            .iter()
            .map(|change| ReferenceCount {
                attribute: change.attribute.to_string(),
                add: change.add.len() as u64,
                remove: change.remove.len() as u64,
            })
            .collect();
        shown.reason = shown
            .reason
            .or_else(|| pending.why.as_ref().map(Into::into));
    }
    if shown.reason.is_none() && row.view == PendingView::State(PendingState::Unknown) {
        // Its answer was lost; it is read back before anything is tried again.
        shown.reason = Some((&Refusal::new(Code::OutcomeUnknown)).into());
    }
    Ok(shown)
}
