//! What is not believed is not installed, and is told on both sides with its code.

use std::{fs, process::Command};

use scenarios::processes::program;
use serde_json::{Value, json};

use super::machine::{Machine, Plane, until, working};

/// Refused with this code and these words, on both sides, and the agent goes on as it was.
fn is_refused(plane: &Plane, machine: &Machine, code: &str, words: &str) {
    let output = machine.updater("apply", None);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(code) && told.contains(words), "{told}");
    assert_eq!(output.status.code(), Some(1), "{told}");
    let known = plane.update_of(&machine.name);
    assert_eq!(
        (known["phase"].as_str(), known["code"].as_str()),
        (Some("refused"), Some(code)),
        "{known}"
    );
    assert_eq!(known["hasTurn"], false);
    let status = machine.status();
    assert_eq!(status["installed"], "0.0.1");
    assert_eq!(status["last"]["code"], code);
    machine.is_heard_as(plane, "0.0.1");
}

#[test]
fn what_is_forged_tampered_with_replayed_or_expired_is_not_installed() {
    let plane = Plane::start();
    let machine = Machine::new(&plane, "dc1", &json!({}));
    let manifest = plane.channel().join("manifest.json");
    // Signed by somebody else.
    let other = plane.dir.path().join("other.key");
    let made = Command::new(program("hybridge-release"))
        .arg("key")
        .arg("--out")
        .arg(&other)
        .output();
    assert!(made.unwrap().status.success());
    plane.publish_with(&other, "0.0.2", &working("0.0.2"), &["--serial", "10"]);
    is_refused(
        &plane,
        &machine,
        "UpdateUntrusted",
        "no key of this machine",
    );
    // Changed after it was signed.
    plane.publish_as("0.0.2", &working("0.0.2"), &["--serial", "10"]);
    let genuine = fs::read_to_string(&manifest).unwrap();
    let mut envelope: Value = serde_json::from_str(&genuine).unwrap();
    let payload = envelope["payload"].as_str().unwrap().to_owned();
    envelope["payload"] = format!("{}A{}", &payload[..20], &payload[21..]).into();
    fs::write(&manifest, envelope.to_string()).unwrap();
    is_refused(&plane, &machine, "UpdateUntrusted", "not believed");
    // The program swapped for another of the same size, and cut off, and longer than was signed.
    fs::write(&manifest, &genuine).unwrap();
    let file = fs::read_dir(plane.channel())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = file
        .filter(|path| path.file_name().unwrap() != "manifest.json")
        .last()
        .unwrap();
    let content = fs::read(&file).unwrap();
    for wrong in [
        content.iter().map(|byte| byte ^ 1).collect(),
        content[..10].to_vec(),
        [content.clone(), content.clone()].concat(),
    ] {
        fs::write(&file, wrong).unwrap();
        is_refused(
            &plane,
            &machine,
            "UpdateUntrusted",
            "not the one that was signed",
        );
    }
    fs::remove_file(&file).unwrap();
    let missing = machine.updater("apply", None);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("NotFound"));
    // An older manifest than was seen, although its version is newer.
    plane.publish_as("0.0.3", &working("0.0.3"), &["--serial", "9"]);
    is_refused(&plane, &machine, "UpdateStale", "number 10 was seen");
    // One that nobody renewed.
    plane.publish_as(
        "0.0.3",
        &working("0.0.3"),
        &["--serial", "11", "--days", "0"],
    );
    is_refused(&plane, &machine, "UpdateStale", "good until");
    // One of another channel in this one's place.
    plane.publish_as(
        "0.0.3",
        &working("0.0.3"),
        &["--serial", "12", "--channel", "beta"],
    );
    is_refused(&plane, &machine, "UpdateUntrusted", "channel beta");
    // And after all of it the genuine one.
    plane.publish_as("0.0.3", &working("0.0.3"), &["--serial", "13"]);
    machine.updates();
    machine.is_heard_as(&plane, "0.0.3");
}

#[test]
fn without_a_key_or_with_a_damaged_memory_nothing_is_installed_and_the_service_says_so() {
    let plane = Plane::start();
    let machine = Machine::new(&plane, "dc1", &json!({"checkEverySeconds": 1}));
    plane.publish("0.0.2");
    let keys = fs::read_to_string(machine.path("keys")).unwrap();
    fs::write(machine.path("keys"), "# none\n").unwrap();
    is_refused(&plane, &machine, "ConfigurationInvalid", "names no key");
    // The service goes on asking, and installs it as soon as it may.
    let mut service = machine.updater_command("run", None);
    let mut service = service.stderr(std::process::Stdio::null()).spawn().unwrap();
    until("the service runs", || machine.status()["isRunning"] == true);
    fs::write(machine.path("keys"), keys).unwrap();
    machine.is_heard_as(&plane, "0.0.2");
    until("it is told", || {
        plane.update_of("dc1")["program"] == "0.0.2"
    });
    let doctor = |name: &str| {
        let found = plane.run(&["agent", "doctor", "dc1"]);
        // One document, although the domain controller is not there.
        let found: Value = serde_json::from_slice(&found.stdout).unwrap();
        let check = found["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == "updater")
            .unwrap()
            .clone();
        check[name].as_str().unwrap_or_default().to_owned()
    };
    until("the doctor is content", || doctor("state") == "ok");
    let ended = Command::new("kill").arg(service.id().to_string()).status();
    assert!(ended.unwrap().success() && service.wait().unwrap().success());
    assert_eq!(doctor("cause"), "updater-stopped");
    fs::write(machine.path("updater/updater.json"), "{").unwrap();
    let damaged = machine.updater("apply", None);
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("damaged"));
    assert_eq!(damaged.status.code(), Some(1));
}
