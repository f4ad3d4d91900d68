//! Planning what is due: from stored objects to stored operations.
//!
//! Gathers what the pure core needs (rules, surroundings, answers of the target in one batch) and stores what it decides.
//! Decides nothing itself. Trap: an object whose rules failed in one attribute is not half-written; it goes into escrow whole.

use std::{collections::BTreeMap, sync::Arc};

use connectors::{Target, source::SourceInfo, target::TargetInfo};
use engine::{
    DueItem, Engine, JobRow, MappedReference, ObjectState, PendingState, Planned, PlannedOutcome,
    reason,
};
use jiff::Timestamp;
use sync_core::{
    aside,
    code::Code,
    expression::random::Seed,
    grace,
    id::{Anchor, LinkId},
    mapping::{
        context::{Containers, Context},
        evaluate::{Evaluation, Match, SourceView, evaluate},
    },
    operation::{Lookup, Refusal},
    plan::{Answers, Decision, Desired, Situation, Wanted, decide},
    schema::checked::Rules,
    scope::{ScopeReason, Verdict},
    takeover::Takeover,
    value::{Name, Value},
};
use tracing::trace;

use crate::{agents::blocking, claims};

/// Objects planned at once: so few that the target is busy soon after the first page, and that little is left to do one step
/// after the other behind the last; so many that a transaction for them costs little.
pub const BATCH: usize = 1_000;

/// What a job is planned with: rules and surroundings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The rules, checked.
    pub rules: Arc<Rules>,
    /// What the source said of itself.
    pub source: Arc<SourceInfo>,
    /// What the target said of itself.
    pub target: Arc<TargetInfo>,
    /// Containers in scope, by anchor.
    pub included: Vec<Anchor>,
    /// Containers out of scope, by anchor.
    pub excluded: Vec<Anchor>,
    /// The time of planning.
    pub now: Timestamp,
    /// What random values in expressions are made from.
    pub seed: Seed,
    /// Whether what leaves the scope stays in the target.
    pub leaves_out_of_scope: bool,
    /// What may be taken over in the target.
    pub takeover: Takeover,
    /// Whether a value that another object holds is set aside.
    pub sets_aside: bool,
    /// How many days after it left an object is deleted.
    pub leaver_grace_days: u64,
    /// Whether nothing is carried out, so that what waits to be carried out may be planned anew.
    pub stages: bool,
}

impl Surroundings {
    /// As the rules want it.
    pub fn context(&self) -> Context<'_> {
        Context {
            domain_fqdn: &self.source.domain_fqdn,
            domain_netbios: &self.source.domain_netbios,
            verified_domains: &self.target.verified_domains,
            initial_domain: &self.target.initial_domain,
            containers: Containers {
                included: &self.included,
                excluded: &self.excluded,
            },
            now: Some(self.now),
            seed: Some(&self.seed),
            leaves_out_of_scope: self.leaves_out_of_scope,
            takeover: self.takeover,
            sets_aside: self.sets_aside,
        }
    }

    /// Reference attributes the rules map, by source class.
    pub fn references(&self) -> Vec<MappedReference> {
        references_of(&self.rules)
    }
}

/// Reference attributes some rules map, by source class.
pub fn references_of(rules: &Rules) -> Vec<MappedReference> {
    let of = |mapping: &sync_core::schema::checked::ObjectMapping| {
        let class = mapping.source_class.clone();
        mapping
            .references
            .iter()
            .map(move |reference| MappedReference {
                class: class.clone(),
                source: reference.source.clone(),
                target: reference.target.clone(),
                is_multivalued: reference.is_multivalued,
            })
            .collect::<Vec<_>>()
    };
    rules.mappings().iter().flat_map(of).collect()
}

/// What a step of planning came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedStep {
    /// Objects planned.
    pub planned: usize,
    /// Objects that are due and wait for the outcome of an operation that is ready already.
    pub waiting: usize,
    /// Operations made ready.
    pub ready: usize,
    /// What came of planning: `same`, `skipped`, `unplannable`, `operations`.
    pub counts: BTreeMap<&'static str, u64>,
}

/// Plans the next batch of what is due; each time operations were made ready, their number is told.
///
/// # Errors
/// If the target cannot be asked, or the store fails; then nothing was stored.
pub async fn step(
    engine: &Engine,
    job: &Arc<JobRow>,
    surroundings: &Arc<Surroundings>,
    target: &Arc<dyn Target>,
    mut is_stored: impl FnMut(usize),
) -> Result<PlannedStep, Refusal> {
    let id = job.id;
    let mut items = blocking(engine, move |engine| {
        let mut items = engine.take_due(id, BATCH)?;
        engine.add_scope_links(id, &mut items)?;
        Ok(items)
    })
    .await?;
    let due = items.len();
    items.retain(|item| surroundings.stages || !is_being_carried_out(item.pending));
    let waiting = due - items.len();
    if items.is_empty() {
        return Ok(PlannedStep {
            waiting,
            ..PlannedStep::default()
        });
    }
    let plans = plan(engine, job, items, surroundings, target).await?;
    let planned = plans.len();
    let counts = count(&plans);
    let travelling = match target.creates_with_references() {
        true => surroundings.references(),
        false => Vec::new(),
    };
    let mut ready = 0;
    let work = Arc::new((plans, travelling));
    let mut from = 0;
    while from < planned {
        let (row, work) = (job.clone(), work.clone());
        let stored = blocking(engine, move |engine| {
            let (plans, travelling) = &*work;
            engine.store_plans(&row, plans.get(from..).unwrap_or_default(), travelling)
        })
        .await?;
        // Every call stores at least one; should that ever change, what is left stays due.
        if stored.plans == 0 {
            break;
        }
        trace!(
            job = job.id.0,
            plans = stored.plans,
            ready = stored.ready,
            "plans were stored"
        );
        from += stored.plans;
        ready += stored.ready;
        is_stored(stored.ready);
    }
    Ok(PlannedStep {
        planned,
        waiting,
        ready,
        counts,
    })
}

/// Plans these objects and stores nothing.
///
/// # Errors
/// If the target cannot be asked, or the store fails.
pub(crate) async fn plan(
    engine: &Engine,
    job: &Arc<JobRow>,
    items: Vec<DueItem>,
    surroundings: &Arc<Surroundings>,
    target: &Arc<dyn Target>,
) -> Result<Vec<Planned>, Refusal> {
    let around = surroundings.clone();
    let drafts = tokio::task::spawn_blocking(move || first_pass(items, &around))
        .await
        .map_err(|_| Refusal::new(Code::InternalFault).with("text", "a planning thread ended"))?;
    let mut drafts = drafts;
    second_pass(&mut drafts, target).await?;
    let mut taken = claims::settle(engine, job, &mut drafts).await?;
    let planned = drafts.into_iter().enumerate();
    Ok(planned
        .map(|(index, draft)| planned_of(draft, taken.remove(&index)))
        .collect())
}

/// Whether the target may be doing it at this moment: a new plan would supersede what is then never logged.
fn is_being_carried_out(pending: PendingState) -> bool {
    matches!(
        pending,
        PendingState::Ready | PendingState::Unknown | PendingState::Approved
    )
}

/// An item between the passes.
pub(crate) struct Draft {
    pub(crate) item: DueItem,
    pub(crate) wanted: Wanted,
    name: String,
    pub(crate) decision: Decision,
}

fn first_pass(items: Vec<DueItem>, surroundings: &Surroundings) -> Vec<Draft> {
    let context = surroundings.context();
    items
        .into_iter()
        .map(|mut item| {
            let (mut wanted, name) = wanted(&item, &surroundings.rules, &context);
            set_aside(&mut wanted, &mut item);
            overlay(&mut wanted, &mut item, surroundings);
            let decision = decide(&wanted, &item.view, None);
            Draft {
                item,
                wanted,
                name,
                decision,
            }
        })
        .collect()
}

/// What was set aside before is not wanted, unless there is reason to try it again.
pub(crate) fn set_aside(wanted: &mut Wanted, item: &mut DueItem) {
    const AGAIN: i64 = reason::RETRY | reason::CONFLICT_FREED | reason::ASKED | reason::RULES;
    let Wanted::Present(desired) = wanted else {
        return;
    };
    if item.asides.is_empty() {
        return;
    }
    match desired.sets_aside && item.reasons & AGAIN == 0 {
        true => aside::leave_out(desired, &mut item.asides, &item.view.exported),
        false => aside::retain_wanted(desired, &mut item.asides),
    }
}

/// What is held stays as it is, and what leaves is deleted after its grace period.
pub(crate) fn overlay(wanted: &mut Wanted, item: &mut DueItem, surroundings: &Surroundings) {
    let leaves = match &*wanted {
        Wanted::Absent(why) => Some(why.clone()),
        Wanted::Present(_) | Wanted::Undecided(_) | Wanted::Faulty(_) => None,
    };
    let keeps = item.holds.apply(wanted, &item.view);
    let is_taken_back = keeps && matches!(wanted, Wanted::Absent(_));
    if !is_taken_back {
        let days = surroundings.leaver_grace_days;
        let now = surroundings.now.as_millisecond();
        grace::apply(wanted, &item.view, &mut item.leaver, days, now);
    }
    item.why = leaves.filter(|_| matches!(wanted, Wanted::Present(_)));
}

async fn second_pass(drafts: &mut [Draft], target: &Arc<dyn Target>) -> Result<(), Refusal> {
    let mut questions = Vec::new();
    let mut places = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        if let Decision::Ask(asked) = &draft.decision {
            places.push((index, questions.len(), asked.len()));
            questions.extend(asked.iter().cloned());
        }
    }
    if !questions.is_empty() {
        let mut answers = target.find(&questions).await?;
        if answers.len() != questions.len() {
            return Err(Refusal::new(Code::TargetFault)
                .with("text", "the target answered another number of questions"));
        }
        for (index, first, count) in places {
            let own: Answers = (0..count)
                .filter_map(|n| Some((n, std::mem::take(answers.get_mut(first + n)?))))
                .collect();
            if let Some(draft) = drafts.get_mut(index) {
                draft.decision = decide(&draft.wanted, &draft.item.view, Some(&own));
            }
        }
    }
    Ok(())
}

fn planned_of(draft: Draft, takes_from: Option<LinkId>) -> Planned {
    let outcome = match draft.decision {
        Decision::Ask(_) => PlannedOutcome::Refuse(
            Refusal::new(Code::InternalFault).with("text", "planning asked twice"),
        ),
        Decision::Skip(why) => PlannedOutcome::Skip(why),
        Decision::Same(confirmed) => PlannedOutcome::Same(confirmed),
        Decision::Refuse(why) => PlannedOutcome::Refuse(why),
        Decision::Operate(operation) => PlannedOutcome::Operate(operation),
    };
    Planned {
        item: draft.item,
        outcome,
        name: draft.name,
        takes_from,
    }
}

/// What is wanted of the target for one object, and a name for people.
pub fn wanted(item: &DueItem, rules: &Rules, context: &Context<'_>) -> (Wanted, String) {
    let source = &item.source;
    let fallback = || {
        source
            .rdn
            .split_once('=')
            .map_or(source.rdn.clone(), |(_, name)| name.to_owned())
    };
    let last_name = item
        .view
        .exported
        .text("displayName")
        .map_or_else(fallback, str::to_owned);
    let why = |state: &str| {
        Refusal::new(Code::EntrySynchronizationSkipped)
            .with("reason", state)
            .with("dn", &source.dn)
    };
    match source.state {
        ObjectState::Stub => return (Wanted::Undecided(why("NotReadYet")), last_name),
        ObjectState::Vanished => {
            return (
                Wanted::Undecided(Refusal::new(Code::ObjectVanished).with("dn", &source.dn)),
                last_name,
            );
        }
        ObjectState::Missing => {
            return (
                Wanted::Absent(Refusal::new(Code::ObjectVanished).with("dn", &source.dn)),
                last_name,
            );
        }
        ObjectState::Deleted => return (Wanted::Absent(why("DeletedInSource")), last_name),
        ObjectState::Skeleton => {
            let why = why("OutsideReadSpec");
            let stays = context.leaves_out_of_scope && item.view.situation == Situation::Linked;
            let wanted = match stays {
                true => Wanted::Undecided(why),
                false => Wanted::Absent(why),
            };
            return (wanted, last_name);
        }
        ObjectState::Live => {}
    }
    let evaluation = evaluation_of(item, rules, context);
    let name = evaluation
        .attributes
        .text("displayName")
        .or_else(|| source.attributes.text("displayName"))
        .or_else(|| source.attributes.text("cn"))
        .map_or(last_name, str::to_owned);
    (wanted_from(evaluation, item, rules, context), name)
}

/// The rules over one stored object.
pub fn evaluation_of(item: &DueItem, rules: &Rules, context: &Context<'_>) -> Evaluation {
    evaluate(rules, &view_of(item), context)
}

/// A stored object as the rules see it.
pub fn view_of(item: &DueItem) -> SourceView<'_> {
    let source = &item.source;
    let is_linked = item.view.situation == Situation::Linked;
    SourceView {
        dn: &source.dn,
        rdn: &source.rdn,
        ancestors: &source.ancestors,
        held: is_linked.then_some(&item.view.exported),
        link_counts: &item.link_counts,
        is_group_member: item.is_group_member,
        ..SourceView::new(
            &source.anchor,
            source.class.as_deref().unwrap_or_default(),
            &source.attributes,
        )
    }
}

/// Whether the rules let deletions of this object's class flow.
fn may_delete(rules: &Rules, item: &DueItem) -> bool {
    let class = item.source.class.as_deref().unwrap_or_default();
    let mut mappings = rules
        .mappings()
        .iter()
        .filter(|mapping| mapping.source_class.eq_ignore_ascii_case(class));
    mappings
        .next()
        .is_none_or(|first| first.flows.delete || mappings.any(|mapping| mapping.flows.delete))
}

// LONG: one pass over an object; its parts share what was found.
fn wanted_from(
    evaluation: Evaluation,
    item: &DueItem,
    rules: &Rules,
    context: &Context<'_>,
) -> Wanted {
    let is_linked = item.view.situation == Situation::Linked;
    let flows = evaluation
        .mapping
        .and_then(|index| rules.mappings().get(index))
        .map(|mapping| mapping.flows);
    if let Verdict::Out { reason } = &evaluation.scope {
        // An input filter only keeps objects from entering; and deletions may be switched off.
        let stays = context.leaves_out_of_scope
            || matches!(reason, ScopeReason::NoFilterMatched { is_input: true, .. });
        let is_unknown = matches!(reason, ScopeReason::GroupsUnknown);
        return if is_unknown || (is_linked && (stays || !may_delete(rules, item))) {
            Wanted::Undecided(reason.refusal())
        } else {
            Wanted::Absent(reason.refusal())
        };
    }
    if flows.is_some_and(|flows| if is_linked { !flows.update } else { !flows.add }) {
        return Wanted::Undecided(
            Refusal::new(Code::EntrySynchronizationSkipped)
                .with(
                    "reason",
                    if is_linked {
                        "UpdatesDoNotFlow"
                    } else {
                        "AdditionsDoNotFlow"
                    },
                )
                .with("dn", &item.source.dn),
        );
    }
    let source_anchor = match evaluation.source_anchor {
        Ok(anchor) => anchor,
        Err(why) => return Wanted::Faulty(why),
    };
    if let Some(problem) = evaluation.problems.into_iter().next() {
        return Wanted::Faulty(problem);
    }
    let Some(class) = evaluation.target_class else {
        return Wanted::Faulty(
            Refusal::new(Code::SchemaInvalid).with("text", "the mapping has no target class"),
        );
    };
    let mut attributes = evaluation.attributes;
    for name in &evaluation.add_only {
        // Only ever added to: what the target holds already stays.
        let held = item.view.exported.values(name).unwrap_or_default();
        let mut values: Vec<Value> = attributes.values(name).unwrap_or_default().to_vec();
        values.extend(held.iter().cloned());
        values.sort();
        values.dedup();
        attributes.set(name.clone(), values);
    }
    Wanted::Present(Box::new(Desired {
        matching: evaluation
            .matching
            .iter()
            .filter_map(|by| lookup(&class, by))
            .collect(),
        class: Some(class),
        source_anchor,
        attributes,
        create_only: evaluation.create_only,
        choices: evaluation.choices,
        takeover: context.takeover,
        sets_aside: context.sets_aside,
    }))
}

fn lookup(class: &Name, by: &Match) -> Option<Lookup> {
    let text = by.value.as_text()?;
    if by.attribute.eq_ignore_ascii_case("proxyAddresses") {
        return Some(Lookup::ProxyAddress(text.to_owned()));
    }
    Some(Lookup::Attribute(
        class.clone(),
        by.attribute.clone(),
        text.to_owned(),
    ))
}

fn count(plans: &[Planned]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for plan in plans {
        let name = match &plan.outcome {
            PlannedOutcome::Same(_) => "same",
            PlannedOutcome::Skip(_) => "skipped",
            PlannedOutcome::Refuse(_) => "unplannable",
            PlannedOutcome::Operate(_) => "operations",
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}
