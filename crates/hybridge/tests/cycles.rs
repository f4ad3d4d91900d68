//! Cycles by command: how a job stands, what fails, what a restart needs a yes for, who is told, and codes by other names.

use crate::world::{run, world};

#[test]
fn a_job_says_how_it_stands_in_the_fields_of_the_original() {
    let world = world();
    let status = world.json(&["job", "status"]);
    assert_eq!(status["code"], "Active");
    assert_eq!(status["countSuccessiveCompleteFailures"], 0);
    assert!(status["quarantine"].is_null());
    let last = &status["lastSuccessfulExecutionWithExports"];
    assert!(last["countExported"].as_u64().unwrap() > 0, "{status}");
    let runs = world.json(&["runs", "--limit", "1000"]);
    // Before the agent was there, a cycle may not have begun.
    let mut went_well = runs["items"].as_array().unwrap().iter().rev();
    let first = went_well.find(|run| run["state"] != "failed" && run["counts"]["created"].is_u64());
    let first = first.unwrap_or_else(|| panic!("{runs}"));
    assert_eq!(first["kind"], "initial");
    let id = first["id"].as_str().unwrap();
    let log = world.json(&["log", "--cycle", id, "--limit", "5"]);
    let records = log["items"].as_array().unwrap();
    assert!(!records.is_empty());
    assert!(
        records.iter().all(|record| record["cycleId"] == id),
        "{log}"
    );
    let ran = world.ask(&["log", "--cycle", "yesterday"]);
    assert!(
        ran.code == 1 && ran.err.contains("hybridge runs"),
        "{ran:?}"
    );
}

#[test]
fn what_fails_is_listed_with_when_it_is_tried_again() {
    let world = world();
    let page = world.json(&["escrow", "list"]);
    for one in page["items"].as_array().unwrap() {
        assert!(one["problem"]["code"].is_string(), "{one}");
        let text = one["text"].as_str().unwrap();
        assert!(text.contains("will be retried again after"), "{text}");
    }
    let ran = world.ask(&["escrow", "retry"]);
    assert!(ran.code == 1 && ran.err.contains("--all"), "{ran:?}");
    let none = world.json(&["escrow", "retry", "--code", "TimeOut"]);
    assert_eq!(none["count"], 0);
    let ran = world.ask(&["escrow", "retry", "--code", "Nonsense"]);
    assert!(ran.code == 1 && ran.err.contains("not a code"), "{ran:?}");
}

#[test]
fn a_restart_names_what_it_knows_and_needs_a_yes_for_what_cannot_be_taken_back() {
    let world = world();
    let ran = world.ask(&["job", "restart", "--reset", "Everything"]);
    assert!(
        ran.code == 1 && ran.err.contains("known: None, Watermark"),
        "{ran:?}"
    );
    for flags in ["Full", "Watermark,ForceDeletes"] {
        let ran = world.ask(&["job", "restart", "--reset", flags]);
        assert!(ran.code == 1 && ran.err.contains("--yes"), "{ran:?}");
    }
    let ran = world.ask(&["job", "restart", "--reset", "escrows"]);
    assert!(ran.code == 0 && ran.out.contains("(Escrows)"), "{ran:?}");
}

#[test]
fn secrets_of_messages_are_checked_kept_and_never_shown() {
    let world = world();
    let secret = world.path().join("hook-secret");
    std::fs::write(&secret, "a-secret-of-some-length\n").unwrap();
    let secret = secret.to_str().unwrap();
    let set = |url: &str| {
        world.ask(&[
            "--json",
            "notify",
            "set",
            "--hook",
            url,
            "--hook-secret-file",
            secret,
        ])
    };
    let ran = set("http://hooks.example.org/x");
    assert!(ran.code == 1 && ran.err.contains("https://"), "{ran:?}");
    // Nobody listens there.
    let ran = set("http://127.0.0.1:1/token-in-the-path");
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = world.ask(&["--json", "notify", "show"]);
    assert!(shown.out.contains("127.0.0.1"), "{shown:?}");
    assert!(!shown.out.contains("some-length") && !shown.out.contains("token-in-the-path"));
    let ran = world.ask(&["notify", "test"]);
    assert!(
        ran.code == 1 && ran.err.contains("NotificationFailed"),
        "{ran:?}"
    );
    assert!(!ran.err.contains("token-in-the-path"), "{ran:?}");
    let off = world.json(&["notify", "off", "hook"]);
    assert!(off["hook"].is_null(), "{off}");
}

#[test]
fn a_service_account_that_works_is_left_alone() {
    let told = world().json(&["tools", "repair-account"]);
    assert_eq!(told, serde_json::json!({}));
}

#[test]
fn codes_are_found_by_the_names_and_numbers_of_the_originals() {
    for (asked, code) in [
        ("Out", "TimeOut"),
        ("AADSTS50034", "CredentialMissing"),
        ("error 81", "TargetBusy"),
        ("113", "TooManyDeletes"),
        ("0x8023134a", "DeletionAccessViolation"),
        ("no-start-credentials", "SourceCredentialRefused"),
    ] {
        let ran = run(&["--json", "codes", asked]);
        assert_eq!(ran.json()["code"], code, "{asked}");
        let page = run(&["codes", asked, "--lang", "nl"]);
        assert!(page.out.contains("## Namen in de originelen"), "{page:?}");
    }
}
