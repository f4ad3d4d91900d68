//! Deletes and disables the guard holds: list, allow, refuse.
//!
//! Trap: "all" is what is held now; if that is more than the administrator saw, nothing is done.

use axum::{Json, extract::State};
use engine::{DeleteChoice, Engine, JobRow, PendingState, StagedDelete, StoreError};
use sync_core::{code::Code, id::LinkId, operation::Refusal};
use wire::api::v1::{Decided, Deletion, DeletionChoice, Page, Verdict};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::{Body, Parameters, Slice, page_size},
    pending::verb,
};
use crate::{access::actor, agents::blocking, app::App};

// LIMIT: names told with a decision.
const NAMES_TOLD: usize = 20;
// LIMIT: held deletions read at once.
const SLICE: usize = 1_000;

/// `GET /deletions`.
pub async fn list(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<Deletion>> {
    let after: i64 = match &slice.after {
        None => 0,
        Some(after) => after
            .parse()
            .map_err(|_| ApiError::invalid("after is not a place in this list"))?,
    };
    let size = page_size(slice.limit);
    let page = blocking(app.engine(), move |engine| {
        let mut items = Vec::new();
        for job in jobs(engine, slice.job.as_deref())? {
            for staged in engine.staged_deletes(job.id, after, size - items.len())? {
                items.push(shown(engine, &job, staged)?);
            }
            if items.len() >= size {
                let next = items.last().map(|last: &Deletion| last.id.clone());
                return Ok(Page { items, next });
            }
        }
        Ok(Page::whole(items))
    })
    .await?;
    Ok(Json(page))
}

fn jobs(engine: &Engine, name: Option<&str>) -> Result<Vec<JobRow>, StoreError> {
    match name {
        Some(name) => Ok(vec![engine.job_named(name)?]),
        None => engine.jobs(),
    }
}

fn shown(engine: &Engine, job: &JobRow, staged: StagedDelete) -> Result<Deletion, StoreError> {
    let object = engine.space_object(engine::object_of(staged.link))?;
    let pending = engine
        .pending_export(staged.link)?
        .and_then(|row| row.pending);
    Ok(Deletion {
        id: staged.link.to_string(),
        job: job.name.clone(),
        verb: verb(staged.verb).into(),
        class: staged.class,
        name: staged.name,
        dn: object.map(|found| found.object.dn).unwrap_or_default(),
        anchor: staged.anchor.guid_text(),
        target: staged.target.unwrap_or_default(),
        is_refused: staged.state == PendingState::Refused,
        reason: pending.and_then(|pending| pending.why).map(Into::into),
        since: time(staged.planned_at),
    })
}

/// `POST /deletions/allow`: they are carried out.
pub async fn allow(State(app): State<App>, Body(choice): Body<DeletionChoice>) -> Answer<Decided> {
    decide(app, choice, Verdict::Allow).await
}

/// `POST /deletions/refuse`: the objects stay.
pub async fn refuse(State(app): State<App>, Body(choice): Body<DeletionChoice>) -> Answer<Decided> {
    decide(app, choice, Verdict::Refuse).await
}

async fn decide(app: App, choice: DeletionChoice, verdict: Verdict) -> Answer<Decided> {
    if choice.all != choice.ids.is_empty() {
        return Err(ApiError::invalid("give either ids or all"));
    }
    let parsed: Result<Vec<i64>, _> = choice.ids.iter().map(|id| id.parse()).collect();
    let wanted = parsed
        .map_err(|_| ApiError::invalid("an id is a number from the list of held deletions"))?;
    let (decided, touched) = blocking(app.engine(), move |engine| {
        let jobs = jobs(engine, choice.job.as_deref())?;
        let mut decided = Decided::default();
        let mut touched = Vec::new();
        let mut plan = Vec::new();
        for job in jobs {
            let held = held(engine, &job, &wanted, choice.all)?;
            if !held.is_empty() {
                touched.push(job.id);
                plan.push((job.id, held));
            }
        }
        let count: usize = plan.iter().map(|(_, held)| held.len()).sum();
        check(choice.all, choice.expected, &wanted, count, &plan)?;
        for (job, held) in plan {
            decided
                .names
                .extend(held.iter().take(NAMES_TOLD).map(|one| one.name.clone()));
            let chosen = DeleteChoice::Some(held.iter().map(|one| one.link).collect());
            let done = match verdict {
                Verdict::Allow => engine.allow_deletes(job, &chosen, &actor())?,
                Verdict::Refuse => engine.refuse_deletes(job, &chosen, &actor())?,
            };
            decided.count += done as u64;
        }
        decided.names.truncate(NAMES_TOLD);
        Ok((decided, touched))
    })
    .await?;
    for job in touched {
        app.wake(job).notify_one();
    }
    Ok(Json(decided))
}

/// What is concerned: for "all" what is held, for ids also what was refused before.
fn held(
    engine: &Engine,
    job: &JobRow,
    wanted: &[i64],
    all: bool,
) -> Result<Vec<StagedDelete>, StoreError> {
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let slice = engine.staged_deletes(job.id, after, SLICE)?;
        let is_last = slice.len() < SLICE;
        after = slice.last().map_or(after, |last| last.link.0);
        found.extend(slice.into_iter().filter(|one| match all {
            true => one.state == PendingState::Held,
            false => wanted.contains(&one.link.0),
        }));
        if is_last {
            return Ok(found);
        }
    }
}

fn check(
    all: bool,
    expected: Option<u64>,
    wanted: &[i64],
    count: usize,
    plan: &[(sync_core::id::JobId, Vec<StagedDelete>)],
) -> Result<(), StoreError> {
    if all {
        return match expected {
            Some(expected) if count as u64 > expected => Err(StoreError::Refused(
                Refusal::new(Code::Conflict)
                    .with("seen", expected.to_string())
                    .with("held", count.to_string())
                    .with(
                        "text",
                        "more deletions are held by now; look at the list again",
                    ),
            )),
            _ => Ok(()),
        };
    }
    let is_known = |id: &i64| {
        plan.iter()
            .any(|(_, held)| held.iter().any(|one| one.link == LinkId(*id)))
    };
    match wanted.iter().find(|id| !is_known(id)) {
        Some(id) => Err(StoreError::Refused(
            Refusal::new(Code::NotFound)
                .with("what", "held deletion")
                .with("name", id.to_string()),
        )),
        None => Ok(()),
    }
}
