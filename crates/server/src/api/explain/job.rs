//! One object in one job: gathers what is stored, runs the planner's steps, and asks the target.
//!
//! Stores nothing. Trap: where the rules cannot be evaluated (a source never reached, an unknown container), what is stored is
//! shown all the same, and the state is `unknown`.

use std::{collections::BTreeMap, sync::Arc};

use connectors::Target;
use engine::{
    AsideRow, ConnectorRow, DueItem, DuePlace, Engine, HoldRow, JobRow, LinkRow, ObjectState,
    PendingRow, PendingView, PlannedOutcome, ReferenceState, SpaceObject, StoreError, Waiter,
    WaitingReason,
};
use sync_core::{
    id::{JobId, ObjectId, TargetId},
    mapping::{self, evaluate::Evaluation, scoped},
    operation::{Lookup, Refusal, TargetObject, Verb},
    plan::{Decision, LinkView, Wanted, decide},
    scope::Verdict,
};
use wire::api::v1::{
    Candidate, DueView, Escrow, ExplainedClause, ExplainedGroup, ExplainedJob, ExplainedReference,
    ExplainedScope, Hold, MatchAttempt, Named, PendingExport, References,
};

use super::{
    attributes::{self, Held},
    awaited,
    verdict::{self, Known},
};
use crate::{
    agents::blocking,
    api::{
        convert::{time, time_option},
        holds, objects, pending,
        render::Names,
    },
    app::App,
    places,
    planner::{self, Surroundings},
    redaction::Hidden,
    scheduler,
};

// LIMIT: objects named per reference attribute, and of those that wait for this one.
const NAMED: usize = 10;

/// What is stored of an object in a job.
struct Stored {
    hidden: Hidden,
    asides: Vec<AsideRow>,
    item: Option<DueItem>,
    link: Option<LinkRow>,
    pending: Option<PendingRow>,
    pending_shown: Option<PendingExport>,
    due: Option<DuePlace>,
    holds: Vec<HoldRow>,
    holds_shown: Vec<Hold>,
    references: Vec<ReferenceState>,
    waiters: Vec<Waiter>,
    reasons: BTreeMap<ObjectId, WaitingReason>,
    names: BTreeMap<ObjectId, Named>,
}

/// What the planner and the target say.
#[derive(Default)]
struct Evaluated {
    evaluation: Option<Evaluation>,
    scopes: Vec<ExplainedScope>,
    matching: Vec<MatchAttempt>,
    desired: Option<sync_core::value::Attributes>,
    outcome: Option<PlannedOutcome>,
    target: Option<TargetObject>,
    /// The target object's attributes to which references flow, by source attribute.
    mapped: Vec<(String, String)>,
}

/// Explains an object in a job.
///
/// # Errors
/// Of the store.
pub async fn explain(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    space: &SpaceObject,
) -> Result<ExplainedJob, Refusal> {
    let (id, object) = (job.id, space.object.id);
    let mut stored = blocking(app.engine(), move |engine| gather(engine, id, object)).await?;
    let evaluated = match stored.item.take() {
        Some(item) => evaluate(app, job, source, item, stored.link.as_ref()).await,
        None => Ok(Evaluated::default()),
    };
    let (evaluated, problem) = match evaluated {
        Ok(evaluated) => (evaluated, None),
        Err(why) => (Evaluated::default(), Some(why)),
    };
    let mut shown = shown(job, &stored, &evaluated, app.engine().now());
    let known = Known {
        job,
        source,
        name: name(space),
        state: space.object.state,
        link: stored.link.as_ref(),
        pending: stored.pending.as_ref(),
        due: shown.due.as_ref(),
        holds: &stored.holds,
        problem: problem.as_ref(),
        outcome: evaluated.outcome.as_ref(),
        target: evaluated.target.as_ref(),
        attributes: &shown.attributes,
        references: &shown.references,
    };
    let verdict = verdict::of(&known);
    shown.state = verdict.state.into();
    shown.is_in_sync = verdict.is_in_sync;
    shown.sentence = verdict.sentence;
    shown.cure = verdict.cure;
    shown.problem = problem.map(Into::into);
    Ok(shown)
}

fn name(space: &SpaceObject) -> String {
    let text = |name: &str| space.object.attributes.text(name).map(str::to_owned);
    text("displayName")
        .or_else(|| text("cn"))
        .unwrap_or_else(|| match space.object.dn.as_str() {
            "" => space.object.anchor.guid_text(),
            dn => dn.to_owned(),
        })
}

fn gather(engine: &Engine, job: JobId, object: ObjectId) -> Result<Stored, StoreError> {
    let mut item = engine.plan_item(job, object)?;
    engine.add_scope_links(job, item.as_mut_slice())?;
    let row = engine
        .pending_export(engine::link_id(job, object))?
        .filter(|row| row.view != PendingView::Escrow);
    let names_shown = Names::read(engine)?;
    let pending_shown = match &row {
        Some(row) => Some(pending::shown(engine, row, &names_shown)?),
        None => None,
    };
    let references = engine.reference_states(job, object, NAMED)?;
    let waiters = engine.waiters(job, object, NAMED)?;
    let mut names = BTreeMap::new();
    let all = references.iter().flat_map(|one| &one.first);
    for id in all.chain(waiters.iter().map(|one| &one.object)) {
        if let Some(other) = engine.space_object(*id)? {
            let named = Named {
                id: other.object.anchor.guid_text(),
                name: other.object.dn,
            };
            names.insert(*id, named);
        }
    }
    let mut reasons = BTreeMap::new();
    for id in references.iter().flat_map(|one| &one.first) {
        reasons.insert(*id, engine.waiting_reason(job, *id)?);
    }
    let holds = engine.holds_of(engine::link_id(job, object))?;
    let holds_shown = match (holds.is_empty(), engine.job(job)) {
        (true, _) => Vec::new(),
        (false, row) => {
            let row = row?;
            let shown = holds
                .iter()
                .map(|hold| holds::shown(&names_shown, engine, &row, hold));
            shown.collect::<Result<_, _>>()?
        }
    };
    Ok(Stored {
        hidden: Hidden::of_job(engine, job),
        holds,
        holds_shown,
        item,
        reasons,
        asides: engine.asides(engine::link_id(job, object))?,
        link: engine.link_row(job, object)?,
        pending: row,
        pending_shown,
        due: engine.due_place(job, object)?,
        references,
        waiters,
        names,
    })
}

async fn evaluate(
    app: &App,
    job: &JobRow,
    source: &ConnectorRow,
    mut item: DueItem,
    link: Option<&LinkRow>,
) -> Result<Evaluated, Refusal> {
    let rules = scheduler::rules_of(job)?;
    let places = places::of_proposal(app, job, source, &rules).await?;
    let surroundings = scheduler::surroundings_with(app, job, source, rules, &places).await?;
    let id = job.target;
    let row = blocking(app.engine(), move |engine| engine.connector(id)).await?;
    let target: Arc<dyn Target> = app.target(&row)?;
    let mut done = Evaluated::default();
    let is_live = item.source.state == ObjectState::Live;
    let (mut wanted, _) = planner::wanted(&item, &surroundings.rules, &surroundings.context());
    planner::set_aside(&mut wanted, &mut item);
    planner::overlay(&mut wanted, &mut item, &surroundings);
    if is_live {
        let evaluation = over(&item, &surroundings, &mut done);
        done.evaluation = Some(evaluation);
    }
    let own = link.and_then(|link| link.target.clone());
    ask(&target, &wanted, own, &mut done).await?;
    if let Wanted::Present(desired) = wanted {
        done.desired = Some(desired.attributes);
    }
    let row = Arc::new(job.clone());
    let mut plans = planner::plan(app.engine(), &row, vec![item], &surroundings, &target).await?;
    done.outcome = plans.pop().map(|planned| planned.outcome);
    Ok(done)
}

/// The rules over the object, with everything they meet.
fn over(item: &DueItem, surroundings: &Surroundings, done: &mut Evaluated) -> Evaluation {
    let view = planner::view_of(item);
    let context = surroundings.context();
    let rules = &surroundings.rules;
    let scopes = scoped::scopes(rules, &view, &context);
    done.scopes = scopes.into_iter().map(scope).collect();
    let evaluation = mapping::explain(rules, &view, &context);
    let pair = |one: &sync_core::schema::checked::ReferenceMapping| {
        (one.source.to_string(), one.target.to_string())
    };
    done.mapped = evaluation.references.iter().map(pair).collect();
    evaluation
}

/// Asks the target for the object itself, and what each matching attempt would find.
async fn ask(
    target: &Arc<dyn Target>,
    wanted: &Wanted,
    own: Option<String>,
    done: &mut Evaluated,
) -> Result<(), Refusal> {
    let (matching, mut questions) = match decide(wanted, &LinkView::unlinked(), None) {
        Decision::Ask(questions) => match wanted {
            Wanted::Present(desired) => (desired.matching.len(), questions),
            _ => (0, questions),
        },
        _ => (0, Vec::new()),
    };
    let attempts = questions.len();
    if let Some(own) = &own {
        questions.push(Lookup::Id(TargetId::from(own.as_str())));
    }
    if questions.is_empty() {
        return Ok(());
    }
    let mut answers = target.find(&questions).await?;
    if own.is_some() && answers.len() > attempts {
        done.target = answers.pop().and_then(|found| found.into_iter().next());
    }
    let pairs = questions.iter().zip(&answers).take(attempts).enumerate();
    done.matching = pairs
        .map(|(index, (question, found))| attempt(index, matching, question, found, own.as_deref()))
        .collect();
    Ok(())
}

fn attempt(
    index: usize,
    matching: usize,
    question: &Lookup,
    found: &[TargetObject],
    own: Option<&str>,
) -> MatchAttempt {
    let kind = match index {
        0 => "hard",
        index if index <= matching => "soft",
        _ => "free",
    };
    let (attribute, value) = match question {
        Lookup::Id(id) => ("id".to_owned(), id.to_string()),
        Lookup::SourceAnchor(_, anchor) => {
            (sync_core::plan::IMMUTABLE_ID.to_owned(), anchor.clone())
        }
        Lookup::Attribute(_, name, value) => (name.to_string(), value.clone()),
        Lookup::ProxyAddress(value) => ("proxyAddresses".to_owned(), value.clone()),
    };
    let candidate = |object: &TargetObject| Candidate {
        id: object.id.to_string(),
        class: object.class.to_string(),
        name: object
            .attributes
            .text("displayName")
            .unwrap_or_default()
            .to_owned(),
        is_deleted: object.is_deleted,
        source_anchor: object.source_anchor.clone(),
        is_own: own == Some(&*object.id.0),
    };
    MatchAttempt {
        kind: kind.into(),
        attribute,
        value,
        found: found.iter().map(candidate).collect(),
    }
}

fn truth(truth: Option<bool>) -> String {
    match truth {
        Some(true) => "true",
        Some(false) => "false",
        None => "unknown",
    }
    .into()
}

fn scope(trace: scoped::ScopeTrace) -> ExplainedScope {
    let (is_in_scope, why) = match &trace.verdict {
        Verdict::InScope => (true, format!("it becomes a {}", trace.target_class)),
        Verdict::Out { reason } => (false, reason.to_string()),
    };
    let clause = |one: sync_core::scope::ClauseResult| ExplainedClause {
        clause: one.clause,
        values: one.values,
        truth: truth(one.truth),
    };
    let group = |one: sync_core::scope::GroupTrace| ExplainedGroup {
        role: one.role.name().into(),
        name: one.name,
        truth: truth(one.truth),
        applies: one.applies,
        clauses: one.clauses.into_iter().map(clause).collect(),
    };
    ExplainedScope {
        mapping: trace.name,
        target_class: trace.target_class.to_string(),
        is_in_scope,
        why,
        containers: match trace.is_in_containers {
            None => "any",
            Some(true) => "inside",
            Some(false) => "outside",
        }
        .into(),
        groups: match trace.is_in_groups {
            None => "any",
            Some(Some(true)) => "member",
            Some(Some(false)) => "notMember",
            Some(None) => "notKnown",
        }
        .into(),
        clauses: trace.groups.into_iter().map(group).collect(),
    }
}

fn shown(job: &JobRow, stored: &Stored, evaluated: &Evaluated, now: i64) -> ExplainedJob {
    let named = |id: &ObjectId| stored.names.get(id).cloned().unwrap_or_default();
    let held = Held {
        link: stored.link.as_ref(),
        target: evaluated.target.as_ref(),
        desired: evaluated.desired.as_ref(),
    };
    let mut shown = ExplainedJob {
        job: Named {
            id: job.guid.clone(),
            name: job.name.clone(),
        },
        scopes: evaluated.scopes.clone(),
        matching: evaluated.matching.clone(),
        attributes: match &evaluated.evaluation {
            Some(evaluation) => attributes::explain(evaluation, held),
            None => Vec::new(),
        },
        references: references(stored, evaluated),
        waited_for_by: stored
            .waiters
            .iter()
            .map(|one| named(&one.object))
            .collect(),
        link: stored
            .link
            .as_ref()
            .map(|link| objects::link_view(link, &stored.asides, &stored.hidden)),
        due: stored.due.as_ref().map(|place| DueView {
            reasons: engine::reason::names(place.reasons)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            since: time(place.since),
            age_ms: now.saturating_sub(place.since).max(0).unsigned_abs(),
            behind: place.ahead,
        }),
        pending: stored.pending_shown.clone(),
        holds: stored.holds_shown.clone(),
        escrow: stored.link.as_ref().and_then(escrow),
        ..ExplainedJob::default()
    };
    if let Some(PlannedOutcome::Operate(draft)) = &evaluated.outcome {
        shown.next = word(draft.verb, draft.adopted.is_some()).into();
        shown.writes = stored.hidden.values(&draft.attributes);
    }
    shown
}

/// An operation in a word.
pub fn word(verb: Verb, adopts: bool) -> &'static str {
    match verb {
        Verb::Update if adopts => "adopt",
        verb => pending::verb(verb),
    }
}

fn escrow(link: &LinkRow) -> Option<Escrow> {
    (link.attempts > 0).then(|| Escrow {
        reason: link.reason.as_ref().map(Into::into),
        attempts: link.attempts,
        retry_at: time_option(link.retry_at),
    })
}

fn references(stored: &Stored, evaluated: &Evaluated) -> Vec<ExplainedReference> {
    let one = |(source, target): &(String, String)| {
        let state = stored
            .references
            .iter()
            .find(|state| state.attribute.eq_ignore_ascii_case(source));
        let mut shown = ExplainedReference {
            name: target.clone(),
            source: source.clone(),
            ..ExplainedReference::default()
        };
        if let Some(state) = state {
            shown.wanted = state.wanted;
            shown.held = state.held;
            shown.outside = state.outside;
            let awaits = |id: &ObjectId| {
                let named = stored.names.get(id).cloned()?;
                Some(awaited::shown(named, stored.reasons.get(id)?))
            };
            shown.waits = state.first.iter().filter_map(awaits).collect();
            shown.waiting = References {
                count: state.waiting,
                first: state
                    .first
                    .iter()
                    .filter_map(|id| stored.names.get(id).cloned())
                    .collect(),
            };
        }
        shown
    };
    evaluated.mapped.iter().map(one).collect()
}
