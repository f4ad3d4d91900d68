//! Updates of agents: one at a time, over restarts, for so long and no longer; and what failed is given to nobody.

use engine::{Certificate, NewAgent, UpdateNote, UpdateRow};
use sync_core::{
    id::AgentId,
    update::{Policy, Wait},
};

use super::bench::Bench;

const TURN: i64 = 900_000;

fn agent(bench: &Bench, name: &str) -> AgentId {
    let new = NewAgent {
        name: name.into(),
        granted: Vec::new(),
        certificate: Certificate {
            authority: String::new(),
            fingerprint: name.into(),
            not_before: 0,
            not_after: i64::MAX,
        },
        facts: serde_json::json!({}),
    };
    bench.engine().add_agent(&new).unwrap()
}

fn turn(bench: &Bench, agent: AgentId, version: &str) -> Result<(), Wait> {
    let engine = bench.engine();
    engine.take_update_turn(agent, version, TURN).unwrap()
}

fn says(bench: &Bench, agent: AgentId, phase: &str, version: &str) {
    let note = UpdateNote {
        updater: "1.0.0".into(),
        program: "1.0.0".into(),
        phase: phase.into(),
        version: version.into(),
        ..UpdateNote::default()
    };
    bench.engine().note_update(agent, &note).unwrap();
}

fn row(bench: &Bench, name: &str) -> UpdateRow {
    let all = bench.engine().agent_updates().unwrap();
    all.into_iter().find(|row| row.agent == name).unwrap()
}

#[test]
fn one_agent_has_its_turn_until_it_is_done_or_its_time_is_over() {
    let mut bench = Bench::new();
    let (one, two) = (agent(&bench, "one"), agent(&bench, "two"));
    assert_eq!(turn(&bench, one, "1.0.1"), Ok(()));
    assert_eq!(turn(&bench, two, "1.0.1"), Err(Wait::Turn("one".into())));
    // Whoever has it may ask again, and a restart of the server gives it to nobody else.
    bench.restart();
    assert_eq!(turn(&bench, one, "1.0.1"), Ok(()));
    says(&bench, one, "watching", "1.0.1");
    assert_eq!(turn(&bench, two, "1.0.1"), Err(Wait::Turn("one".into())));
    assert!(row(&bench, "one").turn_until.is_some());
    says(&bench, one, "updated", "1.0.1");
    assert_eq!(row(&bench, "one").turn_until, None);
    assert_eq!(turn(&bench, two, "1.0.1"), Ok(()));
    // An updater that died holds up nobody for ever.
    assert_eq!(turn(&bench, one, "1.0.2"), Err(Wait::Turn("two".into())));
    bench.pass(TURN);
    assert_eq!(turn(&bench, one, "1.0.2"), Ok(()));
    // Nor does an agent that is revoked meanwhile.
    bench.engine().revoke_agent("one").unwrap();
    assert_eq!(turn(&bench, two, "1.0.2"), Ok(()));
}

#[test]
fn a_version_that_failed_on_one_agent_is_given_to_nobody_until_somebody_says_so() {
    let mut bench = Bench::new();
    let (one, two) = (agent(&bench, "one"), agent(&bench, "two"));
    assert_eq!(turn(&bench, one, "1.0.1"), Ok(()));
    says(&bench, one, engine::UPDATE_RETURNED, "1.0.1");
    bench.restart();
    for agent in [one, two] {
        assert_eq!(
            turn(&bench, agent, "1.0.1"),
            Err(Wait::Failed("one".into()))
        );
    }
    assert_eq!(row(&bench, "one").failed, ["1.0.1"]);
    assert_eq!(turn(&bench, two, "1.0.2"), Ok(()));
    assert_eq!(bench.engine().retry_update("1.0.9", "ada").unwrap(), 0);
    assert_eq!(bench.engine().retry_update("1.0.1", "ada").unwrap(), 1);
    says(&bench, two, "idle", "");
    assert_eq!(turn(&bench, one, "1.0.1"), Ok(()));
}

#[test]
fn the_wishes_are_as_they_were_set_and_at_first_as_usual() {
    let mut bench = Bench::new();
    assert_eq!(bench.engine().update_policy().unwrap(), Policy::default());
    let wishes = Policy {
        enabled: false,
        pin: Some("1.0.1".into()),
        ..Policy::default()
    };
    bench.engine().set_update_policy(&wishes, "ada").unwrap();
    bench.restart();
    assert_eq!(bench.engine().update_policy().unwrap(), wishes);
}
