//! The course of updates: the good one, deaths at every step, versions that are not healthy, one agent at a time, wishes.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::json;

use super::machine::{Machine, Plane, as_version, until, working};

#[test]
fn a_version_that_is_offered_is_installed_and_what_is_older_is_not() {
    let plane = Plane::start();
    let machine = Machine::new(&plane, "dc1", &json!({}));
    assert_eq!(
        machine.apply(),
        ("idle".into(), "nothing is offered".into())
    );
    plane.publish("0.0.2");
    machine.updates();
    machine.is_heard_as(&plane, "0.0.2");
    let told = plane.update_of("dc1");
    assert_eq!(
        (told["phase"].as_str(), told["program"].as_str()),
        (Some("updated"), Some("0.0.2")),
        "{told}"
    );
    assert_eq!(machine.apply().0, "idle");
    // Nothing goes back by a release, however new it is.
    plane.publish("0.0.1");
    assert_eq!(
        machine.apply(),
        ("idle".into(), "nothing newer is offered".into())
    );
    assert_eq!(machine.status()["installed"], "0.0.2");
    // A version that may not be jumped to.
    plane.publish_as("0.0.5", &working("0.0.5"), &["--minimum", "0.0.4"]);
    let (phase, text) = machine.apply();
    assert!(phase == "waiting" && text.contains("0.0.4"), "{text}");
    // A package that is newer wins, and the service goes on by itself.
    machine.package("0.0.9");
    assert!(machine.updater("adopt", None).status.success());
    machine.is_heard_as(&plane, "0.0.9");
}

#[test]
fn an_updater_that_dies_at_any_step_brings_it_to_an_end_afterwards() {
    let plane = Plane::start();
    let machine = Machine::new(&plane, "dc1", &json!({}));
    let steps = [
        "part",
        "fetched",
        "settling",
        "settled",
        "switching",
        "switched",
        "restarted",
        "watching",
        "healthy",
    ];
    for (number, step) in steps.iter().enumerate() {
        let version = format!("0.1.{number}");
        plane.publish_as(
            &version,
            &working(&version),
            &["--serial", &format!("{}", 100 + number)],
        );
        let died = machine.updater("apply", Some(&format!("updater.{step}")));
        assert_eq!(
            died.status.code(),
            None,
            "{step}: it did not die: {}",
            String::from_utf8_lossy(&died.stderr)
        );
        machine.updates();
        machine.is_heard_as(&plane, &version);
        assert_eq!(machine.status()["step"], json!(null), "{step}");
    }
    let good = format!("0.1.{}", steps.len() - 1);
    machine.has_to_be_healthy_within(2);
    for (number, step) in ["returning", "returned"].iter().enumerate() {
        let version = format!("0.2.{number}");
        plane.publish_as(
            &version,
            &as_version(&version, "exec sleep 1000"),
            &["--serial", &format!("{}", 200 + number)],
        );
        let died = machine.updater("apply", Some(&format!("updater.{step}")));
        assert_eq!(
            died.status.code(),
            None,
            "{step}: {}",
            String::from_utf8_lossy(&died.stderr)
        );
        assert_eq!(machine.apply().0, "returned", "{step}");
        machine.is_heard_as(&plane, &good);
        assert!(
            machine.status()["failed"]
                .as_array()
                .unwrap()
                .contains(&json!(version)),
            "{step}"
        );
    }
}

#[test]
fn a_version_that_does_not_become_healthy_is_taken_back_and_given_to_nobody_else() {
    let plane = Plane::start();
    let first = Machine::new(&plane, "dc1", &json!({}));
    let second = Machine::new(&plane, "dc2", &json!({}));
    first.has_to_be_healthy_within(2);
    plane.publish_as(
        "0.0.2",
        &as_version("0.0.2", "exec sleep 1000"),
        &["--serial", "1"],
    );
    let (phase, text) = first.apply();
    assert!(
        phase == "returned" && text.contains("did not become healthy"),
        "{phase} {text}"
    );
    first.is_heard_as(&plane, "0.0.1");
    let told = plane.update_of("dc1");
    assert_eq!(
        (told["code"].as_str(), told["failed"][0].as_str()),
        (Some("UpdateReturned"), Some("0.0.2")),
        "{told}"
    );
    let (phase, text) = first.apply();
    assert!(
        phase == "waiting" && text.contains("not tried again"),
        "{phase} {text}"
    );
    let (phase, text) = second.apply();
    assert!(phase == "waiting" && text.contains("dc1"), "{phase} {text}");
    // One that ends at once, and one that is not what it says.
    plane.publish_as("0.0.3", &as_version("0.0.3", "exit 1"), &["--serial", "2"]);
    assert_eq!(first.apply().0, "returned");
    plane.publish_as("0.0.4", &working("9.9.9"), &["--serial", "3"]);
    let refused = first.updater("apply", None);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("says that it is version 9.9.9"));
    first.is_heard_as(&plane, "0.0.1");
    first.has_to_be_healthy_within(60);
    // The next version is welcome again; and so is a failed one where an administrator wants it.
    plane.publish_as("0.0.5", &working("0.0.5"), &["--serial", "4"]);
    first.updates();
    assert!(
        !plane
            .run(&["agent", "updates", "retry", "0.0.9"])
            .status
            .success()
    );
    plane.ask(&["agent", "updates", "retry", "0.0.2"]);
    plane.publish_as("0.0.2", &working("0.0.2"), &["--serial", "5"]);
    second.updates();
    // And back on demand.
    assert!(second.updater("rollback", None).status.success());
    second.is_heard_as(&plane, "0.0.1");
    assert_eq!(second.apply().0, "waiting");
}

#[test]
fn two_agents_are_updated_one_after_the_other() {
    let plane = Plane::start();
    let slow = Machine::new(&plane, "slow", &json!({"settleSeconds": 4}));
    let other = Machine::new(&plane, "other", &json!({}));
    plane.publish("0.0.2");
    let mut updating = slow
        .updater_command("apply", None)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the first has its turn", || {
        plane.update_of("slow")["hasTurn"] == true
    });
    let (phase, text) = other.apply();
    assert_eq!(
        (phase.as_str(), text.as_str()),
        ("waiting", "agent slow is being updated")
    );
    // While it works, nobody else works in its folder.
    let busy = slow.updater("apply", None);
    assert!(String::from_utf8_lossy(&busy.stderr).contains("another updater"));
    assert_eq!(busy.status.code(), Some(1));
    assert!(updating.wait().unwrap().success());
    slow.is_heard_as(&plane, "0.0.2");
    assert_eq!(plane.update_of("slow")["hasTurn"], false);
    other.updates();
    other.is_heard_as(&plane, "0.0.2");
}

#[test]
fn the_wishes_of_the_administrator_decide_when_and_to_what() {
    let plane = Plane::start();
    let machine = Machine::new(&plane, "dc1", &json!({}));
    plane.publish("0.0.2");
    let set = |words: &[&str]| plane.ask(&[&["agent", "updates", "set"], words].concat());
    let waits = |because: &str| {
        let (phase, text) = machine.apply();
        assert!(
            phase == "waiting" && text.contains(because),
            "{phase} {text}"
        );
        assert_eq!(plane.update_of("dc1")["text"], text.as_str());
    };
    set(&["--enabled", "off"]);
    waits("switched off");
    set(&["--enabled", "on", "--pin", "0.0.3"]);
    waits("0.0.3");
    set(&["--pin", "none", "--defer-until", "2999-01-01T00:00:00Z"]);
    waits("deferred");
    // A window that was closed an hour ago and opens in ten.
    let now = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .hour();
    let hour = |later: i8| format!("{:02}:00", (now + later) % 24);
    let policy = set(&[
        "--defer-until",
        "none",
        "--window",
        &format!("{}-{}", hour(10), hour(12)),
    ]);
    assert_eq!(policy["policy"]["zone"], "UTC");
    waits("begin between");
    set(&[
        "--window",
        &format!("{}-{}", hour(23), hour(2)),
        "--pin",
        "0.0.2",
    ]);
    machine.updates();
    machine.is_heard_as(&plane, "0.0.2");
    let audit = plane.ask(&["audit"]);
    let acts = audit["items"].as_array().unwrap().iter();
    assert_eq!(
        acts.filter(|one| one["act"] == "change updates of agents")
            .count(),
        5
    );
}

#[test]
fn time_in_which_the_control_plane_is_away_is_not_held_against_a_version() {
    const WITHIN: u64 = 10;
    let mut plane = Plane::start();
    let machine = Machine::new(&plane, "dc1", &json!({ "healthyWithinSeconds": WITHIN }));
    let (gone, back) = (machine.path("gone"), machine.path("back"));
    // The switch waits at the restart until the control plane is gone, and the new version begins when it is back.
    let wait = |file: &Path| format!("while [ ! -e {} ]; do sleep 0.1; done", file.display());
    let later = working("0.0.2").replace("exec ", &format!("{}\nexec ", wait(&back)));
    plane.publish_as("0.0.2", &later, &[]);
    machine.restarts_by(&wait(&gone));
    let mut updating = machine.updater_command("apply", None);
    let mut updating = updating.stdout(Stdio::null()).spawn().unwrap();
    let phase = |machine: &Machine| {
        machine.status()["step"]["phase"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    until("the switch is under way", || phase(&machine) == "switching");
    plane.kill_server();
    std::fs::write(&gone, "").unwrap();
    until("it watches", || phase(&machine) == "watching");
    let begun = Instant::now();
    until("it has watched for long", || {
        begun.elapsed() > Duration::from_secs(WITHIN + 1)
    });
    assert!(updating.try_wait().unwrap().is_none(), "it gave up");
    plane.start_server();
    std::fs::write(&back, "").unwrap();
    assert!(updating.wait().unwrap().success());
    assert_eq!(machine.status()["last"]["phase"], "updated");
    machine.is_heard_as(&plane, "0.0.2");
}
