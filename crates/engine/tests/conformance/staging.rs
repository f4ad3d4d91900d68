//! Staging over restarts: what waits is in doubt only if something could have been sent.

use engine::PendingState;
use sync_core::{code::Code, operation::Refusal};

use super::{bench::Bench, source::user};

fn planned() -> Bench {
    let bench = Bench::new();
    bench.read_full(&[user(1, "Ada")]);
    bench.plan();
    assert_eq!(bench.pending(1), PendingState::Ready);
    bench
}

#[test]
fn what_could_have_been_sent_is_in_doubt_after_a_start_and_what_could_not_is_not() {
    let mut bench = planned();
    let id = bench.job_id;
    bench.engine().stage(Some(id), "ada", None).unwrap();
    // In staging, but nobody has seen yet that nothing is on its way.
    bench.restart();
    bench.engine().doubt_ready().unwrap();
    assert_eq!(bench.pending(1), PendingState::Unknown);

    let mut bench = planned();
    bench.engine().stage(Some(id), "ada", None).unwrap();
    bench.engine().nothing_sent(id).unwrap();
    bench.restart();
    bench.engine().doubt_ready().unwrap();
    assert_eq!(bench.pending(1), PendingState::Ready);
    // From the first sending on it is again.
    bench.engine().begin_sending(id).unwrap();
    bench.engine().doubt_ready().unwrap();
    assert_eq!(bench.pending(1), PendingState::Unknown);
}

#[test]
fn staging_is_told_with_who_and_why_and_its_first_reason_stays() {
    let bench = Bench::new();
    let (e, id) = (bench.engine(), bench.job_id);
    assert!(!e.is_staged(id).unwrap());
    let why = Refusal::new(Code::FencedOff).with("server", "other");
    e.stage(Some(id), "server", Some(&why)).unwrap();
    e.stage(Some(id), "ada", None).unwrap();
    let state = e.staging().unwrap();
    assert_eq!(state.of(id).unwrap().actor, "server");
    assert_eq!(state.of(id).unwrap().why.as_ref(), Some(&why));
    e.stage(None, "ada", None).unwrap();
    e.promote(Some(id), "ada").unwrap();
    assert!(e.is_staged(id).unwrap(), "the whole server is in staging");
    e.promote(None, "ada").unwrap();
    assert!(!e.is_staged(id).unwrap());
    let acts: Vec<String> = e
        .audit_trail(None, 10)
        .unwrap()
        .into_iter()
        .map(|row| row.act)
        .collect();
    assert_eq!(acts.iter().filter(|act| *act == "promote").count(), 2);
    assert_eq!(acts.iter().filter(|act| *act == "enter staging").count(), 2);
}
