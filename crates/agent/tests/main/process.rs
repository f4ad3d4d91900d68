//! The binary itself.

use std::{path::Path, process::Stdio};

use server::desk::DeskLimits;
use tokio::process::Command;

use crate::lab::*;

fn agent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge-agent"));
    command
        .env_remove("HYBRIDGE_ENROLMENT_TOKEN")
        .kill_on_drop(true)
        .stdin(Stdio::null());
    command
}

fn settings(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("agent.json");
    // A port nobody listens on: the source cannot be reached.
    let text = r#"{"connectors":[{"name":"canal","kind":"ad","settings":{
        "urls":["ldaps://127.0.0.1:1"],"bind":"sync@canal.example","secret":{"environment":"HYBRIDGE_TEST_SECRET"}}}]}"#;
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn a_wrong_argument_is_for_the_person_to_change() {
    let output = agent().arg("--nonsense").output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let help = agent().arg("--help").output().await.unwrap();
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes"));
}

#[tokio::test]
// LONG: one story, told in order.
async fn enrols_checks_runs_and_stops() {
    let lab = Lab::start(DeskLimits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    std::fs::write(home.join("ca.pem"), lab.authority.pem()).unwrap();
    std::fs::write(home.join("token"), lab.token(SOON) + "\n").unwrap();
    let config = settings(home);

    let mut run = agent();
    run.arg("run")
        .arg("--config")
        .arg(&config)
        .arg("--data-dir")
        .arg(home.join("data"));
    let early = run.output().await.unwrap();
    assert_eq!(early.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&early.stderr).contains("hybridge-agent enrol"));

    let enrol = |server: String| {
        let mut command = agent();
        command.args(["enrol", "--server", &server, "--name", "ams-1"]);
        command
            .arg("--ca")
            .arg(home.join("ca.pem"))
            .arg("--data-dir")
            .arg(home.join("data"));
        command
    };
    let untold = enrol(lab.url()).output().await.unwrap();
    assert_eq!(untold.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&untold.stderr).contains("HYBRIDGE_ENROLMENT_TOKEN"));
    let token = home.join("token");
    let done = enrol(lab.url())
        .arg("--token-file")
        .arg(&token)
        .output()
        .await
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let again = enrol(lab.url())
        .arg("--token-file")
        .arg(&token)
        .output()
        .await
        .unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("EnrolmentRefused"));

    let mut check = agent();
    check
        .arg("check")
        .arg("--json")
        .arg("--config")
        .arg(&config);
    check
        .arg("--data-dir")
        .arg(home.join("data"))
        .env("HYBRIDGE_TEST_SECRET", "x");
    let checked = check.output().await.unwrap();
    assert_eq!(checked.status.code(), Some(1));
    let all: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(all[0]["is_ok"], true, "{all}");
    assert_eq!(all[1]["subject"], "canal");
    assert_eq!(all[1]["code"], "SourceUnreachable", "{all}");

    let mut running = run.stderr(Stdio::piped()).spawn().unwrap();
    let id = sync_core::id::AgentId(1);
    lab.hears(id).await;
    let beat = lab.directory.last_beat(id).unwrap();
    assert!(beat.memory_bytes > 0);
    let pid = running.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    let ended = tokio::time::timeout(SOON, running.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.code(), Some(0));
}
