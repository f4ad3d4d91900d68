//! Deletes and disables: settle time, thresholds, and what a person decides.

use engine::{Action, DeleteChoice, GuardOutcome, JobSettings, PendingState};
use sync_core::{code::Code, object::Entry, operation::Verb};

use super::{
    bench::{Bench, LONG},
    source::{anchor, deleted, part, user, with},
};

const SETTLE: i64 = 30_000;

fn people(count: u16) -> Vec<Entry> {
    (1..=count).map(|n| user(n, &format!("u{n}"))).collect()
}

/// 100 people, of whom fewer than 20 may go.
fn hundred() -> Bench {
    let mut bench = Bench::with(JobSettings::default());
    bench.start_with(&people(100));
    bench
}

fn remove(bench: &Bench, numbers: impl IntoIterator<Item = u16>) {
    bench.delta(&numbers.into_iter().map(deleted).collect::<Vec<_>>());
    bench.plan();
}

fn staged(bench: &Bench) -> Vec<(String, PendingState)> {
    let staged = bench
        .engine()
        .staged_deletes(bench.job_id, 0, 1_000)
        .unwrap();
    staged
        .into_iter()
        .map(|delete| (delete.name, delete.state))
        .collect()
}

#[test]
fn deletes_settle_and_every_new_one_begins_the_wait_anew() {
    let mut bench = hundred();
    remove(&bench, [1]);
    assert_eq!(bench.pending(1), PendingState::Settling);
    assert_eq!(
        bench.release(),
        GuardOutcome::Settling(bench.now() + SETTLE)
    );
    bench.pass(SETTLE - 1);
    remove(&bench, [2]);
    assert_eq!(
        bench.release(),
        GuardOutcome::Settling(bench.now() + SETTLE)
    );
    assert!(bench.ready().is_empty());
    bench.pass(SETTLE);
    assert_eq!(bench.release(), GuardOutcome::Released(2));
    bench.catch_up();
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 98);
    assert_eq!(bench.release(), GuardOutcome::Idle);
}

#[test]
fn one_that_comes_back_while_settling_is_not_deleted() {
    let mut bench = hundred();
    remove(&bench, [1]);
    bench.delta(&[user(1, "u1")]);
    bench.pass(LONG);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("u1"));
    assert!(
        !bench
            .log()
            .iter()
            .any(|record| record.action == Action::Delete)
    );
}

#[test]
fn too_many_are_held_with_their_names() {
    let mut bench = hundred();
    remove(&bench, 1..=20);
    bench.pass(SETTLE);
    let GuardOutcome::Held(20, why) = bench.release() else {
        panic!("not held")
    };
    assert_eq!(
        (why.code, why.argument("threshold")),
        (Code::TooManyDeletes, Some("20"))
    );
    bench.catch_up();
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 100);
    let all = bench
        .engine()
        .staged_deletes(bench.job_id, 0, 1_000)
        .unwrap();
    assert_eq!(
        (all.len(), all[0].verb, &all[0].anchor),
        (20, Verb::Delete, &anchor(1))
    );
    let next = bench
        .engine()
        .staged_deletes(bench.job_id, all[17].link.0, 1_000)
        .unwrap();
    assert_eq!(next, all[18..], "paged by link");
    assert_eq!(bench.job().guard, Some(why));
    let records = bench.log();
    assert_eq!(
        records
            .iter()
            .filter(|r| r.action == Action::StagedDelete)
            .count(),
        20
    );
    assert_eq!(
        bench.engine().job_numbers(bench.job_id, true).unwrap().held,
        20
    );
}

#[test]
fn what_is_held_counts_when_more_comes_so_small_slices_do_not_pass() {
    let bench = hundred();
    remove(&bench, 1..=20);
    bench.pass(SETTLE);
    assert!(matches!(bench.release(), GuardOutcome::Held(20, _)));
    remove(&bench, [30]);
    bench.pass(SETTLE);
    assert!(matches!(bench.release(), GuardOutcome::Held(1, _)));
}

#[test]
fn what_was_carried_out_within_the_window_counts_and_later_does_not() {
    let mut bench = hundred();
    remove(&bench, 1..=15);
    bench.pass(SETTLE);
    bench.catch_up();
    remove(&bench, 16..=20);
    bench.pass(SETTLE);
    assert!(matches!(bench.release(), GuardOutcome::Held(5, _)));
    bench
        .engine()
        .allow_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    bench.catch_up();
    bench.pass(25 * 3_600_000);
    remove(&bench, [21]);
    bench.pass(SETTLE);
    assert_eq!(bench.release(), GuardOutcome::Released(1));
}

#[test]
fn the_jobs_of_one_target_are_counted_together() {
    let mut bench = hundred();
    let job = bench.job();
    remove(&bench, 1..=15);
    bench.pass(SETTLE);
    bench.catch_up();
    // another job of another source, into the same target, with few objects of its own
    let first = (bench.source_id, bench.job_id);
    bench.source_id = bench.new_connector("source 2").id;
    bench.job_id = bench
        .new_job("job 2", job.target, JobSettings::default())
        .id;
    bench.start_with(
        &(301..=330)
            .map(|n| user(n, &format!("v{n}")))
            .collect::<Vec<_>>(),
    );
    remove(&bench, 301..=305);
    bench.pass(SETTLE);
    assert_eq!(bench.release(), GuardOutcome::Released(5), "15 + 5 of 130");
    bench.catch_up();
    (bench.source_id, bench.job_id) = first;
    remove(&bench, 16..=19);
    bench.pass(SETTLE);
    assert_eq!(
        bench.release(),
        GuardOutcome::Released(4),
        "19 of 100, 24 of 130"
    );
    bench.catch_up();
    bench.pass(25 * 3_600_000);
    remove(&bench, 20..=30);
    bench.pass(SETTLE);
    assert_eq!(bench.release(), GuardOutcome::Released(11));
    bench.catch_up();
}

#[test]
fn allow_of_some_does_exactly_those() {
    let mut bench = hundred();
    remove(&bench, 1..=20);
    bench.pass(SETTLE);
    bench.release();
    let some = DeleteChoice::Some(vec![
        bench.link(3),
        bench.link(50),
        engine::link_id(sync_core::id::JobId(99), bench.object(4)),
    ]);
    assert_eq!(
        bench
            .engine()
            .allow_deletes(bench.job_id, &some, "me")
            .unwrap(),
        1
    );
    bench.catch_up();
    assert_eq!(bench.name_in_target(3), None);
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 99);
    assert!(bench.job().guard.is_some());
    assert_eq!(staged(&bench).len(), 19);
    assert_eq!(
        bench
            .engine()
            .allow_deletes(bench.job_id, &DeleteChoice::All, "me")
            .unwrap(),
        19
    );
    assert!(bench.job().guard.is_none());
    bench.catch_up();
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 80);
    // what a person allowed does not make the guard hold the next one
    remove(&bench, [50]);
    bench.pass(SETTLE);
    assert_eq!(bench.release(), GuardOutcome::Released(1));
}

#[test]
fn refuse_holds_across_restarts_and_planning_anew() {
    let mut bench = hundred();
    remove(&bench, 1..=20);
    bench.pass(SETTLE);
    bench.release();
    assert_eq!(
        bench
            .engine()
            .refuse_deletes(bench.job_id, &DeleteChoice::All, "me")
            .unwrap(),
        20
    );
    assert!(bench.job().guard.is_none());
    bench.restart();
    bench.engine().plan_everything(bench.job_id).unwrap();
    bench.pass(LONG);
    bench.catch_up();
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 100);
    assert!(
        staged(&bench)
            .iter()
            .all(|(_, state)| *state == PendingState::Refused)
    );
    let all = bench
        .engine()
        .allow_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    assert_eq!(all, 0, "what was refused has to be named");
    let one = DeleteChoice::Some(vec![bench.link(1)]);
    assert_eq!(
        bench
            .engine()
            .allow_deletes(bench.job_id, &one, "me")
            .unwrap(),
        1
    );
    bench.catch_up();
    assert_eq!(bench.engine().linked_count(bench.job_id).unwrap(), 99);
}

#[test]
fn a_refused_delete_ends_when_the_object_is_back() {
    let mut bench = hundred();
    remove(&bench, 1..=20);
    bench.pass(SETTLE);
    bench.release();
    bench
        .engine()
        .refuse_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    bench.delta(&[user(1, "renamed")]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("renamed"));
    assert_eq!(bench.pending(1), PendingState::None);
    assert_eq!(staged(&bench).len(), 19);
}

#[test]
fn a_refused_disable_stays_refused_when_the_object_changes_otherwise() {
    let mut bench = Bench::with(JobSettings {
        delete_threshold: 1,
        ..JobSettings::default()
    });
    bench.start_with(&people(10));
    bench.delta(&[part(1, &[("title", "off")])]);
    bench.plan();
    assert_eq!(bench.pending(1), PendingState::Settling);
    bench.pass(SETTLE);
    assert!(matches!(bench.release(), GuardOutcome::Held(1, _)));
    bench
        .engine()
        .refuse_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    bench.engine().plan_everything(bench.job_id).unwrap();
    bench.delta(&[part(1, &[("mail", "m@x")])]);
    bench.catch_up();
    assert_eq!(bench.pending(1), PendingState::Refused);
    bench.delta(&[part(1, &[("title", "")])]);
    bench.catch_up();
    assert_eq!(bench.pending(1), PendingState::None);
}

#[test]
fn one_disabled_and_then_deleted_is_deleted() {
    let mut bench = hundred();
    bench.delta(&[part(1, &[("title", "off")])]);
    bench.plan();
    remove(&bench, [1]);
    assert_eq!(bench.pending(1), PendingState::Settling);
    bench.pass(SETTLE);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1), None);
}

#[test]
fn a_refused_disable_does_not_refuse_the_delete_that_follows() {
    let mut bench = Bench::with(JobSettings {
        delete_threshold: 1,
        ..JobSettings::default()
    });
    bench.start_with(&people(10));
    bench.delta(&[part(1, &[("title", "off")])]);
    bench.plan();
    bench.pass(SETTLE);
    bench.release();
    bench
        .engine()
        .refuse_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    remove(&bench, [1]);
    assert_eq!(bench.pending(1), PendingState::Settling);
}

#[test]
fn what_was_found_nowhere_is_held_at_once_and_by_name() {
    let mut bench = hundred();
    bench.read_full(&people(99));
    bench
        .engine()
        .lookup_found_nothing(bench.object(100))
        .unwrap();
    bench.catch_up();
    assert_eq!(bench.pending(100), PendingState::Held);
    assert_eq!(staged(&bench), [("CN=u100".to_owned(), PendingState::Held)]);
    bench.pass(LONG);
    bench.catch_up();
    assert!(bench.name_in_target(100).is_some());
    assert_eq!(
        bench.job().guard.map(|why| why.code),
        Some(Code::ObjectVanished)
    );
    assert_eq!(
        bench
            .log()
            .iter()
            .filter(|r| r.action == Action::StagedDelete)
            .count(),
        1
    );
    bench
        .engine()
        .allow_deletes(bench.job_id, &DeleteChoice::All, "me")
        .unwrap();
    bench.catch_up();
    assert!(bench.name_in_target(100).is_none());
}

#[test]
fn everybody_disabled_is_held() {
    let mut bench = hundred();
    let all: Vec<_> = (1..=100)
        .map(|n| with(part(n, &[]), &[("title", "off")]))
        .collect();
    bench.delta(&all);
    bench.pass(SETTLE);
    bench.catch_up();
    bench.pass(SETTLE);
    assert!(matches!(bench.release(), GuardOutcome::Held(100, _)));
    assert!(bench.ready().is_empty());
}

#[test]
fn the_alarm_ends_when_the_source_is_put_right() {
    let mut bench = hundred();
    remove(&bench, 1..=20);
    bench.pass(SETTLE);
    bench.release();
    bench.delta(&people(20));
    bench.catch_up();
    assert!(bench.job().guard.is_none());
    assert_eq!(staged(&bench), []);
}
