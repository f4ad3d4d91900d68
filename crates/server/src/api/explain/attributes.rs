//! Every target attribute: mapping, inputs, intermediate values, result, and what was exported and is held.
//!
//! Pure. Trap: a value that a rule marks as not to be shown is hidden everywhere, in the target's column too; whether the target
//! agrees is decided by the values themselves.

use std::collections::BTreeMap;

use engine::LinkRow;
use sync_core::{
    expression::steps::REDACTED,
    mapping::{
        evaluate::Evaluation,
        trace::{AttributeTrace, Flowed},
    },
    operation::TargetObject,
    plan::{IMMUTABLE_ID, Situation},
    value::{Attributes, Value},
};
use wire::api::v1::ExplainedAttribute;

/// What the target side knows of an object.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    /// The link.
    pub link: Option<&'a LinkRow>,
    /// The target object as it is now.
    pub target: Option<&'a TargetObject>,
    /// What planning wants of the attributes, values that are only added included.
    pub desired: Option<&'a Attributes>,
}

impl Held<'_> {
    fn is_linked(&self) -> bool {
        self.link
            .is_some_and(|link| link.situation == Situation::Linked)
    }
}

/// All attributes the rules fill, in the order of the rules.
pub fn explain(evaluation: &Evaluation, held: Held<'_>) -> Vec<ExplainedAttribute> {
    let traces = evaluation.trace.as_deref().unwrap_or_default();
    let mut all: Vec<ExplainedAttribute> = traces
        .iter()
        .map(|trace| match is_anchor(&trace.target) {
            true => anchor(Some(trace), evaluation, held),
            false => one(trace, evaluation, held),
        })
        .collect();
    if !traces.is_empty() && !traces.iter().any(|trace| is_anchor(&trace.target)) {
        all.insert(0, anchor(None, evaluation, held));
    }
    all
}

fn is_anchor(name: &str) -> bool {
    name.eq_ignore_ascii_case(IMMUTABLE_ID)
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(Value::display).collect()
}

fn is_same(one: &[String], other: &[String]) -> bool {
    let sorted = |all: &[String]| {
        let mut all = all.to_vec();
        all.sort();
        all.dedup();
        all
    };
    sorted(one) == sorted(other)
}

fn traced(trace: &AttributeTrace) -> ExplainedAttribute {
    let inputs: BTreeMap<String, Vec<String>> = trace
        .inputs
        .iter()
        .map(|(name, values)| (name.to_string(), texts(values)))
        .collect();
    ExplainedAttribute {
        name: trace.target.to_string(),
        mapping: trace.source.clone(),
        inputs,
        steps: trace.steps.iter().map(Into::into).collect(),
        ..ExplainedAttribute::default()
    }
}

/// What the target remembers the object by.
fn anchor(
    trace: Option<&AttributeTrace>,
    evaluation: &Evaluation,
    held: Held<'_>,
) -> ExplainedAttribute {
    let mut shown = match trace {
        Some(trace) => traced(trace),
        None => ExplainedAttribute {
            name: IMMUTABLE_ID.into(),
            mapping: "[objectGUID]".into(),
            ..ExplainedAttribute::default()
        },
    };
    match &evaluation.source_anchor {
        Ok(anchor) => {
            shown.outcome = "value".into();
            shown.result = vec![anchor.clone()];
        }
        Err(why) => {
            shown.outcome = "failed".into();
            shown.failure = Some(why.to_string());
        }
    }
    let list = |text: Option<&String>| text.map(|text| vec![text.clone()]);
    shown.exported = list(held.link.and_then(|link| link.source_anchor.as_ref()));
    if let Some(target) = held.target {
        let now = list(target.source_anchor.as_ref()).unwrap_or_default();
        shown.agrees = (shown.outcome == "value").then(|| now == shown.result);
        shown.target = Some(now);
    }
    shown
}

fn one(trace: &AttributeTrace, evaluation: &Evaluation, held: Held<'_>) -> ExplainedAttribute {
    let mut shown = traced(trace);
    let name = &trace.target;
    let wanted = held
        .desired
        .and_then(|desired| desired.values(name))
        .or_else(|| evaluation.attributes.values(name));
    let is_create_only = evaluation.create_only.contains(name);
    let is_only_added = evaluation.add_only.contains(name);
    let choice = evaluation
        .choices
        .iter()
        .find(|choice| choice.attribute.eq_ignore_ascii_case(name));
    let outcome = match (&trace.result, choice) {
        (Flowed::Failed(why), _) => {
            shown.failure = Some(why.clone());
            "failed"
        }
        (Flowed::LeftAlone, _) => "leftAlone",
        (Flowed::Default(_), _) => "default",
        (Flowed::Values(_), Some(_)) => "candidates",
        (Flowed::Values(_), None) if is_create_only => "atCreation",
        (Flowed::Values(_), None) if is_only_added => "added",
        (Flowed::Values(_), None) if wanted.is_none_or(<[Value]>::is_empty) => "cleared",
        (Flowed::Values(_), None) => "value",
    };
    shown.outcome = outcome.into();
    shown.result = match choice {
        Some(choice) => choice.candidates.clone(),
        None => texts(wanted.unwrap_or_default()),
    };
    let exported = held.link.and_then(|link| link.exported.values(name));
    shown.exported = exported.map(texts);
    if let Some(target) = held.target {
        let now = texts(target.attributes.values(name).unwrap_or_default());
        let is_compared = matches!(outcome, "value" | "cleared" | "added")
            || (matches!(outcome, "default" | "atCreation") && !held.is_linked());
        shown.agrees = is_compared.then(|| is_same(&now, &shown.result));
        shown.target = Some(now);
    }
    if is_hidden(trace) {
        hide(&mut shown);
    }
    shown
}

fn is_hidden(trace: &AttributeTrace) -> bool {
    match &trace.result {
        Flowed::Values(values) => values.as_slice() == [Value::from(REDACTED)],
        Flowed::Failed(text) => text == REDACTED,
        Flowed::Default(_) | Flowed::LeftAlone => false,
    }
}

fn hide(shown: &mut ExplainedAttribute) {
    let sides = [shown.exported.as_mut(), shown.target.as_mut()];
    let sides = sides.into_iter().flatten();
    for values in sides.chain([&mut shown.result]) {
        if !values.is_empty() {
            *values = vec![REDACTED.to_owned()];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::{
        id::{Anchor, TargetId},
        mapping::{self, Context, SourceView},
        schema::preset,
    };

    fn evaluated(attributes: &Attributes) -> Evaluation {
        let rules = preset::load(preset::AD_TO_DIRECTORY).unwrap();
        let anchor = Anchor::new([7; 16]);
        let domains = vec!["canal.example".to_owned()];
        let context = Context {
            verified_domains: &domains,
            initial_domain: "tenant.example",
            ..Context::default()
        };
        let view = SourceView::new(&anchor, "user", attributes);
        mapping::explain(&rules, &view, &context)
    }

    #[test]
    fn a_value_that_was_changed_in_the_target_is_seen() {
        let mut attributes = Attributes::new();
        for (name, value) in [
            ("sAMAccountName", "ada"),
            ("userPrincipalName", "ada@canal.example"),
            ("displayName", "Ada"),
            ("department", "Locks"),
        ] {
            attributes.set(name, vec![Value::from(value)]);
        }
        let evaluation = evaluated(&attributes);
        let mut now = evaluation.attributes.clone();
        now.set("department", vec![Value::from("Bridges")]);
        let target = TargetObject {
            id: TargetId("1".into()),
            class: "User".into(),
            version: 1,
            is_deleted: false,
            source_anchor: evaluation.source_anchor.clone().ok(),
            attributes: now,
        };
        let held = Held {
            link: None,
            target: Some(&target),
            desired: None,
        };
        let all = explain(&evaluation, held);
        let differing: Vec<&str> = all
            .iter()
            .filter(|one| one.agrees == Some(false))
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(differing, ["department"]);
        let department = all.iter().find(|one| one.name == "department").unwrap();
        assert_eq!(department.inputs["department"], ["Locks"]);
        assert_eq!(department.result, ["Locks"]);
        assert_eq!(department.target.as_deref().unwrap(), ["Bridges"]);
        assert!(all.iter().any(|one| one.name == IMMUTABLE_ID));
    }
}
