//! Alerts from beginning to end: told once, the same again after a short pause, acknowledged, closed, over restarts.

use engine::AlertView;
use sync_core::{
    code::Code,
    health::{Condition, FORGOTTEN_MS, Kind, SAME_MS, Subject},
    operation::Refusal,
};

use super::bench::Bench;

fn so(kind: Kind, subject: Subject) -> Condition {
    Condition {
        kind,
        subject,
        name: "ad".into(),
        why: Some(Refusal::new(Code::SourceUnreachable)),
        text: String::new(),
        affected: vec!["Ada".into()],
        count: 3,
    }
}

fn open(bench: &Bench) -> Vec<engine::AlertRow> {
    bench.engine().alerts(AlertView::Open, None, 100).unwrap()
}

fn told(bench: &Bench) -> usize {
    let all = bench.engine().notifications(100).unwrap();
    all.iter().filter(|row| row.kind == "alert").count()
}

#[test]
fn a_condition_is_one_alert_and_told_once_however_often_it_is_seen() {
    let mut bench = Bench::new();
    let conditions = [
        so(Kind::ImportFailed, Subject::Connector(1)),
        so(Kind::ImportFailed, Subject::Connector(2)),
    ];
    for round in 0..5 {
        let heeded = bench.engine().heed_conditions(&conditions).unwrap();
        assert_eq!(heeded.opened, if round == 0 { 2 } else { 0 });
        bench.pass(30_000);
        if round == 2 {
            bench.restart();
        }
    }
    assert_eq!((open(&bench).len(), told(&bench)), (2, 2));
    let row = &open(&bench)[0];
    assert_eq!(row.what["code"], "SourceUnreachable");
    assert_eq!((row.what["count"].as_u64(), row.times), (Some(3), 1));
}

#[test]
fn what_ends_is_closed_and_what_soon_comes_back_is_the_same() {
    let bench = Bench::new();
    let all = [so(Kind::ImportFailed, Subject::Connector(1))];
    bench.engine().heed_conditions(&all).unwrap();
    let first = open(&bench)[0].id;
    bench.pass(1_000);
    let heeded = bench.engine().heed_conditions(&[]).unwrap();
    assert_eq!((heeded.closed, open(&bench).len()), (1, 0));
    bench.pass(SAME_MS);
    bench.engine().heed_conditions(&all).unwrap();
    let again = open(&bench);
    assert_eq!((again[0].id, again[0].times, told(&bench)), (first, 2, 1));
    bench.pass(1);
    bench.engine().heed_conditions(&[]).unwrap();
    bench.pass(SAME_MS + 1);
    bench.engine().heed_conditions(&all).unwrap();
    let later = open(&bench);
    assert!(later[0].id > first, "a new one");
    assert_eq!((later[0].times, told(&bench)), (1, 2));
}

#[test]
fn what_is_told_otherwise_sends_no_message() {
    let bench = Bench::new();
    let all = [
        so(Kind::JobQuarantined, Subject::Job(1)),
        so(Kind::HighProcessor, Subject::Server),
    ];
    bench.engine().heed_conditions(&all).unwrap();
    assert_eq!((open(&bench).len(), told(&bench)), (2, 0));
}

#[test]
fn somebody_knows_of_it_until_it_ends() {
    let bench = Bench::new();
    let e = bench.engine();
    e.heed_conditions(&[so(Kind::DiskNearlyFull, Subject::Server)])
        .unwrap();
    let id = open(&bench)[0].id;
    let known = e.acknowledge_alert(id, "ada", "a disk is ordered").unwrap();
    assert_eq!(known.acknowledged_by.as_deref(), Some("ada"));
    assert_eq!(known.note.as_deref(), Some("a disk is ordered"));
    assert_eq!(known.closed_at, None);
    let trail = e.audit_trail(None, 1).unwrap();
    assert_eq!(
        (trail[0].actor.as_str(), trail[0].act.as_str()),
        ("ada", "acknowledge alert")
    );
    bench.pass(1);
    e.heed_conditions(&[]).unwrap();
    let why = e.acknowledge_alert(id, "ada", "").unwrap_err();
    assert_eq!(why.refusal().code, Code::Conflict);
    assert_eq!(
        e.acknowledge_alert(99, "ada", "")
            .unwrap_err()
            .refusal()
            .code,
        Code::NotFound
    );
    let ended = e.alert(id).unwrap();
    assert_eq!(ended.closed_why.as_deref(), Some("ended"));
}

#[test]
fn what_nobody_can_look_at_is_closed_after_three_days() {
    let bench = Bench::new();
    let e = bench.engine();
    e.heed_conditions(&[so(Kind::NoAgent, Subject::Connector(1))])
        .unwrap();
    bench.pass(FORGOTTEN_MS);
    assert_eq!(e.forget_alerts().unwrap(), 0);
    bench.pass(1);
    assert_eq!(e.forget_alerts().unwrap(), 1);
    let all = e.alerts(AlertView::Closed, None, 10).unwrap();
    assert_eq!(all[0].closed_why.as_deref(), Some("forgotten"));
}
