//! The provisioning log as an administrator uses it: filters, steps, export, retention.

use std::collections::BTreeSet;

use crate::world::world;

#[test]
fn a_record_tells_its_steps_and_is_found_by_its_change() {
    let page = world().json(&[
        "log", "--action", "create", "--status", "success", "--limit", "1",
    ]);
    let record = &page["items"][0];
    let kinds: Vec<&str> = record["provisioningSteps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["provisioningStepType"].as_str().unwrap())
        .collect();
    assert!(
        kinds.starts_with(&["import", "scoping", "matching", "processing"]),
        "{kinds:?}"
    );
    assert_eq!(kinds.last(), Some(&"export"));
    let steps = &record["provisioningSteps"];
    assert_eq!(
        steps[1]["details"]["IsInProvisioningScopeDisplayName"],
        "True"
    );
    assert_eq!(steps[0]["name"], "EntryImportAdd");
    assert_eq!(
        steps[0]["details"]["objectGUID"],
        record["sourceIdentity"]["id"]
    );
    assert!(!steps[3]["details"].as_object().unwrap().is_empty());
    let own = world().json(&["log", "--change", record["changeId"].as_str().unwrap()]);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!(own["items"][0]["id"], record["id"]);
    let of_cycle = world().json(&[
        "log",
        "--cycle",
        record["cycleId"].as_str().unwrap(),
        "--limit",
        "3",
    ]);
    assert!(!of_cycle["items"].as_array().unwrap().is_empty());
    let skipped = world().json(&["log", "--action", "skip", "--limit", "1"]);
    let steps = &skipped["items"][0]["provisioningSteps"];
    assert_eq!(steps[1]["status"], "skipped", "{skipped}");
    assert!(
        steps[1]["details"]["ScopeEvaluationResult"]
            .as_str()
            .unwrap()
            .len()
            > 2,
        "{skipped}"
    );
}

#[test]
fn a_failure_says_what_to_do_and_when_it_is_tried_again() {
    let page = world().json(&["log", "--status", "failure", "--limit", "1"]);
    let record = &page["items"][0];
    assert!(
        !record["problem"]["cure"].as_str().unwrap().is_empty(),
        "{record}"
    );
    let export = record["provisioningSteps"]
        .as_array()
        .unwrap()
        .last()
        .unwrap();
    assert_eq!(
        (
            export["provisioningStepType"].as_str(),
            export["status"].as_str()
        ),
        (Some("export"), Some("failure"))
    );
    assert!(
        export["description"].as_str().unwrap().contains("retried"),
        "{export}"
    );
}

#[test]
fn the_log_is_exported_as_three_files_and_as_lines() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("csv");
    let ran = world().ask(&[
        "log",
        "export",
        "--status",
        "success",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let file = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    // The number in a change's id has no comma and no quote, so the first cell can be cut off.
    let changes = |text: &str| -> BTreeSet<String> {
        let lines = text.split("\r\n").skip(1).filter(|line| !line.is_empty());
        lines
            .filter_map(|line| Some(line.split_once(',')?.0.to_owned()))
            .collect()
    };
    let main = file("ProvisioningLogs.csv");
    assert!(main.starts_with("ChangeId,Id,ActivityDateTime,"));
    let all = changes(&main);
    assert!(all.len() > 50, "{}", all.len());
    assert_eq!(
        changes(&file("ProvisioningLogs_ProvisioningSteps.csv")),
        all
    );
    assert!(changes(&file("ProvisioningLogs_ModifiedProperties.csv")).is_subset(&all));

    let ran = world().ask(&["log", "export", "--form", "jsonl", "--status", "success"]);
    let ids: BTreeSet<String> = ran
        .out
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["changeId"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(ids.is_superset(&all), "{} {}", ids.len(), all.len());
    let ran = world().ask(&["log", "export"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("--out"), "{}", ran.err);
}

#[test]
fn retention_is_shown_and_changed_within_limits() {
    let before = world().json(&["log", "retention"]);
    assert_eq!(
        (before["days"].as_u64(), before["megabytes"].as_u64()),
        (Some(30), Some(2_000))
    );
    assert!(
        before["records"].as_u64().unwrap() > 50 && before["oldest"].is_string(),
        "{before}"
    );
    let after = world().json(&["log", "retention", "--days", "90", "--megabytes", "500"]);
    assert_eq!(
        (after["days"].as_u64(), after["megabytes"].as_u64()),
        (Some(90), Some(500))
    );
    assert!(
        world()
            .json(&["audit"])
            .to_string()
            .contains("change log retention")
    );
    world().json(&["log", "retention", "--days", "30", "--megabytes", "2000"]);
    assert_ne!(world().ask(&["log", "retention", "--days", "0"]).code, 0);
}
