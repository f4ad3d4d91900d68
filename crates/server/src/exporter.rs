//! Carrying out pending exports in the target.
//!
//! Decides nothing about objects: what is ready is sent, what comes back is reported. Trap: an operation whose answer was
//! lost is read back first; it is sent again only if the target still holds exactly what it held before.

use std::{collections::BTreeMap, sync::Arc};

use connectors::Target;
use engine::{Engine, JobRow, PlannedChange};
use sync_core::{
    code::Code,
    id::{LinkId, TargetId},
    operation::{Lookup, Outcome, Refusal, Verb},
    plan::{Settled, settle},
};
use tracing::trace;

use crate::{agents::blocking, set_aside, unique};

/// Operations carried out at once.
pub const BATCH: usize = 2_000;

/// What a step of export came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Operations reported.
    pub reported: usize,
    /// What came of them: `created`, `updated`, `disabled`, `deleted`, `restored`, `failed`, `stale`, `unknown`.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Operations that were carried out and whose outcomes are not stored yet.
pub struct Carried {
    outcomes: Vec<(PlannedChange, Outcome)>,
    /// The last link among them.
    pub last: LinkId,
}

/// Carries out what is ready behind this link, at most `limit` operations; `None`: nothing is ready there.
///
/// # Errors
/// If the target could not be reached at all, or refused the credential; then the operations stay ready.
pub async fn carry_out(
    engine: &Engine,
    job: &Arc<JobRow>,
    target: &Arc<dyn Target>,
    after: Option<LinkId>,
    limit: usize,
) -> Result<Option<Carried>, Refusal> {
    let id = job.id;
    let ready = blocking(engine, move |engine| {
        engine.take_ready_after(id, after, limit)
    })
    .await?;
    let Some(last) = ready.iter().map(|change| change.link).max() else {
        return Ok(None);
    };
    let (unknown, certain): (Vec<_>, Vec<_>) =
        ready.into_iter().partition(|change| change.is_unknown);
    let mut outcomes = Vec::new();
    let mut send = certain;
    for (change, settled) in read_back(target, unknown).await? {
        match settled {
            Some(outcome) => outcomes.push((change, outcome)),
            None => send.push(change),
        }
    }
    if !send.is_empty() {
        let mut answers = unique::apply(target, &send).await?;
        create_alone(target, &mut send, &mut answers).await;
        if job.settings.set_conflicts_aside {
            set_aside::send_again(target, &mut send, &mut answers).await;
        }
        outcomes.extend(send.into_iter().zip(answers));
    }
    Ok(Some(Carried { outcomes, last }))
}

/// Nobody is kept out by those they refer to: a creation refused for one of its references is tried without them. They are
/// planned by themselves then, and fail by themselves.
async fn create_alone(
    target: &Arc<dyn Target>,
    changes: &mut [PlannedChange],
    answers: &mut [Outcome],
) {
    let mut again: Vec<(&mut PlannedChange, &mut Outcome)> = changes
        .iter_mut()
        .zip(answers)
        .filter(|(change, answer)| {
            change.pending.verb == Verb::Create
                && !change.pending.references.is_empty()
                && matches!(answer, Outcome::Refused(why) if is_about_references(why.code))
        })
        .collect();
    if again.is_empty() {
        return;
    }
    for (change, _) in &mut again {
        change.pending.references.clear();
        change.pending.edges.clear();
    }
    let operations: Vec<_> = again.iter().map(|(c, _)| c.operation()).collect();
    // The first answers stand if the target fails now: these are tried again later, planned anew.
    if let Ok(outcomes) = target.apply(&operations).await {
        for ((_, answer), outcome) in again.into_iter().zip(outcomes) {
            *answer = outcome;
        }
    }
}

fn is_about_references(code: Code) -> bool {
    matches!(
        code,
        Code::UnableToResolveReferenceAttributeValue | Code::InvalidAnchor
    )
}

/// Stores what came of operations.
///
/// # Errors
/// Of the store; then the operations are as they were, and are read back after the next start.
pub async fn store(
    engine: &Engine,
    job: &Arc<JobRow>,
    carried: Carried,
) -> Result<Exported, Refusal> {
    let outcomes = carried.outcomes;
    let mut counts = BTreeMap::new();
    for (change, outcome) in &outcomes {
        *counts
            .entry(word(change.pending.verb, outcome))
            .or_default() += 1;
        if matches!(outcome, Outcome::Done { .. }) && !change.asides.is_empty() {
            *counts.entry("warnings").or_default() += 1;
        }
    }
    let reported = outcomes.len();
    let row = job.clone();
    trace!(
        job = row.id.0,
        outcomes = reported,
        "storing what came of operations"
    );
    blocking(engine, move |engine| engine.report(&row, &outcomes)).await?;
    Ok(Exported { reported, counts })
}

/// How an outcome is counted.
fn word(verb: Verb, outcome: &Outcome) -> &'static str {
    match (outcome, verb) {
        (Outcome::Refused(_), _) => "failed",
        (Outcome::Stale, _) => "stale",
        (Outcome::Unknown, _) => "unknown",
        (Outcome::Done { .. }, Verb::Create) => "created",
        (Outcome::Done { .. }, Verb::Update) => "updated",
        (Outcome::Done { .. }, Verb::Disable) => "disabled",
        (Outcome::Done { .. }, Verb::Delete) => "deleted",
        (Outcome::Done { .. }, Verb::Restore) => "restored",
    }
}

/// Settles operations whose answers were lost; `None`: certainly not carried out, send it.
async fn read_back(
    target: &Arc<dyn Target>,
    unknown: Vec<PlannedChange>,
) -> Result<Vec<(PlannedChange, Option<Outcome>)>, Refusal> {
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let lookups: Vec<Lookup> = unknown
        .iter()
        .map(|change| {
            let pending = &change.pending;
            match (&pending.target, pending.verb) {
                (Some(id), verb) if verb != Verb::Create => Lookup::Id(TargetId::from(id.as_str())),
                _ => Lookup::SourceAnchor(pending.class.clone(), pending.source_anchor.clone()),
            }
        })
        .collect();
    let answers = target.find(&lookups).await?;
    if answers.len() != unknown.len() {
        return Err(Refusal::new(Code::TargetFault)
            .with("text", "the target answered another number of questions"));
    }
    let settled = unknown.into_iter().zip(answers).map(|(mut change, found)| {
        let pending = &change.pending;
        let found = found.into_iter().next();
        // An object that does not carry our anchor has not been taken over, whatever else it holds.
        let is_ours = found
            .as_ref()
            .is_none_or(|object| object.source_anchor.as_deref() == Some(&*pending.source_anchor));
        let settled = settle(
            pending.verb,
            &pending.attributes,
            &pending.precondition,
            found.as_ref(),
            pending.references.is_empty() && is_ours,
        );
        if settled == Settled::Done && pending.verb == Verb::Create {
            // It may have been created alone: its references are planned again, and cost nothing where they are there.
            change.pending.references.clear();
            change.pending.edges.clear();
        }
        let outcome = match (settled, found) {
            (Settled::NotDone, _) => None,
            (Settled::Differs, _) => Some(Outcome::Stale),
            (Settled::Done, Some(object)) => Some(Outcome::Done {
                target: object.id,
                version: object.version,
            }),
            (Settled::Done, None) => {
                let id = change.pending.target.clone().unwrap_or_default();
                Some(Outcome::Done {
                    target: id.into(),
                    version: 0,
                })
            }
        };
        (change, outcome)
    });
    Ok(settled.collect())
}
