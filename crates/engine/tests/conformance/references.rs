//! References: one edge costs one edge, and none is lost on the way.

use engine::{GuardOutcome, JobSettings, PendingState, Status};
use sync_core::{
    code::Code,
    operation::{Outcome, Refusal},
};

use super::{
    bench::{Bench, LONG, decided, mapped},
    source::{anchor, deleted, group, members, part, user, with},
};

fn strict() -> JobSettings {
    JobSettings {
        delete_threshold: 1,
        delete_threshold_percent: 100,
        settle_seconds: 0,
        ..JobSettings::default()
    }
}

#[test]
fn members_flow_whichever_comes_first() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [2, 3]), user(2, "a")]);
    assert_eq!(bench.members(1), ["a"]);
    assert_eq!(
        bench
            .engine()
            .job_numbers(bench.job_id, true)
            .unwrap()
            .waiting_references,
        1
    );
    bench.delta(&[user(3, "late")]);
    bench.catch_up();
    assert_eq!(bench.members(1), ["a", "late"]);
    assert_eq!(
        bench
            .engine()
            .job_numbers(bench.job_id, true)
            .unwrap()
            .waiting_references,
        0
    );
    bench.delta(&[user(4, "c"), members(1, [4], [2])]);
    bench.catch_up();
    assert_eq!(bench.members(1), ["c", "late"]);
    bench.delta(&[group(1, "g", [2])]);
    bench.catch_up();
    assert_eq!(bench.members(1), ["a"]);
}

#[test]
fn a_whole_state_ends_the_references_it_does_not_show() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [2]), user(2, "a")]);
    assert_eq!(bench.members(1), ["a"]);
    // Directories leave out an attribute that has no values.
    let mut empty = group(1, "g", []);
    empty.links.clear();
    bench.delta(&[empty]);
    bench.catch_up();
    assert_eq!(bench.members(1), [""; 0]);
}

#[test]
fn groups_in_circles_come_to_rest() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [2]), group(2, "h", [1, 2])]);
    assert_eq!(
        (bench.members(1), bench.members(2)),
        (vec!["h".into()], vec!["g".into(), "h".into()])
    );
}

#[test]
fn a_reference_taken_back_before_its_object_appears_is_forgotten() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [3]), user(2, "a")]);
    bench.delta(&[members(1, [], [3])]);
    assert_eq!(
        bench
            .engine()
            .job_numbers(bench.job_id, true)
            .unwrap()
            .waiting_references,
        0
    );
    bench.delta(&[user(3, "late")]);
    bench.catch_up();
    assert!(bench.members(1).is_empty());
}

#[test]
fn one_changed_edge_is_one_operation_with_one_reference() {
    let mut bench = Bench::new();
    let mut all: Vec<_> = (10..110).map(|n| user(n, &format!("u{n}"))).collect();
    all.push(group(1, "g", 10..109));
    bench.start_with(&all);
    bench.delta(&[members(1, [109], [])]);
    assert_eq!(bench.plan_references().operations, 1);
    let pending = bench.ready().remove(0).pending;
    assert_eq!(
        (pending.edges.len(), pending.references[0].add.len()),
        (1, 1)
    );
    bench.catch_up();
    let last = bench.log().pop().unwrap();
    assert_eq!(
        (last.references[0].added.len(), last.status),
        (1, Status::Success)
    );
}

#[test]
fn a_large_group_is_exported_in_chunks_one_operation_at_a_time() {
    const MEMBERS: u16 = 11_000;
    let bench = Bench::new();
    let mut all: Vec<_> = (10..10 + MEMBERS).map(|n| user(n, "u")).collect();
    all.push(group(1, "g", 10..10 + MEMBERS));
    bench.read_full(&all);
    // The naive target would look through everything each time; that all users exist is all it has to know here.
    bench.plan();
    let done: Vec<_> = bench
        .ready()
        .into_iter()
        .map(|change| {
            let target = sync_core::id::TargetId::from(format!("t{}", change.link));
            (change, Outcome::Done { target, version: 1 })
        })
        .collect();
    bench.report(&done);
    let mut sizes = Vec::new();
    for version in 2.. {
        if bench.plan_references().operations == 0 {
            break;
        }
        assert_eq!(
            bench.plan_references().links,
            0,
            "waits for the operation before"
        );
        let change = bench.ready().remove(0);
        sizes.push(change.pending.edges.len());
        let target = sync_core::id::TargetId::from(change.pending.target.clone().unwrap());
        bench.report(&[(change, Outcome::Done { target, version })]);
    }
    assert_eq!(sizes, [5_000, 5_000, 1_000]);
    assert!(!bench.engine().has_due_references(bench.job_id).unwrap());
    // and the same by single edges
    bench.delta(&[members(1, [], 10..6_010)]);
    let mut sizes = Vec::new();
    for version in 10.. {
        if bench.plan_references().operations == 0 {
            break;
        }
        let change = bench.ready().remove(0);
        sizes.push(change.pending.edges.len());
        let target = sync_core::id::TargetId::from(change.pending.target.clone().unwrap());
        bench.report(&[(change, Outcome::Done { target, version })]);
    }
    assert_eq!(sizes, [5_000, 1_000]);
}

#[test]
fn chunks_go_on_after_a_restart_and_after_a_change_in_between() {
    let mut bench = Bench::new();
    let mut all: Vec<_> = (10..5_310).map(|n| user(n, "u")).collect();
    all.push(group(1, "g", 10..5_310));
    bench.read_full(&all);
    bench.plan();
    let done: Vec<_> = bench
        .ready()
        .into_iter()
        .map(|change| {
            let target = sync_core::id::TargetId::from(format!("t{}", change.link));
            (change, Outcome::Done { target, version: 1 })
        })
        .collect();
    bench.report(&done);
    assert_eq!(bench.plan_references().operations, 1);
    bench.restart();
    bench.delta(&[members(1, [], 5_300..5_310)]);
    let change = bench.ready().remove(0);
    let target = sync_core::id::TargetId::from(change.pending.target.clone().unwrap());
    bench.report(&[(
        change,
        Outcome::Done {
            target: target.clone(),
            version: 2,
        },
    )]);
    bench.plan_references();
    let change = bench.ready().remove(0);
    assert_eq!(change.pending.edges.len(), 290);
    bench.report(&[(change, Outcome::Done { target, version: 3 })]);
    assert_eq!(bench.plan_references().operations, 0);
}

#[test]
fn a_reference_to_the_deleted_is_taken_back_only_when_the_deletion_is_carried_out() {
    let mut bench = Bench::with(strict());
    bench.start_with(&[group(1, "g", [2, 3]), user(2, "a"), user(3, "b")]);
    bench.delta(&[deleted(2)]);
    bench.catch_up();
    assert_eq!(bench.pending(2), PendingState::Held);
    assert_eq!(bench.members(1), ["a", "b"]);
    // it comes back: nothing was lost meanwhile
    bench.delta(&[user(2, "a"), members(1, [2], [])]);
    bench.catch_up();
    assert_eq!(
        (bench.pending(2), bench.members(1)),
        (PendingState::None, vec!["a".into(), "b".into()])
    );
    bench.delta(&[deleted(2)]);
    bench.catch_up();
    bench
        .engine()
        .allow_deletes(bench.job_id, &engine::DeleteChoice::All, "me")
        .unwrap();
    bench.catch_up();
    assert_eq!(bench.members(1), ["b"], "also from a soft-deleted object");
}

/// Plans and carries out what is due, with a reference that has one end only, as a manager.
fn catch_up_with_single(bench: &mut Bench) {
    let single = engine::MappedReference {
        is_multivalued: false,
        ..mapped().remove(0)
    };
    for _ in 0..10 {
        bench.plan();
        bench
            .engine()
            .plan_references(&bench.job(), std::slice::from_ref(&single), 500)
            .unwrap();
        bench.export();
    }
}

/// What the last record says of references: added and removed.
fn last_references(bench: &Bench) -> (usize, usize) {
    let log = bench.log();
    let note = &log.last().unwrap().references[0];
    (note.added.len(), note.removed.len())
}

#[test]
fn a_single_reference_that_is_given_another_end_leaves_one_whose_deletion_is_held() {
    let mut bench = Bench::with(strict());
    bench.start_with(&[group(1, "g", [2]), user(2, "a"), user(3, "b")]);
    bench.delta(&[deleted(2)]);
    catch_up_with_single(&mut bench);
    bench.release();
    assert_eq!(bench.pending(2), PendingState::Held);
    assert_eq!(bench.members(1), ["a"], "nobody else is given");
    bench.delta(&[members(1, [3], [])]);
    catch_up_with_single(&mut bench);
    assert_eq!(bench.members(1), ["b"]);
    assert_eq!(last_references(&bench), (1, 1), "the log tells of both");
}

#[test]
fn a_single_reference_that_is_kept_is_kept_until_another_end_is_given() {
    let mut bench = Bench::with(strict());
    bench.start_with(&[group(1, "g", [2]), user(2, "a"), user(3, "b")]);
    bench.delta(&[members(1, [], [2])]);
    catch_up_with_single(&mut bench);
    assert_eq!(
        bench.members(1),
        ["a"],
        "a guard as strict as this holds it"
    );
    let held = |bench: &Bench| {
        let losses = bench.engine().staged_losses(bench.job_id, 0, 10).unwrap();
        losses.len()
    };
    assert_eq!(held(&bench), 1);
    bench.delta(&[members(1, [3], [])]);
    catch_up_with_single(&mut bench);
    assert_eq!((bench.members(1), held(&bench)), (vec!["b".into()], 0));
    assert_eq!(last_references(&bench), (1, 1));
}

#[test]
fn one_that_comes_back_without_its_memberships_loses_them() {
    let mut bench = Bench::with(strict());
    bench.start_with(&[group(1, "g", [2, 3]), user(2, "a"), user(3, "b")]);
    bench.delta(&[deleted(2)]);
    bench.catch_up();
    bench.delta(&[user(2, "a")]);
    bench.catch_up();
    assert_eq!(
        bench.members(1),
        ["a", "b"],
        "a guard as strict as this holds one member"
    );
    bench
        .engine()
        .allow_deletes(bench.job_id, &engine::DeleteChoice::All, "me")
        .unwrap();
    bench.catch_up();
    assert_eq!(bench.members(1), ["b"]);
}

#[test]
fn a_group_deleted_and_made_anew_gets_its_members_and_its_places_back() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "outer", [2]), group(2, "inner", [3]), user(3, "a")]);
    bench.delta(&[with(part(2, &[]), &[("title", "out")])]);
    bench.catch_up();
    assert!(
        bench.members(1).is_empty(),
        "the target took it out by itself"
    );
    bench.delta(&[part(2, &[("title", "")])]);
    bench.catch_up();
    assert_eq!(
        (bench.members(1), bench.members(2)),
        (vec!["inner".into()], vec!["a".into()])
    );
}

#[test]
fn a_user_purged_and_made_anew_gets_its_memberships_back() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [2]), user(2, "a")]);
    bench.delta(&[part(2, &[("title", "out")])]);
    bench.catch_up();
    let id = bench.link_row(2).target.unwrap();
    bench.target.purge(&id);
    bench.delta(&[part(2, &[("title", "")])]);
    bench.catch_up();
    assert_ne!(bench.link_row(2).target.unwrap(), id);
    assert_eq!(bench.members(1), ["a"]);
}

#[test]
fn refused_references_wait_in_escrow_rather_than_going_round() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [2]), user(2, "a"), user(3, "b")]);
    let id = bench.link_row(3).target.unwrap();
    let lost = bench.target.objects[&id].clone();
    bench.target.purge(&id);
    bench.delta(&[members(1, [3], [])]);
    bench.catch_up();
    let row = bench.link_row(1);
    assert_eq!(
        (row.attempts, row.reason.map(|why| why.code)),
        (1, Some(Code::InvalidAnchor))
    );
    assert!(row.retry_at.is_some());
    bench.target.objects.insert(id, lost);
    bench.pass(LONG);
    bench.catch_up();
    assert_eq!(
        (bench.members(1), bench.link_row(1).attempts),
        (vec!["a".into(), "b".into()], 0)
    );
}

#[test]
fn references_flow_although_an_attribute_is_refused_and_its_failure_stands() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", []), with(user(2, "a"), &[("mail", "m@x")])]);
    bench.delta(&[part(1, &[("mail", "m@x")])]);
    bench.catch_up();
    bench.delta(&[members(1, [2], [])]);
    bench.catch_up();
    assert_eq!(bench.members(1), ["a"]);
    let row = bench.link_row(1);
    assert_eq!(
        row.reason.map(|why| why.code),
        Some(Code::AttributeValueMustBeUnique)
    );
    assert_eq!(row.attempts, 1);
    bench.delta(&[part(2, &[("mail", "")])]);
    bench.catch_up();
    let id = bench.link_row(1).target.unwrap();
    assert_eq!(
        bench.target.objects[&id].attributes.text("mail"),
        Some("m@x")
    );
}

#[test]
fn references_of_an_object_that_is_gone_from_the_target_do_not_go_round() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", []), user(2, "a")]);
    let id = bench.link_row(1).target.unwrap();
    bench.target.purge(&id);
    bench.delta(&[members(1, [2], [])]);
    bench.catch_up();
    assert_eq!(
        bench.link_row(1).reason.map(|why| why.code),
        Some(Code::InvalidAnchor)
    );
}

#[test]
fn references_planned_and_then_overtaken_by_attributes_are_planned_again() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", []), user(2, "a")]);
    bench.delta(&[members(1, [2], [])]);
    bench.plan_references();
    bench.delta(&[part(1, &[("displayName", "h")])]);
    bench.plan();
    assert_eq!(bench.ready()[0].pending.edges, []);
    bench.catch_up();
    assert_eq!(
        (bench.name_in_target(1).as_deref(), bench.members(1)),
        (Some("h"), vec!["a".into()])
    );
}

#[test]
fn a_reference_changed_back_while_it_is_on_its_way_is_changed_back_in_the_target() {
    for is_answer_lost in [false, true] {
        let mut bench = Bench::new();
        bench.start_with(&[group(1, "g", [2]), user(2, "a"), user(3, "b")]);
        bench.delta(&[members(1, [3], [2])]);
        bench.plan_references();
        let change = bench.ready().remove(0);
        let outcome = bench.target.apply(&change.operation());
        bench.delta(&[members(1, [2], [3])]);
        assert_eq!(bench.members(1), ["b"]);
        if is_answer_lost {
            bench.restart();
        } else {
            bench.report(&[(change, outcome)]);
        }
        bench.catch_up();
        assert_eq!(bench.members(1), ["a"], "answer lost: {is_answer_lost}");
    }
}

#[test]
fn references_of_two_jobs_are_exported_apart() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", [2]), user(2, "a")]);
    let second = bench.new_connector("t2").id;
    let settings = bench.job().settings;
    let first_job = std::mem::replace(&mut bench.job_id, sync_core::id::JobId(0));
    bench.job_id = bench.new_job("second", second, settings).id;
    let first_target = std::mem::take(&mut bench.target);
    bench.catch_up();
    assert_eq!(bench.members(1), ["a"]);
    bench.delta(&[members(1, [], [2])]);
    bench.catch_up();
    assert!(bench.members(1).is_empty());
    bench.job_id = first_job;
    bench.target = first_target;
    bench.catch_up();
    assert!(bench.members(1).is_empty());
    assert_eq!(bench.release(), GuardOutcome::Idle);
}

#[test]
fn a_stale_reference_operation_reads_back_and_goes_on() {
    let mut bench = Bench::new();
    bench.start_with(&[group(1, "g", []), user(2, "a")]);
    let id = bench.link_row(1).target.unwrap();
    bench.target.objects.get_mut(&id).unwrap().version += 7;
    bench.delta(&[members(1, [2], [])]);
    bench.catch_up();
    assert_eq!(bench.members(1), ["a"]);
    assert_eq!(
        bench
            .target
            .by_anchor(&anchor(1).base64())
            .unwrap()
            .1
            .version,
        9
    );
    let why = Refusal::new(Code::TimeOut);
    assert_ne!(bench.link_row(1).reason, Some(why));
}

/// A bench whose target takes references together with the creation.
fn travelling() -> Bench {
    let mut bench = Bench::new();
    bench.travelling = mapped();
    bench
}

#[test]
fn known_references_go_along_with_the_creation_and_the_others_follow() {
    let mut bench = travelling();
    bench.start_with(&[user(2, "a"), user(3, "b")]);
    bench.delta(&[group(1, "g", [2, 3, 4]), user(4, "late")]);
    bench.plan();
    let creation = bench
        .ready()
        .into_iter()
        .find(|change| !change.pending.edges.is_empty())
        .unwrap();
    assert_eq!(creation.pending.references[0].add.len(), 2);
    bench.export();
    assert_eq!(bench.members(1), ["a", "b"]);
    // Only the one that was not there yet costs another operation.
    assert_eq!(bench.plan_references().operations, 1);
    let follows = bench.ready().remove(0).pending;
    assert_eq!(follows.references[0].add.len(), 1);
    bench.catch_up();
    assert_eq!(bench.members(1), ["a", "b", "late"]);
}

#[test]
fn a_creation_with_all_its_references_leaves_nothing_to_plan() {
    let mut bench = travelling();
    bench.start_with(&[user(2, "a")]);
    bench.delta(&[group(1, "g", [2])]);
    bench.plan();
    bench.export();
    assert!(!bench.engine().has_due_references(bench.job_id).unwrap());
    let last = bench.log().pop().unwrap();
    assert_eq!(
        (last.references[0].added.len(), last.status),
        (1, Status::Success)
    );
    bench.delta(&[members(1, [], [2])]);
    bench.catch_up();
    assert_eq!(bench.members(1), [""; 0]);
}

#[test]
fn plans_with_many_references_are_stored_in_several_transactions() {
    const MEMBERS: u16 = 3_000;
    let bench = travelling();
    let people: Vec<_> = (10..10 + MEMBERS).map(|n| user(n, "u")).collect();
    bench.read_full(&people);
    bench.plan();
    // That all people exist is all that has to be known of the target here.
    let done = bench.ready().into_iter().map(|change| {
        let target = sync_core::id::TargetId::from(format!("t{}", change.link));
        (change, Outcome::Done { target, version: 1 })
    });
    bench.report(&done.collect::<Vec<_>>());
    let groups: Vec<_> = (1..4).map(|n| group(n, "g", 10..10 + MEMBERS)).collect();
    bench.delta(&groups);
    let items = bench.engine().take_due(bench.job_id, 10).unwrap();
    let plans: Vec<_> = items
        .into_iter()
        .map(|item| decided(&bench.target, item))
        .collect();
    let store = |plans: &[engine::Planned]| {
        let stored = bench
            .engine()
            .store_plans(&bench.job(), plans, &bench.travelling)
            .unwrap();
        (stored.plans, stored.ready)
    };
    assert_eq!(store(&plans), (2, 2));
    assert_eq!(bench.due().len(), 1, "the third is still due");
    assert_eq!(store(&plans[2..]), (1, 1));
    let ready = bench.ready();
    let edges: Vec<usize> = ready.iter().map(|one| one.pending.edges.len()).collect();
    assert_eq!(edges, [usize::from(MEMBERS); 3]);
}

#[test]
fn nobody_is_kept_out_by_a_member_who_was_taken_out_of_the_target() {
    let mut bench = travelling();
    bench.start_with(&[user(2, "a"), user(3, "b")]);
    let gone = bench.link_row(3).target.unwrap();
    bench.target.purge(&gone);
    bench.delta(&[group(1, "g", [2, 3])]);
    bench.plan();
    bench.export();
    assert_eq!(bench.log().pop().unwrap().status, Status::Success);
    assert_eq!(bench.members(1), [""; 0]);
    assert!(bench.engine().has_due_references(bench.job_id).unwrap());
}

#[test]
fn a_creation_with_a_lost_answer_has_its_references_planned_again() {
    let mut bench = travelling();
    bench.start_with(&[user(2, "a")]);
    bench.delta(&[group(1, "g", [2])]);
    bench.plan();
    // Created alone by an exporter that did not live to tell.
    let mut alone = bench.ready().remove(0).operation();
    alone.references.clear();
    bench.target.apply(&alone);
    bench.engine().doubt_ready().unwrap();
    bench.catch_up();
    assert_eq!(bench.members(1), ["a"]);
}

/// Twenty people, and a group of all of them that is ready to be exported with its members.
fn twenty_on_their_way() -> Bench {
    let mut bench = Bench::new();
    let people: Vec<_> = (10..30).map(|n| user(n, &format!("u{n}"))).collect();
    bench.start_with(&people);
    bench.delta(&[group(1, "g", 10..30)]);
    bench.plan();
    bench.export();
    assert_eq!(bench.plan_references().operations, 1);
    bench
}

#[test]
fn many_references_that_went_through_are_not_planned_again() {
    let mut bench = twenty_on_their_way();
    bench.export();
    assert_eq!(bench.members(1).len(), 20);
    assert!(!bench.engine().has_due_references(bench.job_id).unwrap());
    // Every single one is known to be there: each that the source takes back is taken back in the target.
    bench.delta(&[group(1, "g", [])]);
    bench.catch_up();
    assert_eq!(bench.members(1), [""; 0]);
}

#[test]
fn what_the_source_changes_while_many_references_are_on_their_way_follows() {
    let mut bench = twenty_on_their_way();
    bench.delta(&[user(30, "u30"), members(1, [30], [17])]);
    bench.catch_up();
    let mut expected: Vec<_> = (10..31).map(|n| format!("u{n}")).collect();
    expected.retain(|name| name != "u17");
    assert_eq!(bench.members(1), expected);
}

#[test]
fn a_reference_that_comes_between_many_others_is_not_taken_for_exported() {
    let mut bench = Bench::new();
    let people: Vec<_> = (10..31).map(|n| user(n, &format!("u{n}"))).collect();
    bench.start_with(&people);
    bench.delta(&[group(1, "g", (10..31).filter(|n| *n != 20))]);
    bench.plan();
    bench.export();
    assert_eq!(bench.plan_references().operations, 1);
    let on_the_way = bench.ready();
    bench.delta(&[group(1, "g", 10..31)]);
    let outcomes: Vec<_> = on_the_way
        .into_iter()
        .map(|change| (change.clone(), bench.target.apply(&change.operation())))
        .collect();
    bench.report(&outcomes);
    assert_eq!(bench.members(1).len(), 20);
    assert_eq!(bench.plan_references().operations, 1);
    bench.catch_up();
    assert_eq!(bench.members(1).len(), 21);
}
