//! From plan to report: what is pending, what came of it, what is remembered.

use engine::{Action, PendingState, Status, reason};
use sync_core::{
    code::Code,
    id::TargetId,
    operation::{Outcome, Refusal, Verb},
    plan::Situation,
};

use super::{
    bench::{Bench, LONG},
    source::{anchor, deleted, group, part, user, with},
    target::Held,
};

fn verbs(bench: &Bench) -> Vec<(Action, Status)> {
    bench
        .log()
        .iter()
        .map(|record| (record.action, record.status))
        .collect()
}

#[test]
fn creates_updates_deletes_and_restores() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a")]);
    let id = bench.link_row(1).target;
    assert_eq!(bench.name_in_target(1).as_deref(), Some("a"));
    bench.delta(&[part(1, &[("displayName", "b")])]);
    bench.catch_up();
    assert_eq!(
        (
            bench.name_in_target(1).as_deref(),
            bench.link_row(1).version
        ),
        (Some("b"), 2)
    );
    bench.delta(&[deleted(1)]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1), None);
    let row = bench.link_row(1);
    assert_eq!((row.situation, row.exported.len()), (Situation::Deleted, 0));
    bench.delta(&[user(1, "c")]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("c"));
    assert_eq!(bench.link_row(1).target, id, "the same object is back");
    let done = |action| (action, Status::Success);
    assert_eq!(
        verbs(&bench),
        [
            Action::Create,
            Action::Update,
            Action::Delete,
            Action::Restore
        ]
        .map(done)
    );
    let update = &bench.log()[1];
    assert_eq!(
        update.changes,
        [(
            "displayName".into(),
            ["a".into()].into(),
            ["b".into()].into()
        )]
    );
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 1);
}

#[test]
fn a_later_plan_replaces_an_operation_not_carried_out_yet() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a")]);
    bench.delta(&[part(1, &[("displayName", "b")])]);
    bench.plan();
    let first = bench.ready().remove(0);
    bench.delta(&[part(1, &[("displayName", "c")])]);
    bench.plan();
    let second = bench.ready();
    assert_eq!(second.len(), 1);
    assert!(second[0].generation > first.generation);
    assert_eq!(second[0].pending.attributes.text("displayName"), Some("c"));
}

#[test]
fn a_report_about_a_replaced_operation_is_not_believed_but_has_the_target_read_back() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a")]);
    bench.delta(&[part(1, &[("displayName", "b")])]);
    bench.plan();
    let old = bench.ready().remove(0);
    let outcome = bench.target.apply(&old.operation());
    bench.delta(&[part(1, &[("displayName", "a")])]);
    bench.plan();
    assert_eq!(
        bench.pending(1),
        PendingState::None,
        "nothing seems to be different"
    );
    bench.report(&[(old, outcome)]);
    assert_eq!(bench.link_row(1).exported.text("displayName"), Some("a"));
    assert_eq!(bench.due(), [("CN=a".to_owned(), reason::STALE)]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("a"));
}

#[test]
fn a_report_told_twice_counts_once() {
    let mut bench = Bench::new();
    bench.read_full(&[user(1, "a")]);
    bench.plan();
    let change = bench.ready().remove(0);
    let outcome = bench.target.apply(&change.operation());
    bench.report(&[(change.clone(), outcome.clone())]);
    bench.report(&[(change, outcome)]);
    assert_eq!((bench.log().len(), bench.due().len()), (1, 0));
    assert_eq!(bench.link_row(1).version, 1);
}

#[test]
fn a_target_that_holds_something_else_is_read_back_and_put_right() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a")]);
    let id = bench.link_row(1).target.unwrap();
    let held = bench.target.objects.get_mut(&id).unwrap();
    held.attributes
        .set("displayName", vec!["somebody wrote this".into()]);
    held.version += 1;
    bench.delta(&[part(1, &[("mail", "a@x")])]);
    bench.catch_up();
    let held = &bench.target.objects[&id];
    assert_eq!(held.attributes.text("displayName"), Some("a"));
    assert_eq!(held.attributes.text("mail"), Some("a@x"));
    assert_eq!(bench.link_row(1).version, held.version);
}

#[test]
fn a_refusal_goes_into_escrow_and_is_tried_again_when_its_time_comes() {
    let mut bench = Bench::new();
    bench.start_with(&[with(user(1, "a"), &[("mail", "same@x")]), user(2, "b")]);
    bench.delta(&[part(2, &[("mail", "same@x")])]);
    bench.catch_up();
    let row = bench.link_row(2);
    assert_eq!((row.situation, row.attempts), (Situation::Linked, 1));
    assert_eq!(row.reason.unwrap().code, Code::AttributeValueMustBeUnique);
    assert_eq!(bench.pending(2), PendingState::None);
    let failures = |b: &Bench| {
        b.log()
            .iter()
            .filter(|r| r.status == Status::Failure)
            .count()
    };
    assert_eq!(failures(&bench), 1);
    // the owner goes, and not by us
    let owner = bench.link_row(1).target.unwrap();
    bench.target.purge(&owner);
    bench.pass(LONG);
    bench.catch_up();
    let id = bench.link_row(2).target.unwrap();
    assert_eq!(
        bench.target.objects[&id].attributes.text("mail"),
        Some("same@x")
    );
    assert_eq!((bench.link_row(2).attempts, failures(&bench)), (0, 1));
}

#[test]
fn a_lost_answer_is_settled_by_reading_back() {
    for is_carried_out in [true, false] {
        let mut bench = Bench::new();
        bench.read_full(&[user(1, "a")]);
        bench.plan();
        let change = bench.ready().remove(0);
        if is_carried_out {
            bench.target.apply(&change.operation());
        }
        bench.report(&[(change, Outcome::Unknown)]);
        assert!(bench.ready()[0].is_unknown);
        bench.catch_up();
        assert_eq!(bench.target.objects.len(), 1);
        assert_eq!(verbs(&bench), [(Action::Create, Status::Success)]);
    }
}

#[test]
fn what_was_ready_when_the_server_stopped_counts_as_unknown() {
    let mut bench = Bench::new();
    bench.read_full(&[user(1, "a"), user(2, "b")]);
    bench.plan();
    let change = bench.ready().remove(0);
    bench.target.apply(&change.operation());
    bench.restart();
    assert!(bench.ready().iter().all(|change| change.is_unknown));
    bench.catch_up();
    assert_eq!(bench.target.objects.len(), 2);
    assert_eq!(bench.log().len(), 2);
}

#[test]
fn an_object_found_in_the_target_is_taken_over_and_read_back_whole() {
    let mut bench = Bench::new();
    let stranger = Held {
        class: "User".into(),
        anchor: String::new(),
        version: 9,
        is_deleted: false,
        attributes: super::source::texts(&[("mail", "a@x"), ("displayName", "Found")]),
        members: Default::default(),
    };
    bench.target.objects.insert("x1".into(), stranger);
    bench.start_with(&[with(user(1, "a"), &[("mail", "a@x"), ("soft", "a@x")])]);
    let row = bench.link_row(1);
    assert_eq!(
        (row.target.as_deref(), row.situation),
        (Some("x1"), Situation::Linked)
    );
    assert_eq!(bench.target.objects["x1"].anchor, anchor(1).base64());
    assert_eq!(bench.name_in_target(1).as_deref(), Some("a"));
    assert_eq!(
        row.exported.text("mail"),
        Some("a@x"),
        "although it was never written"
    );
    assert_eq!((row.version, bench.target.objects.len()), (10, 1));
}

#[test]
fn what_was_deleted_in_the_target_by_others_and_then_in_the_source_is_no_longer_linked() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a"), user(2, "b")]);
    let id = bench.link_row(1).target.unwrap();
    bench.target.purge(&id);
    bench.delta(&[deleted(1)]);
    bench.catch_up();
    assert_eq!(bench.link_row(1).situation, Situation::Lost);
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 1);
    bench.delta(&[user(1, "again")]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("again"));
}

#[test]
fn an_outcome_for_what_is_not_known_is_ignored() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [])]);
    bench.delta(&[part(1, &[("displayName", "h")])]);
    bench.plan();
    let mut change = bench.ready().remove(0);
    change.link = engine::link_id(bench.job_id, sync_core::id::ObjectId(12_345));
    bench.report(&[(
        change,
        Outcome::Done {
            target: TargetId("zz".into()),
            version: 5,
        },
    )]);
    assert_eq!(bench.pending(1), PendingState::Ready);
    assert_eq!(bench.ready()[0].pending.verb, Verb::Update);
}

#[test]
fn a_failed_job_is_remembered_until_it_works_again() {
    let bench = Bench::new();
    let why = Refusal::new(Code::TimeOut);
    bench
        .engine()
        .set_job_failure(bench.job_id, Some(&why))
        .unwrap();
    bench
        .engine()
        .set_job_failure(bench.job_id, Some(&why))
        .unwrap();
    let job = bench.job();
    assert_eq!((job.failures, job.failure), (2, Some(why)));
    assert!(job.retry_at > Some(bench.now()));
    bench.engine().set_job_failure(bench.job_id, None).unwrap();
    assert_eq!((bench.job().failures, bench.job().failure), (0, None));
}

#[test]
fn what_was_just_planned_is_taken_as_it_is_stored() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a"), user(2, "b")]);
    bench.delta(&[
        part(1, &[("displayName", "c")]),
        deleted(2),
        group(3, "g", [1]),
    ]);
    bench.plan();
    bench.release();
    let pending = |bench: &Bench| -> Vec<_> {
        let ready = bench.ready();
        ready
            .into_iter()
            .map(|change| (change.link, change.generation, change.pending))
            .collect()
    };
    let at_first = pending(&bench);
    assert_eq!(at_first.len(), 3);
    assert_eq!(pending(&bench), at_first, "read back");
    bench.catch_up();
    assert_eq!(bench.plan_references().operations, 0);
    assert_eq!(bench.members(3), ["c"]);
}

#[test]
fn a_plan_that_was_superseded_before_it_was_taken_is_not_carried_out() {
    let mut bench = Bench::new();
    bench.read_full(&[user(1, "a"), user(2, "x"), user(3, "y")]);
    bench.plan();
    bench.delta(&[
        part(1, &[("displayName", "b")]),
        part(2, &[("title", "out")]),
    ]);
    bench.plan();
    let names = |bench: &Bench| -> Vec<_> {
        let ready = bench.ready();
        let name = |text: &str| text.to_owned();
        ready
            .iter()
            .filter_map(|change| change.pending.attributes.text("displayName").map(name))
            .collect()
    };
    assert_eq!(names(&bench), ["b", "y"]);
    bench.delta(&[part(2, &[("title", ""), ("displayName", "z")])]);
    bench.plan();
    assert_eq!(names(&bench), ["b", "z", "y"]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("b"));
    assert_eq!(bench.name_in_target(2).as_deref(), Some("z"));
}

#[test]
fn a_creation_that_was_superseded_while_it_was_carried_out_is_read_back() {
    let mut bench = Bench::new();
    bench.read_full(&[user(1, "a")]);
    bench.plan();
    let change = bench.ready().remove(0);
    let outcome = bench.target.apply(&change.operation());
    bench.delta(&[part(1, &[("displayName", "b")])]);
    bench.plan();
    bench.report(&[(change, outcome)]);
    let is_read_back = |(_, reasons): &(String, i64)| reasons & reason::STALE != 0;
    assert!(bench.due().iter().any(is_read_back));
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("b"));
}
