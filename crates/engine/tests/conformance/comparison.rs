//! A comparison of the whole source goes on beside the reads of changes, and merges nothing itself.

use engine::{ComparisonEnd, ObjectState, ReadResult};
use sync_core::{code::Code, object::Entry, operation::Refusal};

use super::{
    bench::{Bench, spec},
    source::{anchor, below, container, deleted, group, part, texts, user, with},
};

const WEEK: i64 = 168 * 3_600_000;

/// So many people below a container, and a group of the first two.
fn organisation(people: u16) -> Vec<Entry> {
    let mut all = vec![container(1, "OU=x", None)];
    all.extend((10..10 + people).map(|n| below(user(n, &format!("u{n}")), 1)));
    all.push(below(group(2, "g", [10, 11]), 1));
    all
}

/// An organisation in the target, a week later.
fn a_week_later(people: u16) -> Bench {
    let mut bench = Bench::new();
    bench.start_with(&organisation(people));
    bench.pass(WEEK);
    bench
}

/// What a plain search shows: no containers.
fn listing(people: u16) -> Vec<Entry> {
    organisation(people).split_off(1)
}

fn begin(bench: &Bench) {
    let begun = bench.engine().begin_comparison(bench.source_id, &spec());
    let order = begun.unwrap().expect("it is time");
    assert_eq!(order.why.code, Code::SourceComparisonDue);
}

fn end(bench: &Bench) -> ComparisonEnd {
    bench.engine().end_comparison(bench.source_id).unwrap()
}

fn compare(bench: &Bench, listed: &[Entry]) -> ComparisonEnd {
    begin(bench);
    bench
        .engine()
        .compare_listed(bench.source_id, listed)
        .unwrap();
    end(bench)
}

/// Anchors that wait to be looked up; true: because they were not shown.
fn lookups(bench: &Bench) -> Vec<(sync_core::id::Anchor, bool)> {
    let all = bench.engine().lookups(bench.source_id, 100).unwrap();
    let mut all: Vec<_> = all
        .into_iter()
        .map(|(_, anchor, why)| (anchor, why))
        .collect();
    all.sort();
    all
}

fn is_due(bench: &Bench) -> bool {
    bench.engine().is_comparison_due(bench.source_id).unwrap()
}

#[test]
fn what_is_as_it_is_known_costs_nothing_and_the_next_comparison_is_a_week_away() {
    let bench = a_week_later(20);
    // In another order, and with values that are none.
    let mut listed = listing(20);
    listed.reverse();
    listed[3] = with(listed[3].clone(), &[("title", "")]);
    let compared = compare(&bench, &listed);
    assert_eq!(
        compared,
        ComparisonEnd {
            listed: 21,
            ..ComparisonEnd::default()
        }
    );
    assert_eq!(lookups(&bench), []);
    assert!(bench.due().is_empty());
    assert!(!is_due(&bench));
    bench.pass(WEEK);
    assert!(is_due(&bench));
}

#[test]
fn what_differs_or_is_not_shown_is_looked_up_and_nothing_is_merged() {
    let bench = a_week_later(20);
    let mut listed = listing(20);
    listed.remove(0); // 10 is not shown
    listed[0] = with(listed[0].clone(), &[("title", "Cook")]);
    listed[1] = below(user(12, "u12"), 99);
    let last = listed.len() - 1;
    listed[last] = below(group(2, "g", [11]), 1);
    listed.push(below(user(77, "unknown"), 1));
    let compared = compare(&bench, &listed);
    assert_eq!((compared.differing, compared.absent), (4, 1));
    let expected = [
        (2, false),
        (10, true),
        (11, false),
        (12, false),
        (77, false),
    ];
    let mut expected = expected.map(|(number, why)| (anchor(number), why)).to_vec();
    expected.sort();
    assert_eq!(lookups(&bench), expected);
    assert_eq!(bench.state(10), ObjectState::Vanished);
    assert_eq!(bench.item(11).source.attributes.text("title"), None);
    // Only the one that was not shown is looked at, and it is held: nothing proves that it was deleted.
    assert_eq!(bench.due().len(), 1);
}

#[test]
fn changes_are_read_and_planned_while_the_source_is_compared() {
    let mut bench = a_week_later(20);
    begin(&bench);
    let e = bench.engine();
    let first = listing(20);
    let mut second = listing(20);
    *second.last_mut().unwrap() = below(group(2, "g", [10]), 1);
    e.compare_listed(bench.source_id, &first[..10]).unwrap();
    // After 10 was listed, before 29 is; and somebody comes, and somebody goes who was listed.
    bench.delta(&[
        part(10, &[("displayName", "new")]),
        part(29, &[("displayName", "new")]),
    ]);
    bench.delta(&[below(user(40, "u40"), 1), deleted(11)]);
    assert!(bench.plan() > 0);
    bench.export();
    bench.pass(60_000);
    bench.catch_up();
    assert_eq!(
        bench.item(10).source.attributes,
        texts(&[("displayName", "new")])
    );
    let e = bench.engine();
    e.compare_listed(bench.source_id, &second[10..]).unwrap();
    let compared = end(&bench);
    assert_eq!(
        (compared.differing, compared.absent),
        (0, 0),
        "what a read touched is left to it"
    );
    assert_eq!(lookups(&bench), []);
    assert_eq!(bench.state(40), ObjectState::Live);
    assert_eq!(bench.state(11), ObjectState::Deleted);
}

#[test]
fn a_listing_that_shows_far_less_leads_to_a_full_read_that_is_judged() {
    let bench = a_week_later(40);
    let compared = compare(&bench, &listing(20));
    let why = compared.full_read.expect("it is not believed");
    assert_eq!(why.code, Code::SourceReadShrunk);
    assert_eq!(lookups(&bench), []);
    assert!(bench.due().is_empty());
    let order = bench.engine().begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!((order.mode.as_str(), order.why), ("full", Some(why)));
    assert!(order.floor.is_some());
    // Nothing is compared before that.
    assert!(!is_due(&bench));
}

#[test]
fn attributes_that_are_not_shown_any_more_are_not_taken_for_empty() {
    let bench = a_week_later(40);
    let thin = |mut entry: Entry| {
        entry.attributes = texts(&[]);
        entry
    };
    let listed: Vec<Entry> = listing(40).into_iter().map(thin).collect();
    let compared = compare(&bench, &listed);
    assert_eq!(compared.full_read.unwrap().code, Code::SourceReadThinned);
    assert_eq!(lookups(&bench), []);
}

#[test]
fn where_very_many_differ_everything_is_read_anew() {
    let bench = a_week_later(5_100);
    let change = |entry: Entry| with(entry, &[("title", "Cook")]);
    let listed: Vec<Entry> = listing(5_100).into_iter().map(change).collect();
    let compared = compare(&bench, &listed);
    assert_eq!(compared.full_read.unwrap().code, Code::SourceComparisonDue);
    assert_eq!(lookups(&bench), []);
}

#[test]
fn a_comparison_says_nothing_if_the_source_was_read_anew_meanwhile() {
    let bench = a_week_later(20);
    begin(&bench);
    let e = bench.engine();
    e.compare_listed(bench.source_id, &listing(5)).unwrap();
    bench.read_full(&organisation(20));
    let compared = end(&bench);
    assert!(compared.is_stale);
    assert_eq!(lookups(&bench), []);
    // Nor before the end of a full read that was asked for.
    bench.pass(WEEK);
    begin(&bench);
    let why = Refusal::new(Code::SourceReplicaReset);
    bench
        .engine()
        .require_full_read(bench.source_id, &why)
        .unwrap();
    assert!(end(&bench).is_stale);
}

#[test]
fn a_comparison_that_breaks_off_says_nothing_and_begins_anew() {
    let mut bench = a_week_later(20);
    begin(&bench);
    bench.restart();
    let e = bench.engine();
    let conflict = e.compare_listed(bench.source_id, &listing(1)).unwrap_err();
    assert_eq!(conflict.refusal().code, Code::Conflict);
    assert!(is_due(&bench));
    begin(&bench);
    bench.engine().give_up_comparison(bench.source_id);
    assert!(bench.engine().end_comparison(bench.source_id).is_err());
    assert!(is_due(&bench));
}

#[test]
fn nothing_is_compared_with_rules_the_source_was_not_read_for() {
    let bench = a_week_later(3);
    let e = bench.engine();
    let mut other = spec();
    other.attributes.push("mail".into());
    assert_eq!(e.begin_comparison(bench.source_id, &other).unwrap(), None);
    // A read of changes goes on from where it was.
    let order = e.begin_read(bench.source_id, &spec()).unwrap();
    assert_eq!(order.mode, "delta");
    e.end_read(order.read, &ReadResult::complete(b"p")).unwrap();
}
