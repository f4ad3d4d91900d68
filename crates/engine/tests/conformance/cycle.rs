//! Cycles as stored: failures in a row, quarantine over restarts, escrow on demand, and what a restart forgets.

use engine::{Channel, EscrowChoice, FailedRun, JobState, PendingState, RunEnd};
use sync_core::{
    code::Code,
    cycle::{Change, Reason, Reset, Side},
    operation::Refusal,
    plan::Situation,
};

use super::{
    bench::Bench,
    source::{part, user, with},
};

const HOUR: i64 = 3_600_000;

fn fails(bench: &Bench, side: Side, code: Code) -> Change {
    let why = Refusal::new(code).with("text", "no");
    bench
        .engine()
        .cycle_failed(
            &bench.job(),
            side,
            &why,
            FailedRun::New { had_begun: false },
        )
        .unwrap()
}

fn ends(bench: &Bench) {
    let e = bench.engine();
    let run = e.begin_run(bench.job_id).unwrap();
    e.end_run(run, &RunEnd::default()).unwrap();
}

fn told(bench: &Bench) -> Vec<(String, String)> {
    let mut all = bench.engine().notifications(100).unwrap();
    all.reverse();
    all.into_iter()
        .map(|row| (row.kind, row.what["reason"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn a_refused_credential_quarantines_at_once_over_restarts_and_is_told_once() {
    let mut bench = Bench::new();
    let reason = Reason::EncounteredQuarantineException;
    assert_eq!(
        fails(&bench, Side::Target, Code::CredentialExpired),
        Change::Imposed(reason)
    );
    bench.restart();
    let began = bench.now();
    let standing = bench.engine().standing(bench.job_id).unwrap().standing;
    let held = standing.quarantine.unwrap();
    assert_eq!((held.reason, held.series_count), (reason, 0));
    assert_eq!(held.next_attempt, Some(began + 6 * HOUR));
    assert_eq!(standing.error.unwrap().code, Code::CredentialExpired);
    // Before its time nothing is counted; at its time it is an attempt.
    assert_eq!(
        fails(&bench, Side::Target, Code::CredentialExpired),
        Change::None
    );
    bench.pass(6 * HOUR);
    assert_eq!(
        fails(&bench, Side::Target, Code::CredentialExpired),
        Change::Kept(reason)
    );
    assert_eq!(
        told(&bench),
        [("quarantine".to_owned(), reason.name().to_owned())]
    );
    bench.pass(12 * HOUR);
    let lifted = bench
        .engine()
        .cycle_works(bench.job_id, Side::Target)
        .unwrap();
    assert_eq!(lifted, Change::Lifted(reason));
    bench.restart();
    assert_eq!(
        bench
            .engine()
            .standing(bench.job_id)
            .unwrap()
            .standing
            .quarantine,
        None
    );
}

#[test]
fn the_same_failure_again_is_one_run_and_the_tenth_is_a_quarantine() {
    let bench = Bench::new();
    for n in 1..10 {
        assert_eq!(
            fails(&bench, Side::Source, Code::SourceUnreachable),
            Change::None,
            "{n}"
        );
        bench.pass(1_000);
    }
    assert_eq!(
        fails(&bench, Side::Source, Code::SourceUnreachable),
        Change::Imposed(Reason::EncounteredQuarantineException)
    );
    let runs = bench.engine().runs(Some(bench.job_id), None, 100).unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!(runs[0].status, "no-start-server-down");
    assert_eq!(runs[0].counts["attempts"], 10);
    assert_eq!(
        runs[0].failure.as_ref().unwrap().code,
        Code::SourceUnreachable
    );
}

#[test]
fn what_is_wrong_with_this_machine_is_recorded_and_never_quarantines() {
    let bench = Bench::new();
    for _ in 0..50 {
        assert_eq!(fails(&bench, Side::Target, Code::DiskFull), Change::None);
    }
    assert_eq!(
        bench
            .engine()
            .standing(bench.job_id)
            .unwrap()
            .standing
            .in_a_row,
        0
    );
    let runs = bench.engine().runs(Some(bench.job_id), None, 100).unwrap();
    assert_eq!(runs[0].status, "no-start-fault");
}

#[test]
fn four_weeks_of_quarantine_disable_the_job_and_a_clear_brings_it_back() {
    let bench = Bench::new();
    let e = bench.engine();
    e.set_job_state(bench.job_id, JobState::Active).unwrap();
    fails(&bench, Side::Source, Code::SourceCredentialRefused);
    bench.pass(28 * 24 * HOUR - 1);
    assert!(!e.rest_if_over(bench.job_id).unwrap());
    bench.pass(1);
    assert!(e.rest_if_over(bench.job_id).unwrap());
    assert!(!e.rest_if_over(bench.job_id).unwrap(), "once");
    assert_eq!(bench.job().state, JobState::Paused);
    assert_eq!(told(&bench).len(), 2);
    e.clear_quarantine(bench.job_id).unwrap();
    let standing = e.standing(bench.job_id).unwrap();
    assert_eq!(
        (standing.disabled_at, standing.standing.quarantine),
        (None, None)
    );
}

#[test]
fn a_system_that_stays_busy_is_brought_before_somebody_after_a_day_once() {
    let bench = Bench::new();
    for hour in 0..30 {
        fails(&bench, Side::Target, Code::TargetBusy);
        let standing = bench.engine().standing(bench.job_id).unwrap();
        assert_eq!(standing.is_busy_too_long(bench.now()), hour >= 24, "{hour}");
        bench.pass(HOUR);
    }
    assert_eq!(
        told(&bench),
        [("busy".to_owned(), "busy for 24 hours".to_owned())]
    );
    bench
        .engine()
        .cycle_works(bench.job_id, Side::Target)
        .unwrap();
    assert_eq!(
        bench.engine().standing(bench.job_id).unwrap().busy_since,
        None
    );
}

#[test]
fn held_deletions_are_told_and_slow_nothing() {
    let bench = Bench::new();
    let e = bench.engine();
    let why = Refusal::new(Code::TooManyDeletes);
    assert_eq!(
        e.guard_holds(bench.job_id, Some(&why)).unwrap(),
        Change::Imposed(Reason::TooManyDeletes)
    );
    assert_eq!(
        e.guard_holds(bench.job_id, Some(&why)).unwrap(),
        Change::None
    );
    assert!(
        e.standing(bench.job_id)
            .unwrap()
            .standing
            .lets_try(bench.now())
    );
    assert_eq!(
        e.guard_holds(bench.job_id, None).unwrap(),
        Change::Lifted(Reason::TooManyDeletes)
    );
    assert_eq!(told(&bench).len(), 1);
}

#[test]
fn an_initial_cycle_with_too_many_failures_is_completed_and_they_wait_until_somebody_asks() {
    let mut bench = Bench::new();
    let bad: Vec<_> = (1..=5_000)
        .map(|n| with(user(n, "u"), &[("title", "bad")]))
        .collect();
    bench.start_with(&bad);
    ends(&bench);
    let standing = bench.engine().standing(bench.job_id).unwrap();
    assert_eq!(
        standing.standing.quarantine.unwrap().reason,
        Reason::EncounteredEscrowProportionThreshold
    );
    assert!(standing.standing.are_escrows_pruned);
    let runs = bench.engine().last_runs(bench.job_id).unwrap();
    assert_eq!(runs.last.unwrap().status, "stopped-error-limit");
    // Neither time nor a restart of the server brings them back.
    bench.pass(48 * HOUR);
    bench.restart();
    assert!(!bench.engine().wake().unwrap());
    let some = bench.engine().escrows(bench.job_id, None, None, 3).unwrap();
    assert_eq!(some.len(), 3);
    assert!(
        some.iter()
            .all(|row| row.retry_at.is_none() && row.attempts == 1)
    );
    // One fewer, and the attempt that follows ends it.
    bench.delta(&[part(1, &[("title", "good")])]);
    bench.engine().begin_attempt(bench.job_id).unwrap();
    bench.catch_up();
    ends(&bench);
    let standing = bench.engine().standing(bench.job_id).unwrap().standing;
    assert_eq!(
        (standing.quarantine, standing.are_escrows_pruned),
        (None, false)
    );
    assert_eq!(
        bench
            .engine()
            .escrows(bench.job_id, None, None, 10_000)
            .unwrap()
            .len(),
        4_999
    );
}

#[test]
fn escrow_is_listed_by_code_and_tried_when_somebody_asks() {
    let mut bench = Bench::new();
    let bad = |n: u16| with(user(n, "u"), &[("title", "bad")]);
    bench.start_with(&[bad(1), bad(2), user(3, "c")]);
    let e = bench.engine();
    let all = e.escrows(bench.job_id, None, None, 10).unwrap();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|row| row.retry_at.unwrap() > bench.now()));
    assert_eq!(
        e.escrows(bench.job_id, Some(Code::TimeOut), None, 10)
            .unwrap(),
        []
    );
    assert_eq!(
        e.escrows(
            bench.job_id,
            Some(Code::SchemaInvalid),
            Some(all[0].link),
            10
        )
        .unwrap()
        .len(),
        1
    );
    let retry = |choice: EscrowChoice| e.retry_escrows(bench.job_id, &choice, "test").unwrap();
    let one = EscrowChoice {
        link: Some(bench.link(2)),
        code: None,
    };
    assert_eq!(retry(one), 1);
    assert!(e.wake().unwrap());
    assert_eq!(bench.due().len(), 1);
    let none = EscrowChoice {
        link: None,
        code: Some(Code::TimeOut),
    };
    assert_eq!(retry(none), 0);
    assert_eq!(retry(EscrowChoice::default()), 1);
}

#[test]
fn the_usual_restart_keeps_links_and_reads_everything_again() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a"), with(user(2, "b"), &[("title", "bad")])]);
    ends(&bench);
    fails(&bench, Side::Source, Code::SourceCredentialRefused);
    assert!(!bench.engine().standing(bench.job_id).unwrap().is_initial);
    bench
        .engine()
        .restart(&bench.job(), Reset::USUAL, "test")
        .unwrap();
    let standing = bench.engine().standing(bench.job_id).unwrap();
    assert_eq!(standing.standing, Default::default());
    assert!(standing.is_initial);
    assert_eq!(bench.source().needs, "full");
    assert_eq!(bench.link_row(1).situation, Situation::Linked);
    assert_eq!(bench.due().len(), 2);
    let mark = bench.target.objects.len();
    bench.catch_up();
    assert_eq!(bench.target.objects.len(), mark, "nothing is created twice");
}

#[test]
fn escrows_alone_leave_the_position_and_a_quarantine_alone() {
    let mut bench = Bench::new();
    bench.start_with(&[with(user(1, "a"), &[("title", "bad")])]);
    ends(&bench);
    fails(&bench, Side::Source, Code::SourceCredentialRefused);
    let e = bench.engine();
    e.restart(&bench.job(), Reset::ESCROWS, "test").unwrap();
    let standing = e.standing(bench.job_id).unwrap();
    assert_eq!(standing.standing.in_a_row, 0);
    assert!(standing.standing.quarantine.is_some());
    assert!(!standing.is_initial);
    assert_eq!(bench.source().needs, "delta");
    let row = &e.escrows(bench.job_id, None, None, 1).unwrap()[0];
    assert_eq!((row.attempts, row.retry_at), (0, Some(bench.now())));
}

#[test]
fn full_forgets_links_and_everything_is_matched_again() {
    let mut bench = Bench::new();
    bench.start_with(&[user(1, "a"), user(2, "b")]);
    ends(&bench);
    let before = bench.target.objects.len();
    bench
        .engine()
        .restart(&bench.job(), Reset::FULL, "test")
        .unwrap();
    assert_eq!(bench.link_row(1).situation, Situation::Unlinked);
    bench.read_full(&[user(1, "a"), user(2, "b")]);
    bench.catch_up();
    assert_eq!(bench.link_row(1).situation, Situation::Linked);
    assert_eq!(bench.pending(1), PendingState::None);
    assert_eq!(bench.target.objects.len(), before);
}

#[test]
fn a_message_is_open_until_both_ways_are_done_with_or_a_day_has_passed() {
    let bench = Bench::new();
    fails(&bench, Side::Target, Code::CredentialWrong);
    let e = bench.engine();
    let id = e.open_notifications(10).unwrap()[0].id;
    e.notified(id, Channel::Hook).unwrap();
    e.notification_failed(id).unwrap();
    assert!(
        e.open_notifications(10).unwrap().is_empty(),
        "not at once again"
    );
    bench.pass(HOUR);
    assert_eq!(e.open_notifications(10).unwrap().len(), 1);
    bench.pass(24 * HOUR);
    e.notification_failed(id).unwrap();
    bench.pass(24 * HOUR);
    assert!(e.open_notifications(10).unwrap().is_empty());
    assert!(e.notifications(1).unwrap()[0].given_up_at.is_some());
}
