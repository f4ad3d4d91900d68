//! Grace periods: disabled now, deleted later, restored on return.

use engine::{HeldWhat, JobSettings, PendingState};
use sync_core::grace::DAY_MS;

use super::{
    bench::{Bench, LONG},
    source::{deleted, part, user},
};

fn with_grace() -> Bench {
    let mut bench = Bench::with(JobSettings {
        leaver_grace_days: 30,
        settle_seconds: 0,
        ..JobSettings::default()
    });
    let people: Vec<_> = (1..=100).map(|n| user(n, &format!("u{n}"))).collect();
    bench.start_with(&people);
    bench
}

fn is_enabled(bench: &Bench, number: u16) -> Option<bool> {
    let anchor = super::source::anchor(number).base64();
    let (_, held) = bench.target.by_anchor(&anchor)?;
    let value = held.attributes.first("accountEnabled").cloned();
    Some(value == Some(true.into()))
}

#[test]
fn who_is_deleted_is_disabled_at_once_and_deleted_after_the_days() {
    let mut bench = with_grace();
    bench.delta(&[deleted(1), part(2, &[("title", "out")])]);
    bench.catch_up();
    for number in [1, 2] {
        assert_eq!(is_enabled(&bench, number), Some(false), "{number}");
        let holds = bench.engine().holds_of(bench.link(number)).unwrap();
        let until = bench.now() + 30 * DAY_MS;
        assert_eq!(holds[0].what, HeldWhat::Leaver(until));
    }
    bench.pass(30 * DAY_MS - 1);
    bench.catch_up();
    assert_eq!(is_enabled(&bench, 1), Some(false));
    bench.restart();
    bench.pass(1);
    bench.catch_up();
    assert_eq!(is_enabled(&bench, 1), None, "the period is over");
    assert_eq!(is_enabled(&bench, 2), None);
    assert_eq!(bench.engine().holds_of(bench.link(1)).unwrap(), []);
}

#[test]
fn who_returns_within_the_days_is_enabled_again_and_not_deleted() {
    let mut bench = with_grace();
    bench.delta(&[deleted(1)]);
    bench.catch_up();
    bench.pass(LONG);
    bench.delta(&[user(1, "u1")]);
    bench.catch_up();
    assert_eq!(is_enabled(&bench, 1), Some(true));
    bench.pass(60 * DAY_MS);
    bench.catch_up();
    assert_eq!(is_enabled(&bench, 1), Some(true));
}

#[test]
fn who_leaves_counts_for_the_guard_when_disabled_and_again_when_deleted() {
    let mut bench = with_grace();
    bench.delta(&(1..=20).map(deleted).collect::<Vec<_>>());
    bench.catch_up();
    assert_eq!(bench.pending(1), PendingState::Held);
    assert_eq!(is_enabled(&bench, 1), Some(true));
    let all = engine::DeleteChoice::All;
    bench
        .engine()
        .allow_deletes(bench.job_id, &all, "me")
        .unwrap();
    bench.catch_up();
    assert_eq!(is_enabled(&bench, 1), Some(false));
    bench.pass(31 * DAY_MS);
    bench.catch_up();
    assert_eq!(bench.pending(1), PendingState::Held, "twenty deletions");
    assert_eq!(is_enabled(&bench, 1), Some(false));
}

#[test]
fn a_leaver_that_is_released_is_deleted_now_and_the_policy_can_be_taken_back() {
    let mut bench = with_grace();
    bench.delta(&[deleted(1), deleted(2)]);
    bench.catch_up();
    let links = [bench.link(1)];
    assert_eq!(bench.engine().release_holds(&links, "me").unwrap(), 1);
    bench.catch_up();
    assert_eq!(is_enabled(&bench, 1), None);
    assert_eq!(is_enabled(&bench, 2), Some(false));
    let settings = JobSettings {
        leaver_grace_days: 0,
        ..bench.job().settings
    };
    bench
        .engine()
        .set_job_settings(bench.job_id, &settings)
        .unwrap();
    bench.pass(LONG);
    bench.catch_up();
    assert_eq!(is_enabled(&bench, 2), None);
}
