//! Which read is next, and what its end means.

use engine::{Completed, ObjectState, ReadResult};
use sync_core::{
    code::Code,
    object::{Entry, EntryKind, ReadSpec},
    operation::Refusal,
};

use super::{
    bench::{Bench, LONG, spec},
    source::{anchor, container, deleted, part, user, with},
};

fn people(count: u16) -> Vec<sync_core::object::Entry> {
    (1..=count).map(|n| user(n, &format!("u{n}"))).collect()
}

#[test]
fn the_first_read_is_full_and_the_next_a_delta_from_its_position() {
    let bench = Bench::new();
    let e = bench.engine();
    let first = e.begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!((first.mode.as_str(), first.watermark), ("full", None));
    e.observe(first.read, 0, &people(3), Some(b"ignored"))
        .unwrap();
    e.end_read(first.read, &ReadResult::complete(b"p1"))
        .unwrap();
    let second = e.begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!(
        (second.mode.as_str(), second.watermark.as_deref()),
        ("delta", Some(&b"p1"[..]))
    );
    assert_eq!(bench.source().complete_reads, 1);
}

#[test]
fn a_full_read_asked_for_while_a_delta_runs_still_comes() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    let e = bench.engine();
    let delta = e.begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!(delta.mode, "delta");
    let why = Refusal::new(Code::SourceCookieRefused);
    e.require_full_read(bench.source_id, &why).unwrap();
    e.end_read(delta.read, &ReadResult::complete(b"p2"))
        .unwrap();
    let next = e.begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!((next.mode.as_str(), next.why), ("full", Some(why)));
    e.observe(next.read, 0, &people(3), None).unwrap();
    e.end_read(next.read, &ReadResult::complete(b"p3")).unwrap();
    let after = e.begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!(after.mode, "delta");
}

#[test]
fn a_delta_that_breaks_off_is_continued_from_its_last_page() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    let e = bench.engine();
    let read = e.begin_read(bench.source_id, &spec()).unwrap().read;
    e.observe(read, 0, &[part(1, &[("mail", "m@x")])], Some(b"page 0"))
        .unwrap();
    e.observe(read, 1, &[], None).unwrap();
    e.end_read(read, &ReadResult::Failed(Refusal::new(Code::TimeOut)))
        .unwrap();
    let row = bench.source();
    assert_eq!(
        (row.failures, row.failure.map(|why| why.code)),
        (1, Some(Code::TimeOut))
    );
    assert!(row.retry_at > Some(bench.now()));
    let next = e.begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!(
        (next.mode.as_str(), next.watermark.as_deref()),
        ("delta", Some(&b"page 0"[..]))
    );
    e.end_read(next.read, &ReadResult::complete(b"p2")).unwrap();
    let row = bench.source();
    assert_eq!((row.failures, row.failure, row.retry_at), (0, None, None));
}

#[test]
fn a_changed_read_spec_is_read_back_and_keeps_the_old_position() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    let e = bench.engine();
    let wider = ReadSpec {
        attributes: vec!["title".into()],
        ..spec()
    };
    let order = e.begin_read(bench.source_id, &wider).unwrap();
    assert_eq!((order.mode.as_str(), order.watermark), ("backfill", None));
    assert_eq!(
        order.why.map(|why| why.code),
        Some(Code::SourceReadSpecChanged)
    );
    e.observe(
        order.read,
        0,
        &[with(user(1, "u1"), &[("title", "Boss")])],
        None,
    )
    .unwrap();
    e.end_read(order.read, &ReadResult::complete(b"newer"))
        .unwrap();
    assert_eq!(
        bench.state(2),
        ObjectState::Live,
        "a backfill says nothing of what it does not show"
    );
    let next = e.begin_read(bench.source_id, &wider).unwrap();
    assert_eq!(
        (next.mode.as_str(), next.watermark.as_deref()),
        ("delta", Some(&b"full"[..]))
    );
}

#[test]
fn a_backfill_that_failed_is_done_again() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    let e = bench.engine();
    let wider = ReadSpec {
        attributes: vec!["title".into()],
        ..spec()
    };
    let order = e.begin_read(bench.source_id, &wider).unwrap();
    e.end_read(order.read, &ReadResult::Failed(Refusal::new(Code::TimeOut)))
        .unwrap();
    assert_eq!(
        e.begin_read(bench.source_id, &wider).unwrap().mode,
        "backfill"
    );
}

#[test]
fn a_refused_position_leads_to_a_full_read_until_one_is_complete() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    let e = bench.engine();
    let order = e.begin_read(bench.source_id, &spec()).unwrap();
    let why = Refusal::new(Code::SourceCookieRefused);
    e.end_read(order.read, &ReadResult::NeedsFullRead(why.clone()))
        .unwrap();
    for _ in 0..2 {
        let order = e.begin_read(bench.source_id, &spec()).unwrap();
        assert_eq!(
            (order.mode.as_str(), order.why),
            ("full", Some(why.clone()))
        );
        e.end_read(order.read, &ReadResult::Failed(Refusal::new(Code::TimeOut)))
            .unwrap();
    }
}

#[test]
fn what_a_full_read_does_not_show_vanishes_and_is_looked_up() {
    let mut bench = Bench::new();
    bench.start_with(&people(10));
    assert_eq!(bench.read_full(&people(7)), None);
    assert_eq!(bench.state(9), ObjectState::Vanished);
    bench.catch_up();
    assert!(bench.name_in_target(9).is_some(), "absence is not deletion");
    let lookups = bench.engine().lookups(bench.source_id, 10).unwrap();
    assert_eq!(
        lookups
            .iter()
            .map(|(_, a, _)| a.clone())
            .collect::<Vec<_>>(),
        [8, 9, 10].map(anchor)
    );
    assert!(lookups.iter().all(|(_, _, vanished)| *vanished));
    // one is live after all, one has a tombstone, one is nowhere
    bench
        .engine()
        .observe_one(bench.source_id, &user(8, "u8"))
        .unwrap();
    bench
        .engine()
        .observe_one(bench.source_id, &deleted(9))
        .unwrap();
    bench
        .engine()
        .lookup_found_nothing(bench.object(10))
        .unwrap();
    assert_eq!(bench.state(8), ObjectState::Live);
    assert_eq!(bench.state(10), ObjectState::Missing);
    bench.catch_up();
    assert!(bench.name_in_target(8).is_some());
    assert!(bench.name_in_target(9).is_none());
    assert!(
        bench.name_in_target(10).is_some(),
        "its deletion needs a person"
    );
    assert_eq!(bench.engine().lookups(bench.source_id, 10).unwrap(), []);
}

#[test]
fn a_vanished_object_that_shows_a_change_is_looked_up_again() {
    let bench = Bench::new();
    bench.read_full(&people(10));
    bench.read_full(&people(9));
    bench
        .engine()
        .lookup_found_nothing(bench.object(10))
        .unwrap();
    bench.delta(&[part(10, &[("mail", "m@x")])]);
    let lookups = bench.engine().lookups(bench.source_id, 10).unwrap();
    assert_eq!(lookups, [(bench.object(10), anchor(10), false)]);
}

#[test]
fn a_look_up_that_fails_is_tried_again_later() {
    let bench = Bench::new();
    bench.read_full(&people(10));
    bench.read_full(&people(9));
    bench.engine().lookup_failed(bench.object(10)).unwrap();
    assert_eq!(bench.engine().lookups(bench.source_id, 10).unwrap(), []);
    bench.pass(LONG);
    assert_eq!(
        bench.engine().lookups(bench.source_id, 10).unwrap().len(),
        1
    );
}

#[test]
fn what_moved_out_of_scope_and_then_vanished_is_looked_up_too() {
    let mut bench = Bench::new();
    bench.start_with(&people(10));
    bench.delta(&[container(10, "CN=u10", None)]);
    bench.read_full(&people(9));
    bench.catch_up();
    assert!(bench.name_in_target(10).is_some());
    assert_eq!(
        bench.engine().lookups(bench.source_id, 10).unwrap().len(),
        1
    );
    bench
        .engine()
        .observe_one(bench.source_id, &deleted(10))
        .unwrap();
    bench.catch_up();
    assert!(bench.name_in_target(10).is_none());
}

#[test]
fn a_full_read_that_shrank_is_not_believed_until_somebody_says_so() {
    let mut bench = Bench::new();
    bench.start_with(&people(30));
    let doubt = bench.read_full(&people(20)).map(|why| why.code);
    assert_eq!(doubt, Some(Code::SourceReadShrunk));
    let row = bench.source();
    assert_eq!(
        row.suspect.map(|why| why.code),
        Some(Code::SourceReadShrunk)
    );
    assert_eq!(row.needs, "full");
    assert_eq!(bench.state(25), ObjectState::Live, "nothing vanished by it");
    assert_eq!(
        bench.read_full(&people(20)).map(|why| why.code),
        Some(Code::SourceReadShrunk)
    );
    bench.engine().accept_read(bench.source_id).unwrap();
    assert_eq!(bench.source().suspect, None);
    assert_eq!(bench.read_full(&people(20)), None);
    assert_eq!(bench.state(25), ObjectState::Vanished);
}

#[test]
fn a_doubt_ends_when_the_source_shows_itself_again() {
    let bench = Bench::new();
    bench.read_full(&people(30));
    assert_eq!(
        bench.read_full(&[]).map(|why| why.code),
        Some(Code::SourceReadEmpty)
    );
    assert_eq!(bench.read_full(&people(30)), None);
    assert_eq!(bench.source().suspect, None);
}

#[test]
fn an_attribute_that_disappears_is_not_believed() {
    let bench = Bench::new();
    let all: Vec<_> = people(40)
        .into_iter()
        .map(|e| with(e, &[("mail", "m@x")]))
        .collect();
    bench.read_full(&all);
    assert_eq!(
        bench.read_full(&people(40)).map(|why| why.code),
        Some(Code::SourceReadThinned)
    );
}

#[test]
fn an_empty_first_read_is_not_believed() {
    let bench = Bench::new();
    assert_eq!(
        bench.read_full(&[]).map(|why| why.code),
        Some(Code::SourceReadEmpty)
    );
    assert_eq!(bench.source().complete_reads, 0);
}

fn present(number: u16) -> Entry {
    Entry::new(anchor(number), EntryKind::Present)
}

/// A delta in two pages that names everything that is there.
fn census(bench: &Bench, changed: &[Entry], unchanged: &[Entry]) -> Option<Code> {
    let e = bench.engine();
    let read = e.begin_read(bench.source_id, &spec()).unwrap().read;
    e.observe(read, 0, changed, None).unwrap();
    e.observe(read, 1, unchanged, None).unwrap();
    let done = Completed {
        watermark: b"after".to_vec(),
        is_census: true,
        ..Completed::default()
    };
    let doubt = e.end_read(read, &ReadResult::Complete(done)).unwrap();
    doubt.map(|doubt| doubt.code)
}

#[test]
fn what_a_census_does_not_name_vanishes_and_is_not_deleted() {
    let mut bench = Bench::new();
    bench.start_with(&people(10));
    let unchanged: Vec<Entry> = (3..=8).map(present).collect();
    let changed = [user(1, "u1"), user(2, "renamed"), user(11, "new")];
    assert_eq!(census(&bench, &changed, &unchanged), None);
    for (number, state) in [
        (1, ObjectState::Live),
        (8, ObjectState::Live),
        (9, ObjectState::Vanished),
        (11, ObjectState::Live),
    ] {
        assert_eq!(bench.state(number), state, "{number}");
    }
    bench.catch_up();
    assert!(bench.name_in_target(9).is_some(), "absence is not deletion");
    assert_eq!(
        bench.engine().lookups(bench.source_id, 10).unwrap().len(),
        2
    );
    let next = bench.engine().begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!(next.watermark.as_deref(), Some(&b"after"[..]));
}

#[test]
fn a_delta_that_is_no_census_says_nothing_of_what_it_does_not_name() {
    let mut bench = Bench::new();
    bench.start_with(&people(10));
    bench.delta(&[user(1, "renamed")]);
    assert!((1..=10).all(|number| bench.state(number) == ObjectState::Live));
}

#[test]
fn a_census_that_misses_half_the_directory_is_not_believed() {
    let mut bench = Bench::new();
    bench.start_with(&people(20));
    let unchanged: Vec<Entry> = (1..=10).map(present).collect();
    assert_eq!(
        census(&bench, &[], &unchanged),
        Some(Code::SourceReadShrunk)
    );
    assert_eq!(bench.state(20), ObjectState::Live);
    let next = bench.engine().begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!(next.mode, "full", "the whole is looked at again");
}

/// What the next read is, by mode, reason, and whether nothing older than before may be shown.
fn next_read(bench: &Bench) -> (String, Option<Code>, bool) {
    let order = bench.engine().begin_read(bench.source_id, &spec()).unwrap();
    (
        order.mode,
        order.why.map(|why| why.code),
        order.floor.is_some(),
    )
}

fn end_delta(bench: &Bench, is_weak: bool) {
    let e = bench.engine();
    let read = e.begin_read(bench.source_id, &spec()).unwrap().read;
    let done = engine::Completed {
        watermark: b"p2".to_vec(),
        is_weak,
        ..engine::Completed::default()
    };
    e.end_read(read, &ReadResult::Complete(done)).unwrap();
}

const HOUR: i64 = 3_600_000;
const DELTA: (&str, Option<Code>, bool) = ("delta", None, false);
fn is(bench: &Bench, expected: (&str, Option<Code>, bool)) {
    let (mode, why, has_floor) = next_read(bench);
    assert_eq!((mode.as_str(), why, has_floor), expected);
}

/// Whether it is time to compare the source; whatever it is, changes are read.
fn is_compared(bench: &Bench, expected: bool) {
    let e = bench.engine();
    assert_eq!(e.is_comparison_due(bench.source_id).unwrap(), expected);
    let begun = e.begin_comparison(bench.source_id, &spec()).unwrap();
    let why = begun.map(|order| order.why.code);
    assert_eq!(why, expected.then_some(Code::SourceComparisonDue));
    is(bench, DELTA);
}

#[test]
fn a_source_is_compared_whole_every_week_and_a_weak_one_every_hour() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    bench.pass(167 * HOUR);
    is_compared(&bench, false);
    bench.pass(HOUR);
    is_compared(&bench, true);
    bench.read_full(&people(3));
    end_delta(&bench, true);
    bench.pass(HOUR - 1);
    is_compared(&bench, false);
    bench.pass(1);
    is_compared(&bench, true);
}

#[test]
fn the_interval_of_comparisons_is_a_setting_and_0_is_never() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    let set = |hours: serde_json::Value| {
        let change = [("compareHours".to_owned(), hours)].into_iter().collect();
        let id = bench.source_id;
        bench.engine().change_connector_config(id, &change).unwrap();
    };
    bench.pass(2 * HOUR);
    set(2.into());
    is_compared(&bench, true);
    set(3.into());
    is_compared(&bench, false);
    set(0.into());
    bench.pass(9_000 * HOUR);
    is_compared(&bench, false);
    set(serde_json::Value::Null);
    is_compared(&bench, true);
}

#[test]
fn a_server_that_lags_is_not_compared_with() {
    let bench = Bench::new();
    bench.read_full(&people(3));
    bench.pass(168 * HOUR);
    is_compared(&bench, true);
    let e = bench.engine();
    e.note_read_failure(bench.source_id, &Refusal::new(Code::SourceReplicaLags))
        .unwrap();
    is_compared(&bench, false);
    e.note_read_failure(bench.source_id, &Refusal::new(Code::SourceTimeOut))
        .unwrap();
    is_compared(&bench, true);
}

#[test]
fn nothing_older_may_be_shown_unless_the_source_began_anew_or_an_administrator_wants_what_there_is()
{
    let bench = Bench::new();
    assert_eq!(next_read(&bench), ("full".to_owned(), None, false));
    bench.read_full(&people(3));
    let e = bench.engine();
    for (code, has_floor) in [
        (Code::SourceServerChanged, true),
        (Code::SourceCookieRefused, true),
        (Code::SourceReplicaReset, false),
    ] {
        e.require_full_read(bench.source_id, &Refusal::new(code))
            .unwrap();
        is(&bench, ("full", Some(code), has_floor));
    }
    e.accept_read(bench.source_id).unwrap();
    is(&bench, ("full", None, false));
}

#[test]
fn what_was_never_of_interest_vanishes_without_a_word() {
    let mut bench = Bench::new();
    let kept = [container(1, "DC=x", None), user(3, "u")];
    let mut all = kept.to_vec();
    all.push(container(2, "CN=S-1-5-4", Some(1)));
    bench.start_with(&all);
    let said = bench.log().len();
    assert_eq!(bench.read_full(&kept), None);
    assert_eq!(bench.state(2), ObjectState::Vanished);
    bench.catch_up();
    assert_eq!(bench.log().len(), said);
}
