//! Planning one object: what is wanted, what is there, and so at most one operation.
//!
//! Pure and total: every combination of wanted state, link and findings gives a [`Decision`]; nothing is guessed. When the
//! target has to be asked first, the decision is [`Decision::Ask`], and the same function is called again with the answers.
//! Trap: attributes are compared as sets of values, because targets do not keep the order of several values.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    aside,
    code::Code,
    id::TargetId,
    mapping::Choice,
    operation::{Lookup, Precondition, Refusal, TargetObject, Verb},
    takeover::{SYNC_ENABLED, Takeover},
    value::{Attributes, Name, Value},
};

/// What a source object wants the target to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Target class.
    pub class: Option<Name>,
    /// Source anchor.
    pub source_anchor: String,
    /// Target attributes; without values: no value wanted.
    pub attributes: Attributes,
    /// Names that flow only when the object is created.
    pub create_only: BTreeSet<Name>,
    /// Questions that find an object to take over, in order of priority.
    pub matching: Vec<Lookup>,
    /// Attributes of a new object that take the first candidate no other object holds.
    pub choices: Vec<Choice>,
    /// What may be taken over.
    pub takeover: Takeover,
    /// Whether a value that another object holds is set aside, so that the rest is written.
    pub sets_aside: bool,
}

/// What is wanted of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The object is to exist like this.
    Present(Box<Desired>),
    /// The object is not to exist (out of scope, deleted), for this reason.
    Absent(Refusal),
    /// Nothing can be said (vanished, not read whole yet): leave everything as it is.
    Undecided(Refusal),
    /// The rules cannot say what is wanted because of a mistake in this object.
    Faulty(Refusal),
}

/// How a source object stands to the target: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Situation {
    /// Nothing in the target belongs to it.
    Unlinked,
    /// A live target object belongs to it.
    Linked,
    /// We deleted the target object that belonged to it.
    Deleted,
    /// Out of scope and never linked.
    Skipped,
    /// The target object it belonged to is gone, and not by us.
    Lost,
}

/// What is remembered of the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// Situation.
    pub situation: Situation,
    /// Target class.
    pub class: Option<Name>,
    /// Target object.
    pub target: Option<TargetId>,
    /// Its version as last confirmed.
    pub version: u64,
    /// Source anchor as exported.
    pub source_anchor: Option<String>,
    /// Attributes as last exported and confirmed.
    pub exported: Attributes,
    /// The target answered that it holds something else: read it back before deciding.
    pub is_stale: bool,
}

impl LinkView {
    /// The view of an object that was never planned.
    pub fn unlinked() -> Self {
        Self {
            situation: Situation::Unlinked,
            class: None,
            target: None,
            version: 0,
            source_anchor: None,
            exported: Attributes::new(),
            is_stale: false,
        }
    }
}

/// Answers of the target: each question with what was found.
pub type Answers = BTreeMap<usize, Vec<TargetObject>>;

/// How the target object was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// By its source anchor.
    Hard,
    /// By a matching attribute.
    Soft,
}

/// The operation a plan wants, not yet numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What to do.
    pub verb: Verb,
    /// Target class.
    pub class: Name,
    /// Target object.
    pub target: Option<TargetId>,
    /// Source anchor.
    pub source_anchor: String,
    /// What must hold.
    pub precondition: Precondition,
    /// Attributes to write; without values: clear.
    pub attributes: Attributes,
    /// The values these attributes are believed to have now.
    pub before: Attributes,
    /// Whether an existing object is taken over, and how it was found.
    pub adopted: Option<Match>,
    /// Why the object is to go; only of a delete.
    pub why: Option<Refusal>,
}

/// What to do about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Ask the target these questions first.
    Ask(Vec<Lookup>),
    /// Nothing to do; the reason is worth a record when it changes.
    Skip(Refusal),
    /// Nothing to do; the target holds what is wanted. The confirmed state, if it was read back.
    Same(Option<Box<Confirmed>>),
    /// The object cannot be planned.
    Refuse(Refusal),
    /// Do this.
    Operate(Box<Draft>),
}

/// Target state confirmed by reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Target object.
    pub target: TargetId,
    /// Its version.
    pub version: u64,
    /// The wanted attributes as the target holds them.
    pub attributes: Attributes,
}

/// Name of the attribute that makes an update a disable when it turns false.
pub const ACCOUNT_ENABLED: &str = "accountEnabled";
/// Name of the target attribute that holds the source anchor.
pub const IMMUTABLE_ID: &str = "onPremisesImmutableId";

/// Decides about one object. `answers` are those to the questions of the previous [`Decision::Ask`].
pub fn decide(wanted: &Wanted, link: &LinkView, answers: Option<&Answers>) -> Decision {
    match wanted {
        Wanted::Undecided(why) => Decision::Skip(why.clone()),
        Wanted::Faulty(why) => Decision::Refuse(why.clone()),
        Wanted::Absent(why) => absent(why, link, answers),
        Wanted::Present(desired) => present(desired, link, answers),
    }
}

fn absent(why: &Refusal, link: &LinkView, answers: Option<&Answers>) -> Decision {
    let (Situation::Linked, Some(target), Some(class)) =
        (link.situation, &link.target, &link.class)
    else {
        return Decision::Skip(why.clone());
    };
    let version = match (link.is_stale, answers) {
        (false, _) => link.version,
        (true, None) => return Decision::Ask(vec![Lookup::Id(target.clone())]),
        (true, Some(answers)) => match live(answers, 0) {
            [found] => found.version,
            _ => return Decision::Skip(why.clone()),
        },
    };
    Decision::Operate(Box::new(Draft {
        verb: Verb::Delete,
        class: class.clone(),
        target: Some(target.clone()),
        source_anchor: link.source_anchor.clone().unwrap_or_default(),
        precondition: Precondition::Version(version),
        attributes: Attributes::new(),
        before: Attributes::new(),
        adopted: None,
        why: Some(why.clone()),
    }))
}

fn live(answers: &Answers, question: usize) -> &[TargetObject] {
    match answers.get(&question).map(Vec::as_slice) {
        Some(found) if !found.iter().any(|object| object.is_deleted) => found,
        _ => &[],
    }
}

fn present(desired: &Desired, link: &LinkView, answers: Option<&Answers>) -> Decision {
    let Some(class) = desired.class.clone() else {
        return Decision::Refuse(Refusal::new(Code::InternalFault).with("text", "no target class"));
    };
    if link.situation != Situation::Linked {
        return match answers {
            None => Decision::Ask(questions(&class, desired)),
            Some(answers) => match_or_create(&class, desired, answers),
        };
    }
    if let Some(have) = &link.source_anchor
        && *have != desired.source_anchor
    {
        return Decision::Refuse(
            Refusal::new(Code::SourceAnchorChanged)
                .with("before", have)
                .with("now", &desired.source_anchor),
        );
    }
    if link.class.as_ref() != Some(&class) {
        let have = link.class.as_deref().unwrap_or("?").to_owned();
        return Decision::Refuse(
            Refusal::new(Code::ObjectTypeMismatch)
                .with("linked", have)
                .with("wanted", &*class),
        );
    }
    let Some(target) = &link.target else {
        return Decision::Refuse(
            Refusal::new(Code::InternalFault).with("text", "link without target"),
        );
    };
    if !link.is_stale {
        return update(&class, desired, target, link.version, &link.exported, None);
    }
    match answers {
        None => Decision::Ask(vec![Lookup::Id(target.clone())]),
        Some(answers) => match answers.get(&0).map(Vec::as_slice) {
            Some([found]) if found.is_deleted => Decision::Refuse(
                Refusal::new(Code::InvalidAnchor)
                    .with("target", &*target.0)
                    .with("state", "soft-deleted"),
            ),
            // Linked by hand: what the target holds there has to get our anchor, whatever else it holds.
            Some([found])
                if link.source_anchor.is_none()
                    && found.source_anchor.as_ref() != Some(&desired.source_anchor) =>
            {
                adopt(&class, desired, found, Match::Hard)
            }
            Some([found]) if is_managed_there(found) => {
                Decision::Skip(left_to_target(target, found))
            }
            Some([found]) => update(
                &class,
                desired,
                target,
                found.version,
                &found.attributes,
                Some(found),
            ),
            _ => Decision::Refuse(
                Refusal::new(Code::InvalidAnchor)
                    .with("target", &*target.0)
                    .with("state", "gone"),
            ),
        },
    }
}

/// Whether somebody said that the target is the authority for an object from now on.
fn is_managed_there(found: &TargetObject) -> bool {
    found.attributes.first(SYNC_ENABLED) == Some(&Value::Boolean(false))
}

fn left_to_target(target: &TargetId, found: &TargetObject) -> Refusal {
    let name = found.attributes.text("displayName").unwrap_or_default();
    Refusal::new(Code::EntrySynchronizationSkipped)
        .with("reason", "ManagedInTarget")
        .with("target", &*target.0)
        .with("ownerName", name)
}

fn questions(class: &Name, desired: &Desired) -> Vec<Lookup> {
    let mut all = vec![Lookup::SourceAnchor(
        class.clone(),
        desired.source_anchor.clone(),
    )];
    all.extend(desired.matching.iter().cloned());
    for choice in &desired.choices {
        let candidates = choice.candidates.iter();
        all.extend(candidates.map(|value| holder(class, &choice.attribute, value)));
    }
    all
}

/// The question who holds a value of an attribute.
fn holder(class: &Name, attribute: &Name, value: &str) -> Lookup {
    match attribute.eq_ignore_ascii_case("proxyAddresses") {
        true => Lookup::ProxyAddress(value.to_owned()),
        false => Lookup::Attribute(class.clone(), attribute.clone(), value.to_owned()),
    }
}

/// The first free candidate of each choice. The questions about them come after those that match.
fn chosen(desired: &Desired, answers: &Answers) -> Result<Vec<(Name, Vec<Value>)>, Refusal> {
    let mut index = 1 + desired.matching.len();
    let mut all = Vec::new();
    for choice in &desired.choices {
        let mut candidates = choice.candidates.iter().zip(index..);
        let is_free = |at: &usize| answers.get(at).is_none_or(Vec::is_empty);
        let free = candidates.find(|(_, at)| is_free(at));
        index += choice.candidates.len();
        match free {
            Some((value, _)) => {
                all.push((choice.attribute.clone(), vec![value.as_str().into()]));
            }
            None if choice.candidates.is_empty() => {}
            None => {
                return Err(Refusal::new(Code::AttributeValueMustBeUnique)
                    .with("attribute", &*choice.attribute)
                    .with("value", choice.candidates.join(", ")));
            }
        }
    }
    Ok(all)
}

// LONG: one decision; its cases are read against each other.
fn match_or_create(class: &Name, desired: &Desired, answers: &Answers) -> Decision {
    match answers.get(&0).map(Vec::as_slice) {
        Some([found]) if found.is_deleted => return restore(class, desired, found),
        Some([found]) => {
            return match desired.takeover.refuses(found, Match::Hard) {
                Some(why) => Decision::Refuse(why.with("anchor", &desired.source_anchor)),
                None => adopt(class, desired, found, Match::Hard),
            };
        }
        Some([_, _, ..]) => {
            return ambiguous(
                &Lookup::SourceAnchor(class.clone(), desired.source_anchor.clone()),
                answers,
                0,
            );
        }
        _ => {}
    }
    for (index, question) in desired.matching.iter().enumerate() {
        let found = answers
            .get(&(index + 1))
            .map(Vec::as_slice)
            .unwrap_or_default();
        match found {
            [] => {}
            [one] if one.class != *class => {
                let (attribute, value) = asked(question);
                return Decision::Refuse(
                    Refusal::new(Code::ObjectTypeMismatch)
                        .with("attribute", attribute)
                        .with("value", value)
                        .with("owner", &*one.id.0)
                        .with("ownerClass", &*one.class)
                        .with("wanted", &**class),
                );
            }
            [one]
                if one
                    .source_anchor
                    .as_ref()
                    .is_some_and(|have| *have != desired.source_anchor) =>
            {
                let (attribute, value) = asked(question);
                if desired.sets_aside && aside::may_be_made_beside(class, &attribute) {
                    continue;
                }
                return Decision::Refuse(
                    Refusal::new(Code::InvalidSoftMatch)
                        .with("attribute", attribute)
                        .with("value", value)
                        .with("owner", &*one.id.0)
                        .with(
                            "ownerName",
                            one.attributes.text("displayName").unwrap_or_default(),
                        ),
                );
            }
            [one] => {
                return match desired.takeover.refuses(one, Match::Soft) {
                    Some(why) => {
                        let (attribute, value) = asked(question);
                        Decision::Refuse(why.with("attribute", attribute).with("value", value))
                    }
                    None => adopt(class, desired, one, Match::Soft),
                };
            }
            _ => return ambiguous(question, answers, index + 1),
        }
    }
    let chosen = match chosen(desired, answers) {
        Ok(chosen) => chosen,
        Err(refusal) => return Decision::Refuse(refusal),
    };
    let attributes = desired
        .attributes
        .iter()
        .filter(|(_, values)| !values.is_empty());
    Decision::Operate(Box::new(Draft {
        verb: Verb::Create,
        class: class.clone(),
        target: None,
        source_anchor: desired.source_anchor.clone(),
        precondition: Precondition::Absent,
        attributes: attributes
            .map(|(name, values)| (name.clone(), values.to_vec()))
            .chain(chosen)
            .collect(),
        before: Attributes::new(),
        adopted: None,
        why: None,
    }))
}

fn asked(question: &Lookup) -> (String, String) {
    match question {
        Lookup::Id(id) => ("id".into(), id.to_string()),
        Lookup::SourceAnchor(_, anchor) => (IMMUTABLE_ID.into(), anchor.clone()),
        Lookup::Attribute(_, name, value) => (name.to_string(), value.clone()),
        Lookup::ProxyAddress(address) => ("proxyAddresses".into(), address.clone()),
    }
}

fn ambiguous(question: &Lookup, answers: &Answers, index: usize) -> Decision {
    let (attribute, value) = asked(question);
    let owners: Vec<_> = answers
        .get(&index)
        .into_iter()
        .flatten()
        .take(5)
        .map(|object| &*object.id.0)
        .collect();
    Decision::Refuse(
        Refusal::new(Code::DuplicateTargetEntries)
            .with("attribute", attribute)
            .with("value", value)
            .with("owners", owners.join(" ")),
    )
}

fn restore(class: &Name, desired: &Desired, found: &TargetObject) -> Decision {
    if let Some(why) = desired.takeover.refuses(found, Match::Hard) {
        return Decision::Refuse(why);
    }
    let (attributes, before) = difference(desired, &found.attributes);
    Decision::Operate(Box::new(Draft {
        verb: Verb::Restore,
        class: class.clone(),
        target: Some(found.id.clone()),
        source_anchor: desired.source_anchor.clone(),
        precondition: Precondition::Version(found.version),
        attributes,
        before,
        adopted: Some(Match::Hard),
        why: None,
    }))
}

fn adopt(class: &Name, desired: &Desired, found: &TargetObject, how: Match) -> Decision {
    let (attributes, before) = difference(desired, &found.attributes);
    Decision::Operate(Box::new(Draft {
        verb: Verb::Update,
        class: class.clone(),
        target: Some(found.id.clone()),
        source_anchor: desired.source_anchor.clone(),
        precondition: Precondition::Version(found.version),
        attributes,
        before,
        adopted: Some(how),
        why: None,
    }))
}

fn update(
    class: &Name,
    desired: &Desired,
    target: &TargetId,
    version: u64,
    baseline: &Attributes,
    read: Option<&TargetObject>,
) -> Decision {
    let (attributes, before) = difference(desired, baseline);
    if attributes.is_empty() {
        return Decision::Same(read.map(|found| {
            let held = desired.attributes.iter().filter_map(|(name, _)| {
                found
                    .attributes
                    .values(name)
                    .map(|values| (name.clone(), values.to_vec()))
            });
            Box::new(Confirmed {
                target: found.id.clone(),
                version: found.version,
                attributes: held.collect(),
            })
        }));
    }
    let disables = attributes.first(ACCOUNT_ENABLED) == Some(&Value::Boolean(false))
        && before.first(ACCOUNT_ENABLED) == Some(&Value::Boolean(true));
    Decision::Operate(Box::new(Draft {
        verb: if disables {
            Verb::Disable
        } else {
            Verb::Update
        },
        class: class.clone(),
        target: Some(target.clone()),
        source_anchor: desired.source_anchor.clone(),
        precondition: Precondition::Version(version),
        attributes,
        before,
        adopted: None,
        why: None,
    }))
}

/// What has to be written so that `baseline` becomes what is desired, and what it holds before.
fn difference(desired: &Desired, baseline: &Attributes) -> (Attributes, Attributes) {
    let mut write = Attributes::new();
    let mut before = Attributes::new();
    for (name, wanted) in desired.attributes.iter() {
        if desired.create_only.contains(name) {
            continue;
        }
        let have = baseline.values(name).unwrap_or_default();
        if !same_values(wanted, have) {
            write.set(name.clone(), wanted.to_vec());
            before.set(name.clone(), have.to_vec());
        }
    }
    (write, before)
}

/// Whether two lists hold the same values, in any order.
pub fn same_values(a: &[Value], b: &[Value]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([one], [other]) => one == other,
        _ if a.len() != b.len() => false,
        _ => a == b || a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>(),
    }
}

/// What reading back says about an operation whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The target holds what the operation wanted: it was carried out.
    Done,
    /// The target holds what it held before: it was not.
    NotDone,
    /// Neither: somebody else wrote; plan again.
    Differs,
}

/// Settles an operation whose answer was lost, from what the target holds now. `references_hold` says whether all
/// reference changes are in place (true if there are none).
pub fn settle(
    verb: Verb,
    attributes: &Attributes,
    precondition: &Precondition,
    found: Option<&TargetObject>,
    references_hold: bool,
) -> Settled {
    let holds = |object: &TargetObject| {
        attributes.iter().all(|(name, values)| {
            same_values(values, object.attributes.values(name).unwrap_or_default())
        })
    };
    match (verb, found) {
        (Verb::Create, None) => Settled::NotDone,
        (Verb::Delete, None) => Settled::Done,
        (Verb::Delete, Some(object)) if object.is_deleted => Settled::Done,
        (_, None) => Settled::Differs,
        // Unchanged since it was planned: even an operation without attributes (taking over an object) is still to be done.
        (_, Some(object)) if *precondition == Precondition::Version(object.version) => {
            Settled::NotDone
        }
        (Verb::Create | Verb::Restore, Some(object)) if !object.is_deleted && holds(object) => {
            Settled::Done
        }
        (Verb::Update | Verb::Disable, Some(object))
            if !object.is_deleted && references_hold && holds(object) =>
        {
            Settled::Done
        }
        (_, Some(_)) => Settled::Differs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(pairs: &[(&str, &str)]) -> Attributes {
        pairs
            .iter()
            .map(|(n, v)| {
                (
                    *n,
                    if v.is_empty() {
                        vec![]
                    } else {
                        vec![Value::from(*v)]
                    },
                )
            })
            .collect()
    }

    fn desired(pairs: &[(&str, &str)]) -> Wanted {
        Wanted::Present(Box::new(Desired {
            class: Some("User".into()),
            source_anchor: "A".into(),
            attributes: attributes(pairs),
            matching: vec![
                Lookup::Attribute("User".into(), "userPrincipalName".into(), "u@x".into()),
                Lookup::ProxyAddress("u@x".into()),
            ],
            ..Desired::default()
        }))
    }

    fn object(id: &str, class: &str, anchor: Option<&str>) -> TargetObject {
        TargetObject {
            id: TargetId(id.into()),
            class: class.into(),
            version: 7,
            is_deleted: false,
            source_anchor: anchor.map(Into::into),
            attributes: attributes(&[("displayName", "Old")]),
        }
    }

    fn linked() -> LinkView {
        LinkView {
            situation: Situation::Linked,
            class: Some("User".into()),
            target: Some(TargetId("t".into())),
            version: 3,
            source_anchor: Some("A".into()),
            exported: attributes(&[("displayName", "Old"), ("title", "Boss")]),
            is_stale: false,
        }
    }

    fn operate(decision: Decision) -> Draft {
        match decision {
            Decision::Operate(draft) => *draft,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn asks_anchor_first_then_matching_attributes_in_order() {
        let Decision::Ask(asked) = decide(&desired(&[]), &LinkView::unlinked(), None) else {
            panic!()
        };
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[0], Lookup::SourceAnchor("User".into(), "A".into()));
    }

    #[test]
    fn creates_without_cleared_attributes_when_nothing_is_found() {
        let draft = operate(decide(
            &desired(&[("displayName", "New"), ("title", "")]),
            &LinkView::unlinked(),
            Some(&Answers::new()),
        ));
        assert_eq!((draft.verb, draft.attributes.len()), (Verb::Create, 1));
        assert_eq!(draft.precondition, Precondition::Absent);
    }

    #[test]
    fn a_new_object_takes_the_first_candidate_nobody_holds() {
        let Wanted::Present(mut want) = desired(&[("displayName", "New")]) else {
            panic!()
        };
        let choice = |attribute: &str, candidates: &[&str]| Choice {
            attribute: attribute.into(),
            candidates: candidates.iter().map(|c| (*c).to_owned()).collect(),
        };
        want.choices = vec![
            choice("mailNickname", &["a", "a1", "a2"]),
            choice("title", &[]),
            choice("proxyAddresses", &["smtp:a@x"]),
        ];
        let wanted = Wanted::Present(want);
        let Decision::Ask(asked) = decide(&wanted, &LinkView::unlinked(), None) else {
            panic!()
        };
        assert_eq!(asked.len(), 7);
        assert_eq!(
            asked[4],
            Lookup::Attribute("User".into(), "mailNickname".into(), "a1".into())
        );
        assert_eq!(asked[6], Lookup::ProxyAddress("smtp:a@x".into()));
        let mut answers: Answers = [(3, vec![object("o", "User", Some("B"))])].into();
        let draft = operate(decide(&wanted, &LinkView::unlinked(), Some(&answers)));
        assert_eq!(
            draft.attributes,
            attributes(&[
                ("displayName", "New"),
                ("mailNickname", "a1"),
                ("proxyAddresses", "smtp:a@x")
            ])
        );
        answers.insert(6, vec![object("p", "Group", None)]);
        let Decision::Refuse(refusal) = decide(&wanted, &LinkView::unlinked(), Some(&answers))
        else {
            panic!()
        };
        assert_eq!(refusal.code, Code::AttributeValueMustBeUnique);
        answers.insert(0, vec![object("h", "User", Some("A"))]);
        let draft = operate(decide(&wanted, &LinkView::unlinked(), Some(&answers)));
        assert_eq!(draft.attributes, attributes(&[("displayName", "New")]));
    }

    #[test]
    fn hard_match_wins_over_soft_match_and_writes_only_differences() {
        let answers: Answers = [
            (0, vec![object("h", "User", Some("A"))]),
            (1, vec![object("s", "User", None)]),
        ]
        .into_iter()
        .collect();
        let draft = operate(decide(
            &desired(&[("displayName", "Old"), ("title", "x")]),
            &LinkView::unlinked(),
            Some(&answers),
        ));
        assert_eq!(draft.target, Some(TargetId("h".into())));
        assert_eq!(draft.adopted, Some(Match::Hard));
        assert_eq!(draft.attributes, attributes(&[("title", "x")]));
    }

    #[test]
    fn soft_match_to_somebody_elses_object_is_refused_with_owner() {
        let answers: Answers = [(1, vec![object("s", "User", Some("B"))])]
            .into_iter()
            .collect();
        let Decision::Refuse(why) = decide(&desired(&[]), &LinkView::unlinked(), Some(&answers))
        else {
            panic!()
        };
        assert_eq!(
            (why.code, why.argument("owner")),
            (Code::InvalidSoftMatch, Some("s"))
        );
    }

    #[test]
    fn soft_match_to_another_class_and_to_several_is_refused() {
        let answers: Answers = [(2, vec![object("g", "Group", None)])]
            .into_iter()
            .collect();
        let Decision::Refuse(why) = decide(&desired(&[]), &LinkView::unlinked(), Some(&answers))
        else {
            panic!()
        };
        assert_eq!(why.code, Code::ObjectTypeMismatch);
        let answers: Answers = [(
            2,
            vec![object("a", "User", None), object("b", "User", None)],
        )]
        .into_iter()
        .collect();
        let Decision::Refuse(why) = decide(&desired(&[]), &LinkView::unlinked(), Some(&answers))
        else {
            panic!()
        };
        assert_eq!(
            (why.code, why.argument("owners")),
            (Code::DuplicateTargetEntries, Some("a b"))
        );
    }

    #[test]
    fn linked_object_clears_what_is_no_longer_wanted() {
        let draft = operate(decide(
            &desired(&[("displayName", "Old"), ("title", "")]),
            &linked(),
            None,
        ));
        assert_eq!(draft.attributes, attributes(&[("title", "")]));
        assert_eq!(draft.before, attributes(&[("title", "Boss")]));
        assert_eq!(
            decide(&desired(&[("displayName", "Old")]), &linked(), None),
            Decision::Same(None)
        );
    }

    #[test]
    fn turning_an_account_off_is_a_disable() {
        let mut link = linked();
        link.exported
            .set(ACCOUNT_ENABLED, vec![Value::Boolean(true)]);
        let mut want = Desired {
            class: Some("User".into()),
            source_anchor: "A".into(),
            ..Desired::default()
        };
        want.attributes
            .set(ACCOUNT_ENABLED, vec![Value::Boolean(false)]);
        assert_eq!(
            operate(decide(&Wanted::Present(Box::new(want)), &link, None)).verb,
            Verb::Disable
        );
    }

    #[test]
    fn changed_source_anchor_is_refused() {
        let mut link = linked();
        link.source_anchor = Some("B".into());
        let Decision::Refuse(why) = decide(&desired(&[]), &link, None) else {
            panic!()
        };
        assert_eq!(why.code, Code::SourceAnchorChanged);
    }

    #[test]
    fn absence_deletes_only_what_is_linked() {
        let why = Refusal::new(Code::EntrySynchronizationSkipped);
        let draft = operate(decide(&Wanted::Absent(why.clone()), &linked(), None));
        assert_eq!(
            (draft.verb, draft.precondition),
            (Verb::Delete, Precondition::Version(3))
        );
        assert_eq!(
            decide(&Wanted::Absent(why.clone()), &LinkView::unlinked(), None),
            Decision::Skip(why)
        );
    }

    #[test]
    fn stale_link_is_read_back_before_anything_is_written() {
        let mut link = linked();
        link.is_stale = true;
        assert!(matches!(
            decide(&desired(&[("displayName", "N")]), &link, None),
            Decision::Ask(_)
        ));
        let answers: Answers = [(0, vec![object("t", "User", Some("A"))])]
            .into_iter()
            .collect();
        let draft = operate(decide(
            &desired(&[("displayName", "N")]),
            &link,
            Some(&answers),
        ));
        assert_eq!(draft.precondition, Precondition::Version(7));
        let gone: Answers = [(0, vec![])].into_iter().collect();
        let Decision::Refuse(why) = decide(&desired(&[]), &link, Some(&gone)) else {
            panic!()
        };
        assert_eq!(why.code, Code::InvalidAnchor);
    }

    #[test]
    fn what_the_target_manages_itself_is_left_alone_until_it_is_given_back() {
        let mut link = linked();
        link.is_stale = true;
        let decided = |is_synchronised: bool| {
            let mut found = object("t", "User", Some("A"));
            let value = vec![Value::Boolean(is_synchronised)];
            found.attributes.set(SYNC_ENABLED, value);
            let answers: Answers = [(0, vec![found])].into_iter().collect();
            decide(&desired(&[("displayName", "N")]), &link, Some(&answers))
        };
        let Decision::Skip(why) = decided(false) else {
            panic!()
        };
        assert_eq!(why.code, Code::EntrySynchronizationSkipped);
        assert_eq!(why.argument("reason"), Some("ManagedInTarget"));
        assert_eq!(operate(decided(true)).verb, Verb::Update);
    }

    #[test]
    fn soft_deleted_object_with_our_anchor_is_restored() {
        let mut found = object("d", "User", Some("A"));
        found.is_deleted = true;
        let answers: Answers = [(0, vec![found])].into_iter().collect();
        assert_eq!(
            operate(decide(&desired(&[]), &LinkView::unlinked(), Some(&answers))).verb,
            Verb::Restore
        );
    }

    #[test]
    fn lost_answers_are_settled_by_what_the_target_holds() {
        let want = attributes(&[("displayName", "New")]);
        let before = Precondition::Version(7);
        let mut found = object("t", "User", Some("A"));
        assert_eq!(
            settle(Verb::Update, &want, &before, Some(&found), true),
            Settled::NotDone
        );
        found.version = 8;
        assert_eq!(
            settle(Verb::Update, &want, &before, Some(&found), true),
            Settled::Differs
        );
        found.attributes = want.clone();
        assert_eq!(
            settle(Verb::Update, &want, &before, Some(&found), true),
            Settled::Done
        );
        let nothing = Attributes::new();
        assert_eq!(
            settle(
                Verb::Update,
                &nothing,
                &Precondition::Version(8),
                Some(&found),
                true
            ),
            Settled::NotDone,
            "an operation that writes no attribute has not been carried out just because nothing differs"
        );
        assert_eq!(
            settle(Verb::Delete, &want, &before, None, true),
            Settled::Done
        );
        assert_eq!(
            settle(Verb::Create, &want, &Precondition::Absent, None, true),
            Settled::NotDone
        );
    }
}
