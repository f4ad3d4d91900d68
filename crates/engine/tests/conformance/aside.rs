//! Values set aside, and objects of the target that change hands.

use engine::{PendingState, Planned, PlannedOutcome, reason};
use sync_core::{
    aside::Aside,
    id::TargetId,
    operation::{Precondition, Verb},
    plan::{Draft, Match, Situation},
    value::Attributes,
};

use super::{
    bench::Bench,
    source::{deleted, group, part, user, with},
};

const HOUR: i64 = 3_600_000;

#[test]
fn a_value_set_aside_is_tried_again_every_hour_and_not_before() {
    let mut bench = Bench::new();
    bench.start_with(&[with(user(1, "a"), &[("mail", "same@x")]), user(2, "b")]);
    bench.delta(&[part(2, &[("mail", "same@x"), ("displayName", "c")])]);
    bench.plan();
    let mut change = bench.ready().remove(0);
    // Sent without the value, as the exporter does it.
    change.pending.attributes.remove("mail");
    change.pending.before.remove("mail");
    change.asides.push(Aside {
        attribute: "mail".into(),
        value: "same@x".into(),
        owner: bench.link_row(1).target.unwrap(),
    });
    let outcome = bench.target.apply(&change.operation());
    bench.report(&[(change, outcome)]);
    assert_eq!(bench.engine().asides(bench.link(2)).unwrap().len(), 1);
    let wakes = |bench: &Bench, after: i64| {
        bench.pass(after);
        bench.engine().wake().unwrap()
    };
    assert!(!wakes(&bench, 0) && !wakes(&bench, HOUR - 1));
    assert_eq!(bench.due(), []);
    assert!(wakes(&bench, 1));
    assert_eq!(bench.due(), [("CN=b".to_owned(), reason::RETRY)]);
    assert!(!wakes(&bench, HOUR - 1), "asked once an hour");
    assert!(wakes(&bench, 1));
}

/// A plan by which the second object takes what the first one has.
fn taking(bench: &Bench) -> Planned {
    let first = bench.link_row(1);
    let target = first.target.unwrap();
    let mut attributes = Attributes::new();
    attributes.set("displayName", vec!["b".into()]);
    let draft = Draft {
        verb: Verb::Update,
        class: "User".into(),
        target: Some(TargetId::from(target.clone())),
        source_anchor: bench.target.objects[&target].anchor.clone(),
        precondition: Precondition::Version(first.version),
        attributes,
        before: Attributes::new(),
        adopted: Some(Match::Hard),
        why: None,
    };
    Planned {
        item: bench.item(2),
        outcome: PlannedOutcome::Operate(Box::new(draft)),
        name: "b".into(),
        takes_from: Some(bench.link(1)),
    }
}

/// The first one is in the target and a member of a group; the second one is known.
fn two() -> Bench {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a"), group(3, "g", [1])]);
    bench
}

#[test]
fn an_object_changes_hands_with_what_the_target_holds_of_it() {
    let mut bench = two();
    let target = bench.link_row(1).target;
    bench.delta(&[deleted(1), user(2, "b")]);
    let plan = taking(&bench);
    let ready = bench
        .engine()
        .store_plans(&bench.job(), &[plan], &[])
        .unwrap();
    assert_eq!(ready.ready, 1);
    let (old, new) = (bench.link_row(1), bench.link_row(2));
    assert_eq!((old.situation, old.target), (Situation::Unlinked, None));
    assert_eq!((new.situation, &new.target), (Situation::Linked, &target));
    assert_eq!(new.exported.text("displayName"), Some("a"));
    assert_eq!(bench.pending(2), PendingState::Ready);
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 2);
    bench.export();
    bench.plan();
    while bench.plan_references().links > 0 || bench.export() > 0 {}
    assert_eq!(bench.target.objects.len(), 2, "nobody was deleted or made");
    let group = bench.link_row(3).target.unwrap();
    assert!(
        bench.target.objects[&group].members.is_empty(),
        "the group has the old one as member, not the new one"
    );
}

#[test]
fn nothing_changes_hands_while_an_operation_is_under_way() {
    let bench = two();
    bench.delta(&[part(1, &[("displayName", "z")]), user(2, "b")]);
    bench.plan();
    assert_eq!(bench.pending(1), PendingState::Ready);
    bench.engine().ask_for(bench.link(2)).unwrap();
    let plan = taking(&bench);
    let ready = bench
        .engine()
        .store_plans(&bench.job(), &[plan], &[])
        .unwrap();
    assert_eq!(ready.ready, 0);
    assert_eq!(bench.link_row(1).situation, Situation::Linked);
    let due: Vec<String> = bench.due().into_iter().map(|(name, _)| name).collect();
    assert_eq!(due, ["CN=b"], "planned again when the outcome is there");
}
