//! What the guard holds: list, allow, refuse. Deletes and disables, then losses of members and values.
//!
//! Trap: "all" is what is held now; if that is more than the administrator saw, nothing is done.

use axum::{Json, extract::State};
use engine::{DeleteChoice, Engine, JobRow, PendingState, StagedDelete, StagedLoss, StoreError};
use sync_core::{
    code::Code,
    hold::HoldState,
    id::{JobId, LinkId},
    operation::Refusal,
};
use wire::api::v1::{Decided, Deletion, DeletionChoice, Page, Verdict};

use super::{
    convert::time,
    error::{Answer, ApiError},
    extract::{Body, Parameters, Slice, jobs_named, page_size},
    pending::verb,
    render::face,
};
use crate::{access::actor, agents::blocking, app::App};

// LIMIT: names told with a decision.
const NAMES_TOLD: usize = 20;
// LIMIT: held deletions read at once.
const SLICE: usize = 1_000;

/// The list is gone through twice: deletions of all jobs, then losses of all jobs. A place says where.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    is_losses: bool,
    after: i64,
}

fn place(after: Option<&str>) -> Result<Place, ApiError> {
    let invalid = || ApiError::invalid("after is not a place in this list");
    let after = after.unwrap_or("0");
    let (is_losses, number) = match after.strip_prefix(LOSSES) {
        Some(number) => (true, number),
        None => (false, after),
    };
    let after = number.parse().map_err(|_| invalid())?;
    Ok(Place { is_losses, after })
}

/// Marks a place among the losses.
const LOSSES: &str = "losses:";

/// `GET /deletions`.
pub async fn list(
    State(app): State<App>,
    Parameters(slice): Parameters<Slice>,
) -> Answer<Page<Deletion>> {
    let mut place = place(slice.after.as_deref())?;
    let size = page_size(slice.limit);
    let page = blocking(app.engine(), move |engine| {
        let jobs = jobs_named(engine, slice.job.as_deref())?;
        let mut items = Vec::new();
        if !place.is_losses {
            for job in &jobs {
                for staged in engine.staged_deletes(job.id, place.after, size - items.len())? {
                    items.push(shown(engine, job, staged)?);
                }
                if items.len() >= size {
                    let next = items.last().map(|last: &Deletion| last.id.clone());
                    return Ok(Page { items, next });
                }
            }
            place = Place {
                is_losses: true,
                after: 0,
            };
        }
        for job in &jobs {
            // One link may lose members and values: it is not cut in two.
            for loss in engine.staged_losses(job.id, place.after, 2 * size)? {
                if items.len() >= size && loss.link.0 != place.after {
                    let next = Some(format!("{LOSSES}{}", place.after));
                    return Ok(Page { items, next });
                }
                place.after = loss.link.0;
                items.push(shown_loss(engine, job, loss)?);
            }
        }
        Ok(Page::whole(items))
    })
    .await?;
    Ok(Json(page))
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
        count: 1,
        what: Vec::new(),
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

/// Ends of the ids of losses.
const MEMBERS: &str = "-members";
const VALUES: &str = "-values";

fn shown_loss(engine: &Engine, job: &JobRow, loss: StagedLoss) -> Result<Deletion, StoreError> {
    let face = face(engine, loss.link)?;
    let link = engine.link_row(job.id, engine::object_of(loss.link))?;
    let (end, verb) = match loss.is_members {
        true => (MEMBERS, "removeMembers"),
        false => (VALUES, "clearValues"),
    };
    Ok(Deletion {
        id: format!("{}{end}", loss.link),
        job: job.name.clone(),
        verb: verb.into(),
        count: loss.count,
        what: loss.what,
        name: face.name,
        class: face.class,
        anchor: face.anchor,
        dn: face.dn,
        target: link.and_then(|link| link.target).unwrap_or_default(),
        is_refused: loss.state == HoldState::Refused,
        reason: job.guard.as_ref().map(Into::into),
        since: time(loss.at),
    })
}

/// What an id of the list is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Deletion(LinkId),
    Loss(LinkId, bool),
}

fn named(id: &str) -> Result<Named, ApiError> {
    let number = |text: &str| {
        text.parse().map(LinkId).map_err(|_| {
            ApiError::invalid("an id is one of the list of what is held (`hybridge deletes list`)")
        })
    };
    if let Some(text) = id.strip_suffix(MEMBERS) {
        return Ok(Named::Loss(number(text)?, true));
    }
    match id.strip_suffix(VALUES) {
        Some(text) => Ok(Named::Loss(number(text)?, false)),
        None => Ok(Named::Deletion(number(id)?)),
    }
}

/// What a decision is about, of one job.
#[derive(Default)]
struct Chosen {
    deletions: Vec<LinkId>,
    losses: Vec<(LinkId, bool)>,
    names: Vec<String>,
}

impl Chosen {
    fn len(&self) -> usize {
        self.deletions.len() + self.losses.len()
    }

    fn holds(&self, named: &Named) -> bool {
        match named {
            Named::Deletion(link) => self.deletions.contains(link),
            Named::Loss(link, is_members) => self.losses.contains(&(*link, *is_members)),
        }
    }
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
    let wanted: Vec<Named> = choice
        .ids
        .iter()
        .map(|id| named(id))
        .collect::<Result<_, _>>()?;
    let (decided, touched) = blocking(app.engine(), move |engine| {
        let mut plan = Vec::new();
        for job in jobs_named(engine, choice.job.as_deref())? {
            let chosen = held(engine, &job, &wanted, choice.all)?;
            if chosen.len() > 0 {
                plan.push((job.id, chosen));
            }
        }
        let count: usize = plan.iter().map(|(_, chosen)| chosen.len()).sum();
        check(choice.all, choice.expected, &wanted, count, &plan)?;
        let mut decided = Decided::default();
        let mut touched = Vec::new();
        for (job, chosen) in plan {
            touched.push(job);
            decided.names.extend(chosen.names);
            for some in [
                DeleteChoice::Some(chosen.deletions),
                DeleteChoice::Losses(chosen.losses),
            ] {
                decided.count += match verdict {
                    Verdict::Allow => engine.allow_deletes(job, &some, &actor())?,
                    Verdict::Refuse => engine.refuse_deletes(job, &some, &actor())?,
                } as u64;
            }
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
fn held(engine: &Engine, job: &JobRow, wanted: &[Named], all: bool) -> Result<Chosen, StoreError> {
    let mut chosen = Chosen::default();
    let mut after = 0;
    loop {
        let slice = engine.staged_deletes(job.id, after, SLICE)?;
        let is_last = slice.len() < SLICE;
        after = slice.last().map_or(after, |last| last.link.0);
        let is_concerned = |one: &StagedDelete| match all {
            true => one.state == PendingState::Held,
            false => wanted.contains(&Named::Deletion(one.link)),
        };
        for one in slice.into_iter().filter(is_concerned) {
            chosen.deletions.push(one.link);
            chosen.names.push(one.name);
        }
        if is_last {
            break;
        }
    }
    for loss in engine.staged_losses(job.id, 0, usize::MAX >> 1)? {
        let is_concerned = match all {
            true => loss.state == HoldState::Held,
            false => wanted.contains(&Named::Loss(loss.link, loss.is_members)),
        };
        if is_concerned {
            let name = engine
                .space_object(engine::object_of(loss.link))?
                .map(|found| found.object.dn);
            chosen.losses.push((loss.link, loss.is_members));
            chosen.names.extend(name);
        }
    }
    Ok(chosen)
}

fn check(
    all: bool,
    expected: Option<u64>,
    wanted: &[Named],
    count: usize,
    plan: &[(JobId, Chosen)],
) -> Result<(), StoreError> {
    if all {
        return match expected {
            Some(expected) if count as u64 > expected => Err(StoreError::Refused(
                Refusal::new(Code::Conflict)
                    .with("seen", expected.to_string())
                    .with("held", count.to_string())
                    .with("text", "more is held by now; look at the list again"),
            )),
            _ => Ok(()),
        };
    }
    let is_known = |one: &Named| plan.iter().any(|(_, chosen)| chosen.holds(one));
    match wanted.iter().find(|one| !is_known(one)) {
        Some(one) => {
            let name = match one {
                Named::Deletion(link) => link.to_string(),
                Named::Loss(link, true) => format!("{link}{MEMBERS}"),
                Named::Loss(link, false) => format!("{link}{VALUES}"),
            };
            Err(StoreError::Refused(
                Refusal::new(Code::NotFound)
                    .with("what", "held deletion")
                    .with("name", name),
            ))
        }
        None => Ok(()),
    }
}
