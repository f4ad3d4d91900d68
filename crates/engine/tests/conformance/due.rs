//! Due work: nothing that was caused is forgotten.

use engine::{PendingState, reason};
use sync_core::{code::Code, plan::Situation};

use super::{
    bench::{Bench, decided},
    source::{part, user, with},
};

#[test]
fn a_change_during_planning_stays_due() {
    let mut bench = Bench::new();
    bench.read_full(&[user(1, "a")]);
    let items = bench.engine().take_due(bench.job_id, 10).unwrap();
    bench.delta(&[part(1, &[("displayName", "b")])]);
    let plans: Vec<_> = items
        .into_iter()
        .map(|item| decided(&bench.target, item))
        .collect();
    bench
        .engine()
        .store_plans(&bench.job(), &plans, &[])
        .unwrap();
    assert!(bench.engine().has_due(bench.job_id).unwrap());
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("b"));
}

#[test]
fn rules_changed_during_planning_are_not_forgotten() {
    let bench = Bench::new();
    bench.read_full(&[user(1, "a")]);
    bench
        .engine()
        .set_job_rules(bench.job_id, "{\"a\":1}")
        .unwrap();
    let items = bench.engine().take_due(bench.job_id, 10).unwrap();
    bench
        .engine()
        .set_job_rules(bench.job_id, "{\"a\":2}")
        .unwrap();
    let plans: Vec<_> = items
        .into_iter()
        .map(|item| decided(&bench.target, item))
        .collect();
    bench
        .engine()
        .store_plans(&bench.job(), &plans, &[])
        .unwrap();
    let due = bench.due();
    assert_eq!(due.len(), 1, "the clock stood still between the two");
    assert_ne!(due[0].1 & reason::RULES, 0);
    assert_eq!(bench.job().rules_version, 3);
}

#[test]
fn what_other_settings_made_due_is_not_planned_by_those_before() {
    let mut bench = Bench::new();
    bench.read_full(&[user(1, "a"), user(2, "b")]);
    bench.catch_up();
    let before = bench.job();
    let mut settings = before.settings.clone();
    settings.soft_match = !settings.soft_match;
    let engine = bench.engine();
    engine.set_job_settings(bench.job_id, &settings).unwrap();
    let due = bench.due();
    assert_eq!(due.len(), 2);
    let plans = || {
        let items = engine.take_due(bench.job_id, 10).unwrap().into_iter();
        items
            .map(|item| decided(&bench.target, item))
            .collect::<Vec<_>>()
    };
    engine.store_plans(&before, &plans(), &[]).unwrap();
    assert_eq!(bench.due(), due, "planned by the settings before");
    engine.store_plans(&bench.job(), &plans(), &[]).unwrap();
    assert!(bench.due().is_empty());
}

#[test]
fn reasons_add_up_and_the_oldest_cause_counts() {
    let bench = Bench::new();
    bench.read_full(&[user(1, "a")]);
    let since = bench.now();
    bench.pass(5_000);
    bench.engine().ask_for(bench.link(1)).unwrap();
    let items = bench.engine().take_due(bench.job_id, 10).unwrap();
    assert_eq!(items[0].reasons, reason::CHANGED | reason::ASKED);
    assert_eq!(items[0].since, since);
    assert_eq!(reason::names(items[0].reasons), ["changed", "asked"]);
}

#[test]
fn a_new_job_has_everything_the_source_holds_due() {
    let bench = Bench::new();
    bench.read_full(&[user(1, "a"), user(2, "b")]);
    let second = bench.new_job("second", bench.new_connector("t2").id, Default::default());
    assert_eq!(second.slot, 1);
    assert_eq!(bench.engine().take_due(second.id, 10).unwrap().len(), 2);
}

#[test]
fn a_mistake_goes_into_escrow_with_growing_delays_and_is_logged_once() {
    let bench = Bench::new();
    bench.read_full(&[with(user(1, "a"), &[("title", "bad")])]);
    bench.plan();
    let first = bench.link_row(1);
    assert_eq!((first.attempts, first.situation), (1, Situation::Unlinked));
    let delay = first.retry_at.unwrap() - bench.now();
    assert!(!bench.engine().wake().unwrap());
    bench.pass(delay);
    assert!(bench.engine().wake().unwrap());
    assert_eq!(bench.due(), [("CN=a".to_owned(), reason::RETRY)]);
    bench.plan();
    let second = bench.link_row(1);
    assert_eq!(second.attempts, 2);
    assert!(second.retry_at.unwrap() - bench.now() > delay);
    assert_eq!(bench.log().len(), 1);
    assert_eq!(
        bench
            .engine()
            .job_numbers(bench.job_id, true)
            .unwrap()
            .escrow,
        1
    );
}

#[test]
fn a_change_ends_escrow_at_once() {
    let mut bench = Bench::new();
    bench.read_full(&[with(user(1, "a"), &[("title", "bad")])]);
    bench.plan();
    bench.delta(&[part(1, &[("title", "")])]);
    bench.catch_up();
    let row = bench.link_row(1);
    assert_eq!(
        (row.situation, row.attempts, row.retry_at),
        (Situation::Linked, 0, None)
    );
}

#[test]
fn a_skip_is_logged_when_its_reason_changes() {
    let bench = Bench::new();
    bench.read_full(&[with(user(1, "a"), &[("title", "out")])]);
    bench.plan();
    assert_eq!(bench.link_row(1).situation, Situation::Skipped);
    bench.delta(&[part(1, &[("displayName", "b")])]);
    bench.plan();
    assert_eq!(bench.log().len(), 1);
    bench.delta(&[super::source::deleted(1)]);
    bench.plan();
    assert_eq!(bench.log().len(), 2);
}

#[test]
fn whoever_waits_for_a_value_is_due_when_it_is_released() {
    let mut bench = Bench::new();
    bench.start_with(&[
        with(user(1, "a"), &[("mail", "Same@x")]),
        with(user(2, "b"), &[("mail", "Same@x")]),
    ]);
    let row = bench.link_row(2);
    assert_eq!(
        row.reason.map(|why| why.code),
        Some(Code::AttributeValueMustBeUnique)
    );
    assert_eq!(row.situation, Situation::Unlinked);
    bench.delta(&[part(1, &[("mail", "other@x")])]);
    bench.catch_up();
    assert_eq!(
        bench.name_in_target(2).as_deref(),
        Some("b"),
        "without waiting for its retry time"
    );
    assert_eq!(bench.link_row(2).retry_at, None);
}

#[test]
fn a_deleted_object_releases_its_values() {
    let mut bench = Bench::new();
    bench.start_with(&[
        with(user(1, "a"), &[("mail", "same@x")]),
        with(user(2, "b"), &[("mail", "same@x")]),
    ]);
    bench.delta(&[super::source::deleted(1)]);
    bench.catch_up();
    assert_eq!(bench.name_in_target(2).as_deref(), Some("b"));
}

#[test]
fn what_waits_for_an_answer_is_not_planned_over() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a")]);
    bench.delta(&[part(1, &[("displayName", "b")])]);
    bench.plan();
    // carried out, but the answer is lost; meanwhile the source goes back to what was exported last
    let change = bench.ready().remove(0);
    bench.target.apply(&change.operation());
    bench.restart();
    bench.delta(&[part(1, &[("displayName", "a")])]);
    assert!(!bench.engine().has_due(bench.job_id).unwrap());
    assert_eq!(bench.plan(), 0);
    assert_eq!(bench.pending(1), PendingState::Unknown);
    bench.catch_up();
    assert_eq!(bench.name_in_target(1).as_deref(), Some("a"));
}
