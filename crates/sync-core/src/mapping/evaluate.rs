//! One object through the rules.
//!
//! Pure and total: a mistake in one attribute is a problem of that attribute, never of the others. Trap: the first mapping of
//! the object's class whose scope it is in counts; if it is in none, the first one's reason is given.

use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

use smallvec::smallvec;

use super::{
    context::Context,
    identity,
    trace::{AttributeTrace, Flowed, slots_of},
};
use crate::{
    code::Code,
    expression::{
        MAX_TEXT_BYTES, compare,
        compile::Slots,
        evaluate::{self as run, Environment, Halt, Operand},
        random::Chance,
        steps::{REDACTED, Steps},
    },
    functions::trim::has_clean_ends,
    id::Anchor,
    operation::Refusal,
    schema::checked::{
        AttributeMapping, FlowType, Handing, ObjectMapping, ReferenceMapping, Rules, Shape,
        TargetKind,
    },
    scope::{ScopeReason, Verdict, clause::Seen, container},
    value::{Attributes, Name, Value, Values},
};

/// Longest source anchor, in characters.
const MAX_SOURCE_ANCHOR_CHARACTERS: usize = 256;

/// A source object as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct SourceView<'a> {
    /// Its anchor.
    pub anchor: &'a Anchor,
    /// Its most specific class.
    pub class: &'a str,
    /// Its distinguished name.
    pub dn: &'a str,
    /// Its relative distinguished name.
    pub rdn: &'a str,
    /// Anchors of the containers above it, the nearest first.
    pub ancestors: &'a [Anchor],
    /// Its attributes, links not included.
    pub attributes: &'a Attributes,
    /// Number of links per linked attribute, where the rules ask for it.
    pub link_counts: &'a [(Name, u64)],
    /// Whether it is a member of a group of the scope, or such a group itself; `None`: not known.
    pub is_group_member: Option<bool>,
    /// The target's attributes as last exported; `None`: it is not linked.
    pub held: Option<&'a Attributes>,
}

impl<'a> SourceView<'a> {
    /// A view of an object that is not linked and of which nothing else is known.
    pub fn new(anchor: &'a Anchor, class: &'a str, attributes: &'a Attributes) -> Self {
        Self {
            anchor,
            class,
            dn: "",
            rdn: "",
            ancestors: &[],
            attributes,
            link_counts: &[],
            is_group_member: None,
            held: None,
        }
    }
}

/// A value by which an object may be found in the target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// Lowest first.
    pub priority: u32,
    /// Target attribute.
    pub attribute: Name,
    /// The value (of proxyAddresses: the primary one, with its protocol).
    pub value: Value,
}

/// A value that is still to be chosen: the first candidate, in order, that no object of the target holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Target attribute.
    pub attribute: Name,
    /// What to try, in order; none: there is nothing to choose from.
    pub candidates: Vec<String>,
}

/// What rules say of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether it is in scope. Out of it, everything below is empty, but for the mapping that was tried.
    pub scope: Verdict,
    /// The mapping, as a number in [`Rules::mappings`].
    pub mapping: Option<usize>,
    /// Target class.
    pub target_class: Option<Name>,
    /// What the target is to remember the object by. It is not among `attributes`.
    pub source_anchor: Result<String, Refusal>,
    /// Target attributes; without values: to be cleared.
    pub attributes: Attributes,
    /// Those of them that are written only when the object is created.
    pub create_only: BTreeSet<Name>,
    /// Those of them whose values are only ever added.
    pub add_only: BTreeSet<Name>,
    /// How it may be found in the target if the source anchor finds nothing, in order.
    pub matching: Vec<Match>,
    /// Links that become references.
    pub references: Arc<Vec<ReferenceMapping>>,
    /// Attributes of new objects whose value is the first candidate that is free in the target. They are not among `attributes`.
    pub choices: Vec<Choice>,
    /// What went wrong with single attributes, which are not among `attributes`. A plan writes nothing of such an object.
    pub problems: Vec<Refusal>,
    /// How each attribute came to its value, if asked for.
    pub trace: Option<Vec<AttributeTrace>>,
}

/// Evaluates the rules over a whole object.
pub fn evaluate(rules: &Rules, object: &SourceView<'_>, context: &Context<'_>) -> Evaluation {
    evaluate_with(rules, object, context, false)
}

/// The same as [`evaluate`], with the trace.
pub fn explain(rules: &Rules, object: &SourceView<'_>, context: &Context<'_>) -> Evaluation {
    evaluate_with(rules, object, context, true)
}

fn evaluate_with(
    rules: &Rules,
    object: &SourceView<'_>,
    context: &Context<'_>,
    is_traced: bool,
) -> Evaluation {
    let pseudo = Pseudo::of(object, &rules.slots);
    let values = pseudo.bind(&rules.slots, object.attributes);
    let seen = Seen {
        values: &values,
        link_counts: object.link_counts,
    };
    let (scope, mapping) = find_mapping(rules, object, context, &seen);
    let own_anchor = || Ok(object.anchor.base64());
    let mut evaluation = Evaluation::empty(scope, is_traced);
    let Some((index, mapping)) = mapping else {
        evaluation.source_anchor = own_anchor();
        return evaluation;
    };
    evaluation.mapping = Some(index);
    evaluation.target_class = Some(mapping.target_class.clone());
    if evaluation.scope != Verdict::InScope {
        evaluation.source_anchor = own_anchor();
        return evaluation;
    }
    evaluation.references = mapping.references.clone();
    evaluation.source_anchor = match &mapping.source_anchor {
        None => own_anchor(),
        Some(anchor) => {
            let trace = &mut evaluation.trace;
            flow(rules, anchor, object, context, &values, trace)
                .and_then(|flowed| source_anchor(anchor, &flowed.result))
        }
    };
    // `ObjectMapping::attributes` stand in the order of names, each once.
    let mut all: Vec<(Name, Values)> = Vec::with_capacity(mapping.attributes.len());
    for (attribute, handing) in mapping.attributes.iter().zip(&mapping.handings) {
        if evaluation.trace.is_none()
            && let Some(handing) = handing
            && let Some(values) = handed_on(handing, &values)
        {
            match handing.is_plain {
                true => all.push((handing.target.clone(), values)),
                false => evaluation.flows(attribute, values, false, &mut all),
            }
            continue;
        }
        match flow(
            rules,
            attribute,
            object,
            context,
            &values,
            &mut evaluation.trace,
        ) {
            Ok(flowed) => evaluation.take(attribute, flowed, &mut all),
            Err(refusal) => evaluation.problems.push(refusal),
        }
    }
    evaluation.attributes = Attributes::of_sorted(all);
    evaluation.matching.sort();
    evaluation
}

/// What flows, where nothing has to be evaluated to know it: nothing, or the one text of an attribute that is handed on.
#[inline]
fn handed_on(handing: &Handing, values: &[&[Value]]) -> Option<Values> {
    match values.get(handing.slot).copied().unwrap_or_default() {
        [] => handing.gives_nothing.then(Values::new),
        [value @ Value::Text(text)] => {
            let is_kept = handing.gives_clean_text
                && (1..=MAX_TEXT_BYTES).contains(&text.len())
                && has_clean_ends(text);
            is_kept.then(|| smallvec![value.clone()])
        }
        _ => None,
    }
}

/// The first mapping of the class whose scope holds; else the first one with its verdict.
fn find_mapping<'r>(
    rules: &'r Rules,
    object: &SourceView<'_>,
    context: &Context<'_>,
    seen: &Seen<'_>,
) -> (Verdict, Option<(usize, &'r ObjectMapping)>) {
    let mut first = None;
    for (index, mapping) in rules.mappings().iter().enumerate() {
        if !mapping.source_class.eq_ignore_ascii_case(object.class) {
            continue;
        }
        let verdict = judge(rules, mapping, object, context, seen);
        if verdict == Verdict::InScope {
            return (verdict, Some((index, mapping)));
        }
        first = first.or(Some((verdict, Some((index, mapping)))));
    }
    first.unwrap_or_else(|| {
        let class = object.class.to_owned();
        let reason = ScopeReason::NoMapping { class };
        (Verdict::Out { reason }, None)
    })
}

pub(super) fn judge(
    rules: &Rules,
    mapping: &ObjectMapping,
    object: &SourceView<'_>,
    context: &Context<'_>,
    seen: &Seen<'_>,
) -> Verdict {
    let out = |reason| Verdict::Out { reason };
    if !container::is_inside(rules.containers(), &context.containers, object.ancestors) {
        let dn = object.dn.to_owned();
        return out(ScopeReason::OutsideContainers { dn });
    }
    if !rules.groups().named.is_empty() {
        match object.is_group_member {
            Some(true) => {}
            Some(false) => return out(ScopeReason::OutsideGroups),
            None => return out(ScopeReason::GroupsUnknown),
        }
    }
    mapping.scope.judge(seen, object.held.is_some())
}

/// Values that come from the entry itself and not from its attributes, as far as rules use them.
pub(crate) struct Pseudo([Option<(usize, [Value; 1])>; 4]);

impl Pseudo {
    pub(crate) fn of(object: &SourceView<'_>, slots: &Slots) -> Self {
        let [dn, guid, class, rdn] = slots.pseudo();
        Self([
            dn.map(|slot| (slot, [object.dn.into()])),
            class.map(|slot| (slot, [object.class.into()])),
            guid.map(|slot| (slot, [Value::binary(object.anchor.as_bytes())])),
            rdn.map(|slot| (slot, [object.rdn.into()])),
        ])
    }

    pub(crate) fn bind<'a>(
        &'a self,
        slots: &Slots,
        attributes: &'a Attributes,
    ) -> Vec<&'a [Value]> {
        let mut values = slots.bind(attributes);
        for (slot, value) in self.0.iter().flatten() {
            if let Some(place) = values.get_mut(*slot) {
                *place = value;
            }
        }
        values
    }
}

/// What a mapping gave.
struct Outcome {
    result: Flowed,
    is_calculated: bool,
    is_choice: bool,
}

fn flow(
    rules: &Rules,
    mapping: &AttributeMapping,
    object: &SourceView<'_>,
    context: &Context<'_>,
    values: &[&[Value]],
    trace: &mut Option<Vec<AttributeTrace>>,
) -> Result<Outcome, Refusal> {
    let steps = RefCell::new(Steps::default());
    let mut environment = Environment::new(values, context);
    environment.held = object.held;
    environment.chance = context.seed.map(|seed| Chance {
        seed,
        object: object.anchor.as_bytes(),
        attribute: &mapping.target,
    });
    if trace.is_some() {
        environment.steps = Some(&steps);
    }
    let flowed = result(mapping, &environment);
    let (is_calculated, is_choice) = (environment.is_calculated.get(), environment.is_choice.get());
    if let Some(trace) = trace {
        trace.push(traced(rules, mapping, values, steps.take(), &flowed));
    }
    flowed.map(|result| Outcome {
        result,
        is_calculated,
        is_choice,
    })
}

fn traced(
    rules: &Rules,
    mapping: &AttributeMapping,
    values: &[&[Value]],
    steps: Steps,
    flowed: &Result<Flowed, Refusal>,
) -> AttributeTrace {
    let hidden = || vec![Value::from(REDACTED)];
    let are_hidden = steps.are_hidden();
    let input = |slot: usize| {
        let have = values.get(slot).map(|values| values.to_vec());
        let shown = if are_hidden {
            hidden()
        } else {
            have.unwrap_or_default()
        };
        (rules.slots.name(slot).into(), shown)
    };
    AttributeTrace {
        target: mapping.target.clone(),
        source: mapping.text.clone(),
        inputs: slots_of(&mapping.node).into_iter().map(input).collect(),
        steps: steps.into_steps(),
        result: match flowed {
            Ok(Flowed::Values(_)) if are_hidden => Flowed::Values(hidden().into()),
            Ok(result) => result.clone(),
            Err(_) if are_hidden => Flowed::Failed(REDACTED.into()),
            Err(refusal) => Flowed::Failed(refusal.to_string()),
        },
    }
}

fn result(mapping: &AttributeMapping, environment: &Environment<'_>) -> Result<Flowed, Refusal> {
    let operand = match run::evaluate(&mapping.node, environment) {
        Ok(operand) => operand,
        Err(Halt::Ignore) => return Ok(Flowed::LeftAlone),
        Err(Halt::Fail(failure)) => {
            return Err(Refusal::new(Code::ExpressionFailed)
                .with("attribute", &*mapping.target)
                .with("expression", &*mapping.text)
                .with("message", failure.to_string()));
        }
    };
    let values = match mapping.kind {
        None => without_blanks(operand),
        Some(kind) => {
            let kept = operand.iter().filter(|value| !is_blank(value));
            shaped(kept, kind, mapping, environment.is_choice.get())?
        }
    };
    let values = match environment.is_choice.get() {
        // The order of candidates is their rank.
        true => values,
        false => as_set(values),
    };
    match (&mapping.default_value, values.is_empty()) {
        (Some(default), true) => Ok(Flowed::Default(default.clone())),
        (None, true) if mapping.kind.is_some_and(|kind| kind.is_required) => {
            Err(Refusal::new(Code::MandatoryFieldsMissing).with("attribute", &*mapping.target))
        }
        _ => Ok(Flowed::Values(values)),
    }
}

fn is_blank(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.is_empty())
}

fn without_blanks(operand: Operand<'_>) -> Values {
    match operand {
        Operand::One(value) if !is_blank(&value) => smallvec![value],
        operand => match &*operand {
            [value] if !is_blank(value) => smallvec![value.clone()],
            values => {
                let kept = values.iter().filter(|value| !is_blank(value));
                kept.cloned().collect()
            }
        },
    }
}

/// Several values are a set: their order in the source means nothing and is made definite.
fn as_set(mut values: Values) -> Values {
    if values.len() > 1 {
        values.sort();
        values.dedup();
    }
    values
}

fn shaped<'v>(
    values: impl Iterator<Item = &'v Value>,
    kind: TargetKind,
    mapping: &AttributeMapping,
    is_choice: bool,
) -> Result<Values, Refusal> {
    let refuse = |code| Refusal::new(code).with("attribute", &*mapping.target);
    let mut all = Values::new();
    for value in values {
        let shaped = shape(value, kind.shape).ok_or_else(|| {
            refuse(Code::DataValidationFailed).with("wanted", format!("{:?}", kind.shape))
        })?;
        all.push(shaped);
    }
    if all.len() > 1 && !kind.is_multivalued && !is_choice {
        let count = all.len().to_string();
        return Err(refuse(Code::SchemaPropertyCanOnlyAcceptValue).with("values", count));
    }
    Ok(all)
}

/// The value as the target's type has it; `None`: it cannot be.
fn shape(value: &Value, shape: Shape) -> Option<Value> {
    match (shape, value) {
        (Shape::Text, Value::Text(_)) | (Shape::Binary, Value::Binary(_)) => Some(value.clone()),
        (Shape::Text, Value::Binary(_)) => None,
        (Shape::Text, other) => Some(other.display().into()),
        (Shape::Integer, other) => other.as_integer().map(Value::Integer),
        (Shape::Boolean, other) => compare::truth(other).map(Value::Boolean),
        (Shape::Binary | Shape::Reference, _) => None,
    }
}

fn source_anchor(mapping: &AttributeMapping, flowed: &Flowed) -> Result<String, Refusal> {
    let refuse = |code| Refusal::new(code).with("attribute", &*mapping.target);
    let text = match flowed {
        Flowed::Values(values) => match values.as_slice() {
            [Value::Text(text)] => text.to_string(),
            [bytes @ Value::Binary(_)] => bytes.display(),
            // What it would be recognised by is missing.
            [] => return Err(refuse(Code::ImportSkipped)),
            _ => return Err(refuse(Code::SchemaPropertyCanOnlyAcceptValue)),
        },
        _ => return Err(refuse(Code::ImportSkipped)),
    };
    match text.chars().count() {
        0..=MAX_SOURCE_ANCHOR_CHARACTERS => Ok(text),
        length => Err(refuse(Code::ExceededAllowedLength).with("length", length.to_string())),
    }
}

impl Evaluation {
    /// Takes the first candidate of each choice without asking anybody, to show what a new object would look like.
    pub fn assume_first_candidates(&mut self) {
        for choice in std::mem::take(&mut self.choices) {
            if let Some(first) = choice.candidates.into_iter().next() {
                self.attributes.set(choice.attribute, vec![first.into()]);
            }
        }
    }

    /// Of this verdict, with nothing found yet.
    fn empty(scope: Verdict, is_traced: bool) -> Self {
        Self {
            scope,
            mapping: None,
            target_class: None,
            source_anchor: Ok(String::new()),
            attributes: Attributes::new(),
            create_only: BTreeSet::new(),
            add_only: BTreeSet::new(),
            matching: Vec::new(),
            references: Arc::default(),
            choices: Vec::new(),
            problems: Vec::new(),
            trace: is_traced.then(Vec::new),
        }
    }

    fn take(
        &mut self,
        mapping: &AttributeMapping,
        outcome: Outcome,
        all: &mut Vec<(Name, Values)>,
    ) {
        if let (true, Flowed::Values(values)) = (outcome.is_choice, &outcome.result) {
            // Candidates wait for what the target says of them.
            self.choices.push(Choice {
                attribute: mapping.target.clone(),
                candidates: values.iter().map(Value::display).collect(),
            });
            return;
        }
        let values = match outcome.result {
            Flowed::Values(values) => values,
            Flowed::Default(text) => {
                self.create_only.insert(mapping.target.clone());
                let text = Value::from(text);
                smallvec![
                    mapping
                        .kind
                        .and_then(|kind| shape(&text, kind.shape))
                        .unwrap_or(text)
                ]
            }
            Flowed::LeftAlone | Flowed::Failed(_) => return,
        };
        self.flows(mapping, values, outcome.is_calculated, all);
    }

    #[inline]
    fn flows(
        &mut self,
        mapping: &AttributeMapping,
        values: Values,
        is_calculated: bool,
        all: &mut Vec<(Name, Values)>,
    ) {
        if mapping.matching_priority > 0 && !is_calculated {
            self.match_by(mapping, &values);
        }
        let name = || mapping.target.clone();
        match mapping.flow {
            FlowType::Always => {}
            FlowType::ObjectAddOnly => _ = self.create_only.insert(name()),
            FlowType::MultiValueAddOnly => _ = self.add_only.insert(name()),
        }
        all.push((name(), values));
    }

    fn match_by(&mut self, mapping: &AttributeMapping, values: &[Value]) {
        let is_addresses = mapping.target.eq_ignore_ascii_case("proxyAddresses");
        for value in values {
            let is_primary = || {
                let text = value.as_text();
                text.is_some_and(|text| identity::primary_address(&[text]).is_some())
            };
            if !is_addresses || is_primary() {
                self.matching.push(Match {
                    priority: mapping.matching_priority,
                    attribute: mapping.target.clone(),
                    value: value.clone(),
                });
            }
        }
    }
}
