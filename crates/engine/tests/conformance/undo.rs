//! Undo: what was carried out is taken back, stays so, and ends with the source, the rules or a person.

use engine::{Action, DeleteChoice, HeldWhat, JobSettings, UndoAct, UndoPlan, UndoQuery, reason};
use sync_core::hold::HoldState;

use super::{
    bench::{Bench, LONG, mapped},
    source::{deleted, group, members, part, user},
};

/// Twenty people, and a group of the first ten.
fn company() -> Bench {
    let mut bench = Bench::new();
    let mut all: Vec<_> = (1..=20).map(|n| user(n, &format!("u{n}"))).collect();
    all.push(group(201, "crew", 1..=10));
    bench.start_with(&all);
    bench.pass(60_000);
    bench
}

fn plan(bench: &Bench, query: &UndoQuery) -> UndoPlan {
    bench
        .engine()
        .plan_undo(&bench.job(), query, &mapped())
        .unwrap()
}

fn since(at: i64) -> UndoQuery {
    UndoQuery {
        since: Some(at),
        ..UndoQuery::default()
    }
}

/// Undoes everything since a time; how many objects.
fn undo(bench: &mut Bench, at: i64) -> usize {
    let plan = plan(bench, &since(at));
    let job = bench.job();
    let done = bench.engine().undo(&job, &plan, "me", "since").unwrap();
    bench.catch_up();
    done.objects
}

fn id(bench: &Bench, number: u16) -> Option<String> {
    let anchor = super::source::anchor(number).base64();
    bench.target.by_anchor(&anchor).map(|(id, _)| id.clone())
}

fn end_cycle(bench: &Bench) {
    let run = bench.engine().begin_run(bench.job_id).unwrap();
    let end = engine::RunEnd::default();
    bench.engine().end_run(run, &end).unwrap();
}

/// Whatever makes everything planned anew changes nothing that was undone.
fn everything_anew(bench: &mut Bench) {
    bench.restart();
    bench.engine().plan_everything(bench.job_id).unwrap();
    bench.pass(LONG);
    bench.catch_up();
}

#[test]
fn changed_attributes_are_set_back_and_stay_so_until_the_source_changes() {
    let mut bench = company();
    let at = bench.now();
    bench.delta(&[
        part(1, &[("displayName", "wrong"), ("mail", "wrong@x")]),
        part(2, &[("displayName", "wrong too")]),
    ]);
    bench.catch_up();
    bench.pass(1_000);
    let planned = plan(&bench, &since(at));
    assert_eq!(planned.items.len(), 2);
    assert!(
        planned
            .items
            .iter()
            .all(|item| item.act == UndoAct::SetBack)
    );
    assert_eq!(planned.items[0].values.len(), 2);
    assert_eq!(
        bench.name_in_target(1).as_deref(),
        Some("wrong"),
        "a preview writes nothing"
    );

    assert_eq!(undo(&mut bench, at), 2);
    assert_eq!(bench.name_in_target(1).as_deref(), Some("u1"));
    assert_eq!(bench.name_in_target(2).as_deref(), Some("u2"));
    let log = bench.log();
    let last = log.last().unwrap();
    assert_eq!(last.action, Action::Update);
    assert_eq!(reason::names(last.reasons), ["undo"]);
    let holds = bench.engine().holds_of(bench.link(1)).unwrap();
    assert_eq!(holds.len(), 2);
    assert!(
        holds
            .iter()
            .all(|hold| hold.state == HoldState::Undone && hold.undo == Some(1))
    );

    everything_anew(&mut bench);
    assert_eq!(bench.name_in_target(1).as_deref(), Some("u1"));
    // Another attribute flows; the held one does not.
    bench.delta(&[part(2, &[("mail", "two@x")])]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(2).as_deref(), Some("u2"));
    bench.delta(&[part(2, &[("displayName", "right")])]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(2).as_deref(), Some("right"));
    assert_eq!(bench.engine().holds_of(bench.link(2)).unwrap(), []);
}

#[test]
fn a_released_hold_lets_the_source_flow_again() {
    let mut bench = company();
    let at = bench.now();
    bench.delta(&[part(1, &[("displayName", "meant")]), members(201, [], [1])]);
    bench.catch_up();
    undo(&mut bench, at);
    assert_eq!(bench.name_in_target(1).as_deref(), Some("u1"));
    assert_eq!(bench.members(201).len(), 10);
    let held = bench.engine().held_links(bench.job_id, 0, 100).unwrap();
    assert_eq!(held, [bench.link(1), bench.link(201)]);
    assert_eq!(bench.engine().release_holds(&held, "me").unwrap(), 2);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("meant"));
    assert_eq!(bench.members(201).len(), 9);
}

#[test]
fn deleted_people_come_back_with_their_ids_attributes_and_memberships() {
    let mut bench = company();
    let before: Vec<_> = (1..=3).map(|n| id(&bench, n)).collect();
    let at = bench.now();
    bench.delta(&[part(3, &[("displayName", "changed first")])]);
    bench.catch_up();
    bench.delta(&[deleted(1), deleted(2), deleted(3)]);
    bench.catch_up();
    assert_eq!((id(&bench, 1), bench.members(201).len()), (None, 7));
    bench.pass(LONG);

    assert_eq!(undo(&mut bench, at), 4);
    let after: Vec<_> = (1..=3).map(|n| id(&bench, n)).collect();
    assert_eq!(after, before);
    assert_eq!(
        bench.name_in_target(3).as_deref(),
        Some("u3"),
        "as it was before all of it"
    );
    assert_eq!(bench.members(201).len(), 10);
    everything_anew(&mut bench);
    assert_eq!(id(&bench, 1), before[0]);
    assert_eq!(bench.members(201).len(), 10);
    // The source has it again: everything is as if nothing had been.
    bench.delta(&[user(1, "u1"), members(201, [1], [])]);
    bench.catch_up();
    assert_eq!(bench.engine().holds_of(bench.link(1)).unwrap(), []);
    bench.delta(&[members(201, [], [1])]);
    bench.catch_up();
    assert_eq!(bench.members(201).len(), 9);
}

#[test]
fn a_deleted_group_is_made_anew_with_its_members() {
    let mut bench = company();
    bench.delta(&[group(202, "all crews", [201, 5])]);
    bench.catch_up();
    bench.pass(1_000);
    let (at, before) = (bench.now(), id(&bench, 201));
    bench.delta(&[deleted(201)]);
    bench.catch_up();
    assert_eq!(bench.members(202), ["u5"]);
    undo(&mut bench, at);
    assert_eq!(bench.members(201).len(), 10);
    assert_ne!(
        id(&bench, 201),
        before,
        "a group is gone for good, and another one is made"
    );
    assert_eq!(bench.members(202), ["crew", "u5"]);
    everything_anew(&mut bench);
    assert_eq!(bench.members(201).len(), 10);
    assert_eq!(bench.members(202), ["crew", "u5"]);
}

#[test]
fn groups_and_members_deleted_together_come_back_together() {
    let mut bench = company();
    let at = bench.now();
    bench.delta(&[deleted(201), deleted(1), deleted(2)]);
    bench.catch_up();
    undo(&mut bench, at);
    assert_eq!(bench.members(201).len(), 10);
    everything_anew(&mut bench);
    assert_eq!(bench.members(201).len(), 10);
}

#[test]
fn members_are_put_back_and_taken_away_again() {
    let mut bench = company();
    let at = bench.now();
    bench.delta(&[members(201, [11, 12], [1, 2, 3])]);
    bench.catch_up();
    assert_eq!(bench.members(201).len(), 9);
    let planned = plan(&bench, &since(at));
    assert_eq!(planned.items[0].references.len(), 5);
    undo(&mut bench, at);
    let names: Vec<String> = bench.members(201);
    assert_eq!(names.len(), 10);
    assert!(names.contains(&"u1".to_owned()) && !names.contains(&"u11".to_owned()));
    everything_anew(&mut bench);
    assert_eq!(bench.members(201), names);
    let held = bench.engine().holds_of(bench.link(201)).unwrap();
    assert_eq!(held[0].what, HeldWhat::References("member".into(), 3, 2));
    // The source puts one of them back itself, and takes it away again: that is another change.
    bench.delta(&[members(201, [1], [])]);
    bench.catch_up();
    bench.delta(&[members(201, [], [1])]);
    bench.catch_up();
    assert_eq!(bench.members(201).len(), 9);
}

#[test]
fn a_creation_is_taken_back_without_asking_the_guard_and_stays_away() {
    let mut bench = Bench::with(JobSettings {
        delete_threshold: 1,
        settle_seconds: 0,
        ..JobSettings::default()
    });
    let people: Vec<_> = (1..=10).map(|n| user(n, &format!("u{n}"))).collect();
    bench.start_with(&people);
    bench.pass(1_000);
    let at = bench.now();
    bench.delta(&[user(11, "test"), user(12, "test 2")]);
    bench.catch_up();
    assert_eq!(plan(&bench, &since(at)).items[0].act, UndoAct::TakeAway);
    undo(&mut bench, at);
    assert_eq!((id(&bench, 11), id(&bench, 12)), (None, None));
    everything_anew(&mut bench);
    assert_eq!(id(&bench, 11), None);
    bench.delta(&[user(11, "meant")]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(11).as_deref(), Some("meant"));
}

#[test]
fn what_was_changed_since_is_left_alone() {
    let mut bench = company();
    bench.delta(&[part(1, &[("displayName", "first"), ("mail", "one@x")])]);
    bench.catch_up();
    let only = UndoQuery {
        link: Some(bench.link(1)),
        ..since(bench.now())
    };
    let early = plan(&bench, &only);
    bench.pass(1_000);
    bench.delta(&[part(1, &[("displayName", "second")])]);
    bench.catch_up();
    let job = bench.job();
    bench.engine().undo(&job, &early, "me", "object").unwrap();
    bench.catch_up();
    assert_eq!(
        bench.name_in_target(1).as_deref(),
        Some("second"),
        "its hold had ended at once"
    );
    let anchor = super::source::anchor(1).base64();
    assert_eq!(
        bench
            .target
            .by_anchor(&anchor)
            .unwrap()
            .1
            .attributes
            .text("mail"),
        None
    );
}

#[test]
fn one_object_alone_is_undone() {
    let mut bench = company();
    let at = bench.now();
    bench.delta(&[deleted(1), deleted(2), part(3, &[("displayName", "x")])]);
    bench.catch_up();
    let only = UndoQuery {
        link: Some(bench.link(1)),
        ..since(at)
    };
    let planned = plan(&bench, &only);
    let job = bench.job();
    bench.engine().undo(&job, &planned, "me", "object").unwrap();
    bench.catch_up();
    assert!(id(&bench, 1).is_some() && id(&bench, 2).is_none());
    assert_eq!(bench.name_in_target(3).as_deref(), Some("x"));
    assert_eq!(bench.members(201).len(), 9, "its own membership came back");
}

#[test]
fn one_cycle_alone_is_undone() {
    let mut bench = company();
    end_cycle(&bench);
    bench.delta(&[part(1, &[("displayName", "first")])]);
    bench.catch_up();
    end_cycle(&bench);
    bench.delta(&[part(2, &[("displayName", "second")])]);
    bench.catch_up();
    let log = bench.log();
    let cycles: Vec<_> = log
        .iter()
        .rev()
        .take(2)
        .map(|record| record.cycle)
        .collect();
    assert_ne!(cycles[0], cycles[1]);
    let first = UndoQuery {
        cycle: Some(cycles[1]),
        ..UndoQuery::default()
    };
    let planned = plan(&bench, &first);
    assert_eq!(planned.items.len(), 1);
    let job = bench.job();
    bench.engine().undo(&job, &planned, "me", "cycle").unwrap();
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("u1"));
    assert_eq!(bench.name_in_target(2).as_deref(), Some("second"));
}

#[test]
fn an_operation_that_met_a_changed_target_is_planned_again_and_nothing_undone_is_lost() {
    let mut bench = company();
    let at = bench.now();
    bench.delta(&[members(201, [11], [1, 2])]);
    bench.catch_up();
    let planned = plan(&bench, &since(at));
    let job = bench.job();
    bench.engine().undo(&job, &planned, "me", "since").unwrap();
    bench.plan_references();
    let group = id(&bench, 201).unwrap();
    bench.target.objects.get_mut(&group).unwrap().version += 1;
    bench.catch_up();
    assert_eq!(bench.members(201).len(), 10);
    assert!(!bench.members(201).contains(&"u11".to_owned()));
}

#[test]
fn part_of_a_disaster_is_allowed_and_the_rest_undone() {
    let mut bench = Bench::with(JobSettings {
        settle_seconds: 0,
        ..JobSettings::default()
    });
    let mut all: Vec<_> = (1..=100).map(|n| user(n, &format!("u{n}"))).collect();
    all.push(group(201, "crew", 1..=40));
    bench.start_with(&all);
    bench.pass(1_000);
    let at = bench.now();
    bench.delta(&(1..=19).map(deleted).collect::<Vec<_>>());
    bench.catch_up();
    bench.delta(&(20..=40).map(deleted).collect::<Vec<_>>());
    bench.catch_up();
    assert_eq!(
        bench.engine().linked_count(bench.job_id).unwrap(),
        82,
        "19 went unasked"
    );
    let some = DeleteChoice::Some(vec![bench.link(40)]);
    bench
        .engine()
        .allow_deletes(bench.job_id, &some, "me")
        .unwrap();
    bench.catch_up();
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 81);
    bench
        .engine()
        .refuse_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    undo(&mut bench, at);
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 101);
    assert_eq!(bench.members(201).len(), 40);
    everything_anew(&mut bench);
    assert_eq!(bench.members(201).len(), 40);
}

#[test]
fn images_are_kept_for_thirty_days() {
    let mut bench = company();
    let at = bench.now();
    bench.delta(&[deleted(1)]);
    bench.catch_up();
    bench.pass(30 * 86_400_000);
    assert!(!bench.engine().forget_images().unwrap());
    assert_eq!(plan(&bench, &since(at)).items[0].act, UndoAct::BringBack);
    bench.pass(1);
    bench.engine().forget_images().unwrap();
    let planned = plan(&bench, &since(at));
    assert_eq!(planned.left[0].why, "imageForgotten");
}
