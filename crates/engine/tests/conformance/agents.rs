//! Agents, certificates, one-time tokens, names that are taken.

use engine::{Certificate, JobState, NewAgent, NewConnector};
use sync_core::code::Code;

use super::bench::{Bench, START};

fn certificate(fingerprint: &str, not_after: i64) -> Certificate {
    Certificate {
        authority: String::new(),
        fingerprint: fingerprint.into(),
        not_before: START,
        not_after,
    }
}

fn new_agent(name: &str, fingerprint: &str) -> NewAgent {
    NewAgent {
        name: name.into(),
        granted: vec!["source".into()],
        certificate: certificate(fingerprint, START + 1_000),
        facts: serde_json::json!({ "version": "1" }),
    }
}

#[test]
fn a_token_works_once_and_not_after_its_time() {
    let bench = Bench::new();
    let e = bench.engine();
    e.add_enrolment_token("h1", &["source".into()], START + 1_000)
        .unwrap();
    e.add_enrolment_token("h2", &[], START + 1_000).unwrap();
    assert_eq!(e.take_enrolment_token("other").unwrap(), None);
    assert_eq!(
        e.take_enrolment_token("h1").unwrap(),
        Some(vec!["source".into()])
    );
    assert_eq!(e.take_enrolment_token("h1").unwrap(), None);
    bench.pass(1_000);
    assert_eq!(e.take_enrolment_token("h2").unwrap(), None);
}

#[test]
fn a_renewed_certificate_stands_beside_the_one_before_until_that_expires() {
    let bench = Bench::new();
    let e = bench.engine();
    let id = e.add_agent(&new_agent("a", "f1")).unwrap();
    e.add_certificate(id, &certificate("f2", START + 9_000))
        .unwrap();
    for fingerprint in ["f1", "f2"] {
        let row = e.agent_by_fingerprint(fingerprint).unwrap().unwrap();
        assert_eq!(
            (row.id, row.certificate.fingerprint.as_str()),
            (id, fingerprint)
        );
    }
    assert_eq!(e.agents().unwrap().len(), 1);
    assert_eq!(e.agents().unwrap()[0].certificate.fingerprint, "f2");
    bench.pass(2_000);
    e.add_certificate(id, &certificate("f3", START + 9_000))
        .unwrap();
    assert!(e.agent_by_fingerprint("f1").unwrap().is_none());
    assert!(e.agent_by_fingerprint("f2").unwrap().is_some());
}

#[test]
fn a_revoked_agent_is_known_as_such_by_each_of_its_certificates() {
    let bench = Bench::new();
    let e = bench.engine();
    let id = e.add_agent(&new_agent("a", "f1")).unwrap();
    e.add_certificate(id, &certificate("f2", START + 9_000))
        .unwrap();
    assert!(e.revoke_agent("a").unwrap());
    assert!(!e.revoke_agent("a").unwrap());
    assert!(!e.revoke_agent("nobody").unwrap());
    for fingerprint in ["f1", "f2"] {
        let row = e.agent_by_fingerprint(fingerprint).unwrap().unwrap();
        assert_eq!(row.revoked_at, Some(START));
    }
}

#[test]
fn signs_of_life_add_to_what_is_known() {
    let bench = Bench::new();
    let e = bench.engine();
    let id = e.add_agent(&new_agent("a", "f1")).unwrap();
    bench.pass(5_000);
    e.touch_agent(id, &serde_json::json!({ "host": "h" }))
        .unwrap();
    let row = e.agent_by_fingerprint("f1").unwrap().unwrap();
    assert_eq!(
        row.facts,
        serde_json::json!({ "version": "1", "host": "h" })
    );
    assert_eq!(
        (row.last_seen, row.granted),
        (Some(START + 5_000), vec!["source".to_owned()])
    );
}

#[test]
fn a_name_is_given_once_and_what_is_not_there_is_named() {
    let bench = Bench::new();
    let e = bench.engine();
    let again = NewConnector {
        name: "source".into(),
        kind: "ad".into(),
        config: serde_json::json!({}),
    };
    assert_eq!(
        e.create_connector(&again).unwrap_err().refusal().code,
        Code::Conflict
    );
    let missing = e.connector_named("nothing").unwrap_err().refusal();
    assert_eq!(
        (missing.code, missing.argument("name")),
        (Code::NotFound, Some("nothing"))
    );
    assert_eq!(e.job_named("job").unwrap().id, bench.job_id);
    assert_eq!(e.job_named(&bench.job().guid).unwrap().id, bench.job_id);
    assert_eq!(bench.job().state, JobState::Paused);
    e.set_job_state(bench.job_id, JobState::Active).unwrap();
    assert_eq!(bench.job().state, JobState::Active);
}

#[test]
fn settings_outlive_a_restart() {
    let mut bench = Bench::new();
    assert_eq!(bench.engine().setting("k").unwrap(), None);
    bench.engine().set_setting("k", "1").unwrap();
    bench.engine().set_setting("k", "2").unwrap();
    bench.restart();
    assert_eq!(bench.engine().setting("k").unwrap().as_deref(), Some("2"));
}

#[test]
fn an_agent_is_drained_assigned_and_removed() {
    let bench = Bench::new();
    let e = bench.engine();
    let id = e.add_agent(&new_agent("a", "f1")).unwrap();
    let row = || e.agent_by_fingerprint("f1").unwrap().unwrap();
    assert!(e.drain_agent(id, true).unwrap());
    assert!(!e.drain_agent(id, true).unwrap());
    assert_eq!(row().drained_at, Some(START));
    assert!(e.drain_agent(id, false).unwrap());
    assert!(!e.drain_agent(id, false).unwrap());
    assert_eq!(row().drained_at, None);
    // Every assignment has a number of its own.
    let first = e.assign_agent(id, &["people".into()]).unwrap();
    assert_eq!(row().granted, ["people"]);
    assert_eq!(e.assign_agent(id, &[]).unwrap(), first + 1);
    assert_eq!(row().granted, Vec::<String>::new());
    // It is listed no longer, and its certificate is still known, as one that is refused.
    e.remove_agent(id).unwrap();
    assert!(e.agents().unwrap().is_empty());
    assert_eq!(row().revoked_at, Some(START));
    assert!(!e.revoke_agent("a").unwrap());
}
