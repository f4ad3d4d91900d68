//! What stays as it is although source and rules want something else: list and release.
//!
//! Trap: values that rules redact are held like any other, and shown to nobody.

use axum::{Json, extract::State};
use engine::{Engine, HeldWhat, HoldRow, JobRow, StoreError};
use sync_core::{
    code::Code,
    id::{JobId, LinkId},
    operation::Refusal,
    value::Value,
};
use wire::api::v1::{Decided, Hold, HoldChoice, Page};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::{Body, Parameters, Slice, jobs_named, page_size},
    render::{Names, face},
};
use crate::{access::actor, agents::blocking, app::App};

// LIMIT: links read at once when all are released.
const SLICE: usize = 5_000;
// LIMIT: names told with a release.
const NAMES_TOLD: usize = 20;

/// `GET /holds`.
pub async fn list(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<Hold>> {
    let after: i64 = match &slice.after {
        None => 0,
        Some(after) => after
            .parse()
            .map_err(|_| ApiError::invalid("after is not a place in this list"))?,
    };
    let size = page_size(slice.limit);
    let page = blocking(app.engine(), move |engine| {
        let names = Names::read(engine)?;
        let mut items: Vec<Hold> = Vec::new();
        let mut links = 0;
        for job in jobs_named(engine, slice.job.as_deref())? {
            for link in engine.held_links(job.id, after, size - links)? {
                links += 1;
                for row in engine.holds_of(link)? {
                    items.push(shown(&names, engine, &job, &row)?);
                }
            }
            if links >= size {
                let next = items.last().map(|last| last.id.clone());
                return Ok(Page { items, next });
            }
        }
        Ok(Page::whole(items))
    })
    .await?;
    Ok(Json(page))
}

/// A hold as people see it.
///
/// # Errors
/// Of the store.
pub(super) fn shown(
    names: &Names<'_>,
    engine: &Engine,
    job: &JobRow,
    row: &HoldRow,
) -> Result<Hold, StoreError> {
    let face = face(engine, row.link)?;
    let values = |name: &str, values: &[Value]| match values {
        [] => "nothing".to_owned(),
        values => names.values(job.id.0, name, values).join(", "),
    };
    let (kind, attribute, what, until) = match &row.what {
        HeldWhat::Object(true) => (
            "object",
            String::new(),
            "stays in the target".to_owned(),
            None,
        ),
        HeldWhat::Object(false) => (
            "object",
            String::new(),
            "stays out of the target".to_owned(),
            None,
        ),
        HeldWhat::Attribute(name, keep, wanted) => (
            "attribute",
            name.to_string(),
            format!("{} instead of {}", values(name, keep), values(name, wanted)),
            None,
        ),
        HeldWhat::References(name, stay, away) => (
            "references",
            name.to_string(),
            format!("{stay} stay, {away} stay away"),
            None,
        ),
        HeldWhat::Deletion => (
            "deletion",
            String::new(),
            "stays in the target".to_owned(),
            None,
        ),
        HeldWhat::Leaver(until) => (
            "leaver",
            String::new(),
            format!("has left, is deleted on {}", time(*until)),
            Some(time(*until)),
        ),
    };
    let state = match kind {
        "leaver" => "leaver",
        _ => row.state.name(),
    };
    Ok(Hold {
        id: row.link.to_string(),
        job: job.name.clone(),
        state: state.into(),
        kind: kind.into(),
        name: face.name,
        class: face.class,
        dn: face.dn,
        attribute,
        what,
        undo: row.undo,
        since: time(row.at),
        until,
    })
}

/// `POST /holds/release`: source and rules decide again.
pub async fn release(State(app): State<App>, Body(choice): Body<HoldChoice>) -> Answer<Decided> {
    if choice.all != choice.ids.is_empty() {
        return Err(ApiError::invalid("give either ids or all"));
    }
    let parsed: Result<Vec<i64>, _> = choice.ids.iter().map(|id| id.parse()).collect();
    let wanted: Vec<LinkId> = parsed
        .map_err(|_| ApiError::invalid("an id is a number from the list of holds"))?
        .into_iter()
        .map(LinkId)
        .collect();
    let (decided, touched) = blocking(app.engine(), move |engine| {
        let mut decided = Decided::default();
        let mut touched: Vec<JobId> = Vec::new();
        let mut all: Vec<LinkId> = Vec::new();
        for job in jobs_named(engine, choice.job.as_deref())? {
            let links = held(engine, &job, &wanted, &choice)?;
            if !links.is_empty() {
                touched.push(job.id);
            }
            all.extend(links);
        }
        if let Some(link) = wanted.iter().find(|link| !all.contains(link)) {
            return Err(StoreError::Refused(
                Refusal::new(Code::NotFound)
                    .with("what", "hold")
                    .with("name", link.to_string()),
            ));
        }
        if let Some(expected) = choice.expected
            && all.len() as u64 > expected
        {
            return Err(StoreError::Refused(Refusal::new(Code::Conflict).with(
                "text",
                format!(
                    "{} objects are held by now, not {expected}; look at the list again (`hybridge holds list`)",
                    all.len()
                ),
            )));
        }
        for link in all.iter().take(NAMES_TOLD) {
            let found = engine.space_object(engine::object_of(*link))?;
            decided.names.extend(found.map(|found| found.object.dn));
        }
        if !all.is_empty() {
            decided.count = engine.release_holds(&all, &actor())? as u64;
        }
        Ok((decided, touched))
    })
    .await?;
    for job in touched {
        app.wake(job).notify_one();
    }
    Ok(Json(decided))
}

/// The links with holds that are concerned.
fn held(
    engine: &Engine,
    job: &JobRow,
    wanted: &[LinkId],
    choice: &HoldChoice,
) -> Result<Vec<LinkId>, StoreError> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let slice = engine.held_links(job.id, after, SLICE)?;
        let is_last = slice.len() < SLICE;
        after = slice.last().map_or(after, |last| last.0);
        for link in slice {
            let is_concerned = match choice.all {
                false => wanted.contains(&link),
                true => match choice.undo {
                    None => true,
                    Some(undo) => engine
                        .holds_of(link)?
                        .iter()
                        .any(|row| row.undo == Some(undo)),
                },
            };
            if is_concerned {
                all.push(link);
            }
        }
        if is_last {
            return Ok(all);
        }
    }
}
