//! Several source objects that want one object of the target: within a batch, and against who has it already.
//!
//! Gathers who is concerned and asks the core ([`sync_core::claim`]); whoever does not get the object waits with
//! `DuplicateSourceEntries`. Only within one job does an object change hands: what belongs to another job is first let go of
//! there. Trap: an object found in the target is asked about even if nobody else of the batch wants it, because its link may
//! have been made years ago.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use engine::{Engine, Holder, JobRow};
use sync_core::{
    claim::Claimant,
    code::Code,
    id::{LinkId, TargetId},
    operation::Refusal,
    plan::{Decision, IMMUTABLE_ID, Wanted},
};

use crate::{agents::blocking, planner::Draft};

/// Refuses those that do not get the object they found; of the others, says from which link they take it, by place.
///
/// # Errors
/// Of the store.
pub(crate) async fn settle(
    engine: &Engine,
    job: &Arc<JobRow>,
    drafts: &mut [Draft],
) -> Result<HashMap<usize, LinkId>, Refusal> {
    let wanted = wanted(drafts);
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let targets: Vec<TargetId> = wanted.keys().cloned().map(TargetId::from).collect();
    let row = job.clone();
    let holders = blocking(engine, move |engine| engine.holders(&row, &targets)).await?;
    let mut held: HashMap<&str, Vec<&Holder>> = HashMap::new();
    for holder in &holders {
        held.entry(&holder.target).or_default().push(holder);
    }
    let mut taken = HashMap::new();
    for (target, places) in &wanted {
        let winner = first(drafts, places);
        for place in places.iter().filter(|place| Some(**place) != winner) {
            let other = winner.and_then(|winner| drafts.get(winner));
            let anchor = other.map(|other| other.item.source.anchor.guid_text());
            refuse(drafts, *place, target, &anchor.unwrap_or_default());
        }
        let Some(winner) = winner else { continue };
        for holder in held.get(target.as_str()).into_iter().flatten() {
            match take(drafts, winner, holder, job) {
                Take::Own => {}
                Take::From(link) => _ = taken.insert(winner, link),
                Take::Not => {
                    refuse(drafts, winner, target, &holder.anchor);
                    taken.remove(&winner);
                    break;
                }
            }
        }
    }
    Ok(taken)
}

/// Who of the batch wants which object of the target that exists.
fn wanted(drafts: &[Draft]) -> BTreeMap<String, Vec<usize>> {
    let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        if let Decision::Operate(operation) = &draft.decision
            && operation.adopted.is_some()
            && let Some(target) = &operation.target
        {
            all.entry(target.to_string()).or_default().push(place);
        }
    }
    all
}

fn claimant(draft: &Draft) -> Claimant {
    match &draft.wanted {
        Wanted::Present(desired) => Claimant::with(&desired.attributes),
        _ => Claimant {
            leaves: true,
            is_enabled: None,
        },
    }
}

/// The one that no other of them comes before; of equals the first.
fn first(drafts: &[Draft], places: &[usize]) -> Option<usize> {
    places.iter().copied().reduce(|best, other| {
        let pair = (drafts.get(best), drafts.get(other));
        match pair {
            (Some(one), Some(two)) if claimant(two).comes_before(claimant(one)) => other,
            _ => best,
        }
    })
}

enum Take {
    /// It is its own already.
    Own,
    /// It gets it from this link.
    From(LinkId),
    /// It does not get it.
    Not,
}

fn take(drafts: &[Draft], place: usize, holder: &Holder, job: &JobRow) -> Take {
    match drafts.get(place) {
        Some(draft) if draft.item.link == holder.link => Take::Own,
        Some(draft)
            if engine::job_of(holder.link) == job.id
                && claimant(draft).comes_before(holder.claimant) =>
        {
            Take::From(holder.link)
        }
        _ => Take::Not,
    }
}

/// `holder` is the anchor of the source object that has it, or gets it.
fn refuse(drafts: &mut [Draft], place: usize, target: &str, holder: &str) {
    let Some(draft) = drafts.get_mut(place) else {
        return;
    };
    let Decision::Operate(operation) = &draft.decision else {
        return;
    };
    draft.decision = Decision::Refuse(
        Refusal::new(Code::DuplicateSourceEntries)
            .with("attribute", IMMUTABLE_ID)
            .with("value", &operation.source_anchor)
            .with("target", target)
            .with("holder", holder),
    );
}
