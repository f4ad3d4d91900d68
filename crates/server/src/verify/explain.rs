//! Why a difference is there: asked of the engine, about one object at a time, after the comparison is over.
//!
//! Never makes a difference disappear: it is only reported among the explained ones. Trap: an explanation must name a state
//! that ends by itself or waits for a person; anything else is a fault and stays unexplained.

use engine::{Engine, HeldWhat, JobRow, ObjectState, PendingState, PendingView, StoreError};
use sync_core::{
    code::Code,
    hold::HoldState,
    id::{Anchor, ObjectId},
    operation::Refusal,
};

use super::Found;

/// Kind and reason, if there is one.
pub type Reason = Option<(&'static str, Option<Refusal>)>;

/// Explains a difference.
///
/// # Errors
/// Of the store.
pub fn explain(engine: &Engine, job: &JobRow, found: &Found) -> Result<Reason, StoreError> {
    if let Some(fault) = &found.fault {
        return Ok(Some(("failed", Some(fault.clone()))));
    }
    let Some(object) = object_of(engine, job, found)? else {
        return another_jobs(engine, job, found);
    };
    if let Some(aside) = set_aside(engine, job, object, &found.difference.attribute)? {
        return Ok(Some(("setAside", Some(aside))));
    }
    if let Some(reason) = of_link(engine, job, object, found.is_reference)? {
        return Ok(Some(reason));
    }
    if let Some(why) = shares_its_anchor(engine, job, object, found)? {
        return Ok(Some(("failed", Some(why))));
    }
    if let Some(reason) = of_holds(engine, job, object)? {
        return Ok(Some(reason));
    }
    let state = engine.space_object(object)?.map(|space| space.object.state);
    Ok(match state {
        Some(ObjectState::Vanished | ObjectState::Missing) => {
            Some(("held", Some(Refusal::new(Code::ObjectVanished))))
        }
        _ => None,
    })
}

fn object_of(engine: &Engine, job: &JobRow, found: &Found) -> Result<Option<ObjectId>, StoreError> {
    if let Some(anchor) = Anchor::from_guid_text(&found.difference.anchor) {
        return engine.object_by_anchor(job.source, &anchor);
    }
    let links = engine.links_of_target(&found.difference.target)?;
    let own = links
        .into_iter()
        .find(|link| engine::job_of(*link) == job.id);
    Ok(own.map(engine::object_of))
}

/// An object that only other jobs hold is theirs.
fn another_jobs(engine: &Engine, job: &JobRow, found: &Found) -> Result<Reason, StoreError> {
    if found.difference.target.is_empty() {
        return Ok(None);
    }
    let links = engine.links_of_target(&found.difference.target)?;
    let is_others = !links.is_empty() && links.iter().all(|link| engine::job_of(*link) != job.id);
    Ok(is_others.then_some(("anotherJob", None)))
}

/// Two source objects have one source anchor, and this one has the target object: why the other one waits.
fn shares_its_anchor(
    engine: &Engine,
    job: &JobRow,
    object: ObjectId,
    found: &Found,
) -> Result<Option<Refusal>, StoreError> {
    let about = &found.difference;
    if about.target.is_empty() || !about.attribute.is_empty() {
        return Ok(None);
    }
    let Some(link) = engine.link_row(job.id, object)? else {
        return Ok(None);
    };
    let is_its_own = link.target.as_deref() == Some(about.target.as_str());
    let Some(anchor) = link.source_anchor.filter(|_| is_its_own) else {
        return Ok(None);
    };
    for waiting in engine.waiting_for(job.id, &anchor)? {
        let other = engine.link_row(job.id, engine::object_of(waiting))?;
        let why = other.and_then(|other| other.reason);
        if let Some(why) = why.filter(|why| why.code == Code::DuplicateSourceEntries) {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

/// A value that another object holds is not expected in this one.
fn set_aside(
    engine: &Engine,
    job: &JobRow,
    object: ObjectId,
    attribute: &str,
) -> Result<Option<Refusal>, StoreError> {
    let link = engine::link_id(job.id, object);
    let mut rows = engine.asides(link)?.into_iter();
    Ok(rows
        .find(|row| row.aside.touches(attribute))
        .map(|row| row.aside.refusal()))
}

/// What is held stays different until somebody decides, or until its grace period is over.
fn of_holds(engine: &Engine, job: &JobRow, object: ObjectId) -> Result<Reason, StoreError> {
    let holds = engine.holds_of(engine::link_id(job.id, object))?;
    let Some(hold) = holds.first() else {
        return Ok(None);
    };
    let why = match (hold.state, &hold.what) {
        (_, HeldWhat::Leaver(_)) => Refusal::new(Code::LeaverWaits),
        (HoldState::Held, _) => job
            .guard
            .clone()
            .unwrap_or_else(|| Refusal::new(Code::TooManyDeletes)),
        (HoldState::Refused, _) => Refusal::new(Code::DeletionRefused),
        (HoldState::Undone, _) => Refusal::new(Code::UndoneByAdministrator),
        (HoldState::Allowed, _) => return Ok(Some(("inFlight", None))),
    };
    Ok(Some(("held", Some(why))))
}

fn of_link(
    engine: &Engine,
    job: &JobRow,
    object: ObjectId,
    is_reference: bool,
) -> Result<Reason, StoreError> {
    let Some(link) = engine.link_row(job.id, object)? else {
        return Ok(None);
    };
    if link.is_due || (is_reference && link.are_references_due) {
        return Ok(Some(("inFlight", None)));
    }
    if let Some(row) = engine.pending_export(link.link)? {
        let why = row.reason.or(row.pending.and_then(|pending| pending.why));
        return Ok(match row.view {
            PendingView::State(PendingState::Held) => Some(("held", job.guard.clone().or(why))),
            PendingView::State(PendingState::Refused) => {
                Some(("held", Some(Refusal::new(Code::DeletionRefused))))
            }
            _ => Some(("inFlight", None)),
        });
    }
    let is_in_escrow = link.attempts > 0 && link.retry_at.is_some();
    Ok(link
        .reason
        .filter(|_| is_in_escrow)
        .map(|why| ("failed", Some(why))))
}
