//! Keeping agents: drained, resumed, assigned.

use crate::world::world;

#[test]
fn an_agent_is_drained_resumed_and_assigned() {
    let list = world().json(&["agent", "list"]);
    let name = list["items"][0]["name"].as_str().unwrap().to_owned();
    let drained = world().json(&["agent", "drain", &name]);
    assert_eq!(drained["state"], "drained", "{drained}");
    assert!(drained["drainedAt"].is_string());
    let resumed = world().json(&["agent", "resume", &name]);
    assert_eq!(resumed["state"], "connected", "{resumed}");
    let assigned = world().json(&["agent", "assign", &name, "--connector", "canal"]);
    assert_eq!(assigned["assigned"], serde_json::json!(["canal"]));
    // It serves what it is assigned to, at once.
    let test = world().json(&["connector", "test", "canal"]);
    assert_eq!(test["domain"], "canal.example");
    let any = world().json(&["agent", "assign", &name, "--any"]);
    assert_eq!(any["assigned"], serde_json::json!([]));
    let audit = world().ask(&["audit"]).out;
    for act in ["drain agent", "resume agent", "assign agent"] {
        assert!(audit.contains(act), "{act} is not in the audit trail");
    }
    for arguments in [
        &["agent", "drain", "nobody"][..],
        &["agent", "resume", "nobody"],
        &["agent", "remove", "nobody"],
        &["agent", "assign", "nobody", "--any"],
        &["agent", "assign", &name, "--connector", "nobody"],
    ] {
        let ran = world().ask(arguments);
        assert!(
            ran.err.contains("error[NotFound]"),
            "{arguments:?} {}",
            ran.err
        );
    }
    let nothing = world().ask(&["agent", "assign", &name]);
    assert_eq!(nothing.code, 1, "{nothing:?}");
}
