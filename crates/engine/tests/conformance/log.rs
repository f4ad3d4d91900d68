//! The provisioning log: numbers without gaps, segments, filters.

use engine::{Action, LogQuery, Status};
use sync_core::code::Code;

use super::{
    bench::Bench,
    source::{part, user, with},
};

fn numbers(bench: &Bench, query: LogQuery) -> Vec<i64> {
    let page = bench.engine().log(&query).unwrap();
    page.records.iter().map(|record| record.sequence).collect()
}

fn all() -> LogQuery {
    LogQuery {
        limit: 10_000,
        ascending: true,
        ..LogQuery::default()
    }
}

fn segments(bench: &Bench) -> i64 {
    let count = |c: &rusqlite::Connection| {
        Ok(c.query_row("SELECT count(*) FROM segment", [], |r| r.get(0))?)
    };
    bench.engine().read(count).unwrap()
}

/// Three objects and `changes` changes of the first, each a batch of its own a second apart.
fn with_changes(changes: i64) -> Bench {
    let mut bench = Bench::new();
    let bad = with(user(3, "c"), &[("title", "bad")]);
    bench.start_with(&[user(1, "a"), user(2, "b"), bad]);
    for n in 0..changes {
        bench.pass(1_000);
        bench.delta(&[part(1, &[("displayName", &format!("a{n}"))])]);
        bench.catch_up();
    }
    bench
}

#[test]
fn pages_go_both_ways_and_say_whether_there_is_more() {
    let bench = with_changes(10);
    let e = bench.engine();
    assert_eq!(e.log_end().unwrap(), 13);
    let newest = e
        .log(&LogQuery {
            limit: 4,
            ..LogQuery::default()
        })
        .unwrap();
    assert_eq!(
        newest
            .records
            .iter()
            .map(|r| r.sequence)
            .collect::<Vec<_>>(),
        [13, 12, 11, 10]
    );
    assert!(newest.has_more);
    assert_eq!(
        numbers(
            &bench,
            LogQuery {
                before: Some(3),
                ..all()
            }
        ),
        [1, 2]
    );
    assert_eq!(
        numbers(
            &bench,
            LogQuery {
                after: Some(11),
                ..all()
            }
        ),
        [12, 13]
    );
    assert_eq!(
        numbers(
            &bench,
            LogQuery {
                after: Some(3),
                before: Some(6),
                ..all()
            }
        ),
        [4, 5]
    );
    assert!(!e.log(&all()).unwrap().has_more);
}

#[test]
// LONG: a table.
fn filters_narrow_and_combine() {
    let bench = with_changes(5);
    let of = |query| numbers(&bench, query);
    assert_eq!(
        of(LogQuery {
            link: Some(bench.link(2)),
            ..all()
        })
        .len(),
        1
    );
    assert_eq!(
        of(LogQuery {
            link: Some(bench.link(1)),
            ..all()
        })
        .len(),
        6
    );
    assert_eq!(
        of(LogQuery {
            link: Some(bench.link(1)),
            action: Some(Action::Create),
            ..all()
        })
        .len(),
        1
    );
    assert_eq!(
        of(LogQuery {
            status: Some(Status::Failure),
            ..all()
        })
        .len(),
        1
    );
    assert_eq!(
        of(LogQuery {
            code: Some(Code::SchemaInvalid),
            ..all()
        })
        .len(),
        1
    );
    assert!(
        of(LogQuery {
            code: Some(Code::TimeOut),
            ..all()
        })
        .is_empty()
    );
    assert!(
        of(LogQuery {
            job: Some(bench.job_id.0 + 1),
            ..all()
        })
        .is_empty()
    );
    let from = bench.now() - 1_000;
    assert_eq!(
        of(LogQuery {
            since: Some(from),
            ..all()
        }),
        [7, 8]
    );
    assert_eq!(
        of(LogQuery {
            since: Some(from),
            until: Some(from + 1),
            ..all()
        }),
        [7]
    );
}

#[test]
fn compaction_changes_the_segments_and_nothing_else() {
    let mut bench = with_changes(100);
    let before = bench.log();
    let of_one = numbers(
        &bench,
        LogQuery {
            link: Some(bench.link(1)),
            ..all()
        },
    );
    assert!(segments(&bench) > 90);
    while bench.engine().compact_log().unwrap() {}
    assert!(segments(&bench) < 5);
    assert_eq!(bench.log(), before);
    assert_eq!(
        numbers(
            &bench,
            LogQuery {
                link: Some(bench.link(1)),
                ..all()
            }
        ),
        of_one
    );
    bench.delta(&[part(1, &[("displayName", "after")])]);
    bench.catch_up();
    bench.restart();
    assert_eq!(bench.engine().log_end().unwrap(), before.len() as i64 + 1);
    let last = bench
        .engine()
        .log(&LogQuery {
            limit: 1,
            ..LogQuery::default()
        })
        .unwrap()
        .records;
    assert_eq!(last[0].sequence, before.len() as i64 + 1);
}

#[test]
fn a_clock_set_back_hides_no_record() {
    let mut bench = with_changes(3);
    bench.pass(-3_600_000);
    let back = bench.now();
    for n in 0..40 {
        bench.delta(&[part(1, &[("displayName", &format!("z{n}"))])]);
        bench.catch_up();
    }
    let expected = numbers(
        &bench,
        LogQuery {
            until: Some(back + 1),
            ..all()
        },
    );
    assert_eq!(expected.len(), 40);
    while bench.engine().compact_log().unwrap() {}
    assert_eq!(
        numbers(
            &bench,
            LogQuery {
                until: Some(back + 1),
                ..all()
            }
        ),
        expected
    );
}

#[test]
fn a_large_batch_becomes_several_segments() {
    let bench = Bench::new();
    let many: Vec<_> = (1..=2_500)
        .map(|n| with(user(n, "u"), &[("title", "out")]))
        .collect();
    bench.read_full(&many);
    let items = bench.engine().take_due(bench.job_id, 10_000).unwrap();
    let plans: Vec<_> = items
        .into_iter()
        .map(|item| super::bench::decided(&bench.target, item))
        .collect();
    bench
        .engine()
        .store_plans(&bench.job(), &plans, &[])
        .unwrap();
    assert_eq!(
        (segments(&bench), bench.engine().log_end().unwrap()),
        (3, 2_500)
    );
}

#[test]
fn records_carry_the_cycle_they_belong_to_and_runs_are_found_by_it() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a"), user(2, "b")]);
    let first = bench.log()[0].cycle;
    assert!(bench.log().iter().all(|record| record.cycle == first));
    let e = bench.engine();
    let run = e.run_of_cycle(first).unwrap().unwrap();
    assert_eq!(
        (run.kind.as_str(), run.state.as_str()),
        ("initial", "running")
    );
    assert_eq!(e.begin_run(bench.job_id).unwrap(), run.id);
    e.end_run(run.id, &engine::RunEnd::default()).unwrap();
    bench.delta(&[part(1, &[("displayName", "c")])]);
    bench.catch_up();
    let last = bench.log().pop().unwrap();
    assert_ne!(last.cycle, first);
    let run = bench.engine().run_of_cycle(last.cycle).unwrap().unwrap();
    assert_eq!(run.kind, "incremental");
    let of_first = LogQuery {
        cycle: Some(first),
        ..all()
    };
    assert_eq!(numbers(&bench, of_first), [1, 2]);
}

/// A record as segments of the first form hold it.
#[derive(serde::Serialize)]
struct OldRecord {
    numbers: (i64, i64, i64, i64, i64),
    action: Action,
    status: Status,
    texts: (String, String),
    anchor: sync_core::id::Anchor,
    target: Option<String>,
    refusal: Option<sync_core::operation::Refusal>,
    changes: Vec<u8>,
    references: Vec<u8>,
    reasons: i64,
}

#[test]
fn segments_of_before_are_read_beside_those_of_now() {
    let mut bench = Bench::new();
    let old = |sequence: i64| OldRecord {
        numbers: (
            sequence,
            super::bench::START,
            super::bench::START,
            bench.job_id.0 << 40 | 1,
            bench.job_id.0,
        ),
        action: Action::Create,
        status: Status::Success,
        texts: ("user".into(), "old".into()),
        anchor: super::source::anchor(1),
        target: None,
        refusal: None,
        changes: Vec::new(),
        references: Vec::new(),
        reasons: 1,
    };
    let database = rusqlite::Connection::open(bench.engine().path()).unwrap();
    for sequence in 1..=40 {
        let plain = postcard::to_stdvec(&vec![old(sequence)]).unwrap();
        let objects = postcard::to_stdvec(&vec![bench.job_id.0 << 40 | 1]).unwrap();
        database
            .execute(
                "INSERT INTO segment (first, count, first_at, last_at, objects, data) VALUES (?1, 1, ?2, ?2, ?3, ?4)",
                rusqlite::params![
                    sequence,
                    super::bench::START,
                    objects,
                    lz4_flex::compress_prepend_size(&plain)
                ],
            )
            .unwrap();
    }
    drop(database);
    bench.start_with(&[user(1, "a")]);
    while bench.engine().compact_log().unwrap() {}
    let records = bench.log();
    assert_eq!(records.len(), 41);
    assert!(
        records[..40]
            .iter()
            .all(|r| r.cycle.is_nil() && r.name == "old")
    );
    assert!(!records[40].cycle.is_nil());
    assert_eq!(segments(&bench), 41);
    let of_one = LogQuery {
        link: Some(sync_core::id::LinkId(bench.job_id.0 << 40 | 1)),
        ..all()
    };
    let forwards = numbers(&bench, of_one.clone());
    assert_eq!(forwards[..40], (1..=40).collect::<Vec<_>>());
    let mut backwards = numbers(
        &bench,
        LogQuery {
            ascending: false,
            ..of_one
        },
    );
    backwards.reverse();
    assert_eq!(backwards, forwards);
}

#[test]
// LONG: one story, told in order.
fn the_history_of_one_object_is_followed_both_ways_and_paged() {
    let mut bench = with_changes(120);
    while bench.engine().compact_log().unwrap() {}
    bench.delta(&[part(1, &[("displayName", "last")])]);
    bench.catch_up();
    let of = |query: LogQuery| {
        numbers(
            &bench,
            LogQuery {
                link: Some(bench.link(1)),
                ..query
            },
        )
    };
    let every: Vec<i64> = bench
        .log()
        .iter()
        .filter(|record| record.link == bench.link(1).0)
        .map(|record| record.sequence)
        .collect();
    assert_eq!(every.len(), 122);
    assert_eq!(of(all()), every);
    let backwards: Vec<i64> = every.iter().rev().copied().collect();
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = bench
            .engine()
            .log(&LogQuery {
                link: Some(bench.link(1)),
                before,
                limit: 7,
                ..LogQuery::default()
            })
            .unwrap();
        paged.extend(page.records.iter().map(|record| record.sequence));
        before = paged.last().copied();
        if !page.has_more {
            break;
        }
    }
    assert_eq!(paged, backwards);
    assert_eq!(
        of(LogQuery {
            after: Some(every[5]),
            before: Some(every[9]),
            ..all()
        }),
        every[6..9]
    );
    let since = bench.log()[50].at;
    let newer: Vec<i64> = bench
        .log()
        .iter()
        .filter(|record| record.link == bench.link(1).0 && record.at >= since)
        .map(|record| record.sequence)
        .collect();
    assert_eq!(
        of(LogQuery {
            since: Some(since),
            ..all()
        }),
        newer
    );
    assert!(
        numbers(
            &bench,
            LogQuery {
                link: Some(sync_core::id::LinkId(999)),
                ..all()
            }
        )
        .is_empty()
    );
}

#[test]
fn what_is_old_or_too_much_is_deleted_and_numbers_go_on() {
    let mut bench = with_changes(10);
    let (first, end) = (bench.log()[4].at, bench.engine().log_end().unwrap());
    assert_eq!(bench.engine().trim_log(first, u64::MAX).unwrap(), 4);
    let left: Vec<i64> = bench.log().iter().map(|record| record.sequence).collect();
    assert_eq!(left, (5..=end).collect::<Vec<_>>());
    let of_one = LogQuery {
        link: Some(bench.link(1)),
        ..all()
    };
    assert_eq!(numbers(&bench, of_one), left);
    assert_eq!(bench.engine().trim_log(first, u64::MAX).unwrap(), 0);

    let size = bench.engine().log_size().unwrap();
    assert_eq!(
        (size.records, size.oldest),
        (left.len() as u64, Some(first))
    );
    assert_eq!(bench.engine().trim_log(0, size.bytes).unwrap(), 0);
    assert_eq!(bench.engine().trim_log(0, size.bytes - 1).unwrap(), 1);
    // However little room there is, the newest stays: numbers would begin again.
    bench.engine().trim_log(i64::MAX, 0).unwrap();
    assert_eq!(bench.log().len(), 1);
    bench.delta(&[part(1, &[("displayName", "after")])]);
    bench.catch_up();
    assert_eq!(bench.engine().log_end().unwrap(), end + 1);
}
