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

#[test]
fn revoking_and_removing_an_agent_show_it_and_ask() {
    let list = world().json(&["agent", "list"]);
    let name = list["items"][0]["name"].as_str().unwrap().to_owned();
    for verb in ["revoke", "remove"] {
        // Nobody can be asked here.
        let ran = world().ask(&["agent", verb, &name]);
        assert_eq!(ran.code, 1, "{verb}: {ran:?}");
        assert!(ran.err.contains(&name), "{verb} shows it: {}", ran.err);
        let way_out = format!("add --yes to {verb} this agent without being asked");
        assert!(ran.err.contains(&way_out), "{verb}: {}", ran.err);
    }
    let after = world().json(&["agent", "list"]);
    assert_eq!(after["items"][0]["name"], name.as_str());
    assert_ne!(after["items"][0]["state"], "revoked", "nothing was done");
}
