//! `hybridge rules`: files without a server, and versions of a job's rules with one.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::world::{run, world};

fn file(directory: &Path, name: &str, document: &Value) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, document.to_string()).unwrap();
    path
}

fn small(expression: &str) -> Value {
    json!({ "synchronizationRules": [{ "objectMappings": [{ "sourceObjectName": "user", "targetObjectName": "User",
        "attributeMappings": [{ "targetAttributeName": "displayName", "source": { "type": "Function", "expression": expression } }] }] }] })
}

#[test]
fn checking_a_file_shows_every_mistake_and_ends_with_one() {
    let directory = tempfile::tempdir().unwrap();
    let good = file(directory.path(), "good.json", &small("Trim([cn])"));
    let ran = run(&["rules", "check", good.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with("the rules are valid"), "{ran:?}");
    let mut bad = small("Trm([cn])");
    bad["synchronizationRules"][0]["priority"] = "one".into();
    let bad = file(directory.path(), "bad.json", &bad);
    let ran = run(&["--json", "rules", "check", bad.to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let report = ran.json();
    assert_eq!(report["isValid"], false);
    assert_eq!(report["problems"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(report["problems"][0]["code"], "SchemaInvalid");
    assert_eq!(
        report["problems"][0]["path"],
        "$.synchronizationRules[0].priority"
    );
    assert_eq!(report["problems"][1]["cure"], "did you mean Trim?");
}

#[test]
fn cases_beside_the_rules_are_run_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let rules = file(directory.path(), "rules.json", &small("Trim([cn])"));
    let case = |name: &str| json!({ "name": name, "object": { "class": "user", "attributes": { "cn": " Ada " } }, "expect": { "values": { "displayName": name } } });
    file(
        directory.path(),
        "rules.tests.json",
        &json!({ "cases": [case("Ada")] }),
    );
    let ran = run(&["rules", "test", rules.to_str().unwrap()]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "ok    Ada\n1 case, 0 failed\n"),
        "{ran:?}"
    );
    let cases = file(
        directory.path(),
        "other.json",
        &json!({ "cases": [case("Ada"), case("Bob")] }),
    );
    let arguments = [
        "rules",
        "test",
        rules.to_str().unwrap(),
        "--cases",
        cases.to_str().unwrap(),
    ];
    let ran = run(&arguments);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains(
            "FAIL  Bob\n      displayName\n        expected: Bob\n        got:      Ada\n"
        ),
        "{ran:?}"
    );
    let none = run(&["rules", "test", "/nowhere/rules.json"]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("error[ConfigurationInvalid]"), "{none:?}");
}

#[test]
fn two_files_are_compared_in_the_words_of_the_rules() {
    let directory = tempfile::tempdir().unwrap();
    let one = file(directory.path(), "one.json", &small("Trim([cn])"));
    let two = file(directory.path(), "two.json", &small("[cn]"));
    let ran = run(&[
        "rules",
        "diff",
        one.to_str().unwrap(),
        two.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        "~ user → User: attribute displayName\n    was: Trim([cn])\n    is:  [cn]\n"
    );
    let same = run(&[
        "--json",
        "rules",
        "diff",
        one.to_str().unwrap(),
        one.to_str().unwrap(),
    ]);
    assert_eq!(same.json()["changes"], json!([]));
}

#[test]
fn versions_of_rules_are_kept_and_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let before = world().json(&["rules", "history"])["items"]
        .as_array()
        .unwrap()
        .len();
    let exported = directory.path().join("rules.json");
    let ran = world().ask(&["rules", "export", "--to", exported.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut rules: Value =
        serde_json::from_str(&std::fs::read_to_string(&exported).unwrap()).unwrap();
    rules["note"] = "kept although nobody knows it".into();
    let changed = file(directory.path(), "changed.json", &rules);
    let changed = changed.to_str().unwrap();

    let shown = world().ask(&["rules", "set", changed]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.out.contains("+ schema: member note"), "{shown:?}");
    assert!(shown.err.contains("--yes"), "{shown:?}");
    assert_eq!(
        world().json(&["rules", "history"])["items"]
            .as_array()
            .unwrap()
            .len(),
        before
    );

    let set = world().json(&["rules", "set", changed, "--why", "a note", "--yes"]);
    assert_eq!(set["version"], before as u64 + 1, "{set}");
    let history = world().json(&["rules", "history"]);
    assert_eq!(history["items"][0]["why"], "a note");
    assert_eq!(history["items"][0]["isCurrent"], true);
    let diff = world().json(&["rules", "diff"]);
    assert_eq!(diff["changes"][0]["subject"], "member note", "{diff}");

    let back = world().json(&["rules", "rollback", &before.to_string(), "--yes"]);
    assert_eq!(back["version"], before as u64 + 2);
    assert_eq!(back["why"], format!("back to version {before}"));
    let now = world().ask(&["rules", "export"]);
    assert_eq!(
        now.json(),
        serde_json::from_str::<Value>(&std::fs::read_to_string(&exported).unwrap()).unwrap()
    );

    let none = world().ask(&["rules", "rollback", "999", "--yes"]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("error[NotFound]"), "{none:?}");
}

#[test]
fn rules_are_held_against_what_source_and_target_have() {
    let directory = tempfile::tempdir().unwrap();
    let mut rules: Value = serde_json::from_str(&world().ask(&["rules", "export"]).out).unwrap();
    let mappings = &mut rules["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    mappings
        .as_array_mut()
        .unwrap()
        .push(json!({ "targetAttributeName": "jobTitel",
        "source": { "type": "Function", "expression": "Trim([sAMAcountName])" } }));
    let wrong = file(directory.path(), "wrong.json", &rules);
    let job = world().json(&["job", "list"])["items"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let ran = world().ask(&[
        "--json",
        "rules",
        "check",
        wrong.to_str().unwrap(),
        "--job",
        &job,
    ]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let report = ran.json();
    let told: Vec<(&str, &str)> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["message"].as_str().unwrap(), p["cure"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "the source has no attribute sAMAcountName",
                "did you mean sAMAccountName?"
            ),
            ("User has no attribute jobTitel", "did you mean jobTitle?"),
        ]
    );
    let refused = world().ask(&["rules", "set", wrong.to_str().unwrap(), "--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.out.contains("did you mean jobTitle?"),
        "{refused:?}"
    );
}

#[test]
fn a_change_of_scope_shows_first_how_many_leave() {
    let directory = tempfile::tempdir().unwrap();
    let quiet = world().json(&["preview"]);
    for name in ["leave", "change"] {
        assert_eq!(quiet[name], 0, "{}", quiet["actions"]);
    }
    assert_eq!(
        quiet["enter"], quiet["failedBefore"],
        "{}",
        quiet["actions"]
    );
    let mut rules: Value = serde_json::from_str(&world().ask(&["rules", "export"]).out).unwrap();
    rules["synchronizationRules"][0]["objectMappings"][0]["scope"]["exclusions"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "everybody", "clauses": [{ "operatorName": "IS NOT NULL", "sourceOperandName": "displayName" }] }));
    let changed = file(directory.path(), "changed.json", &rules);
    let changed = changed.to_str().unwrap();
    let csv = directory.path().join("all.csv");
    let preview = world().json(&[
        "preview",
        "--schema",
        changed,
        "--csv",
        csv.to_str().unwrap(),
    ]);
    let leave = preview["leave"].as_u64().unwrap();
    assert!(leave >= 40, "{}", preview["reasons"]);
    assert_eq!(preview["enter"], 0);
    assert_eq!(preview["guard"]["code"], "TooManyDeletes");
    let items = preview["items"].as_array().unwrap();
    assert_eq!(items.len() as u64, leave);
    assert!(
        items
            .iter()
            .all(|item| item["why"]["arguments"]["scope"] == "Excluded")
    );
    // A line for everybody who leaves, and one for each reference to them that goes.
    let csv = std::fs::read_to_string(csv).unwrap();
    let leaving = csv.lines().filter(|line| line.starts_with("leave,"));
    assert_eq!(leaving.count() as u64, leave);
    let others = csv
        .lines()
        .skip(1)
        .filter(|line| !line.starts_with("leave,"));
    for line in others {
        assert!(line.contains(",removeReference,"), "{line}");
    }
    let shown = world().ask(&["rules", "set", changed]);
    assert!(shown.out.contains("exclusion everybody"), "{}", shown.out);
    let told = |line: &str| line.split_whitespace().eq(["leave", &leave.to_string()]);
    assert!(shown.out.lines().any(told), "{}", shown.out);
    assert_eq!(
        world().json(&["preview"])["leave"],
        0,
        "nothing was changed"
    );
}

#[test]
fn a_directory_and_a_job_are_not_previewed_at_once() {
    let ran = run(&["preview", "--ldap", "ldap://x", "--bind", "a", "--job", "b"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("cannot be used with"), "{ran:?}");
    let ran = run(&["preview", "--ldap", "ldap://x"]);
    assert!(ran.err.contains("--bind"), "{ran:?}");
}

#[test]
fn the_cases_of_the_guide_pass_with_the_rules_of_the_guide() {
    let guide = include_str!("../../../docs/guide/rules.md");
    let cases = guide
        .split("```json\n")
        .find(|block| block.contains("\"cases\""))
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let mut rules: Value =
        serde_json::from_str(sync_core::schema::preset::AD_TO_DIRECTORY).unwrap();
    let mappings = &mut rules["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
    let phone = mappings
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|one| one["targetAttributeName"] == "telephoneNumber")
        .unwrap();
    let changed = guide
        .split("    is:  ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    phone["source"] = json!({ "type": "Function", "expression": changed });
    let directory = tempfile::tempdir().unwrap();
    let rules = file(directory.path(), "rules.json", &rules);
    std::fs::write(directory.path().join("rules.tests.json"), cases).unwrap();
    let ran = run(&["rules", "test", rules.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.ends_with("2 cases, 0 failed\n"), "{ran:?}");
}

#[test]
fn a_container_or_group_that_does_not_exist_is_refused_before_anything_changes() {
    let directory = tempfile::tempdir().unwrap();
    let before = world().ask(&["rules", "export"]).json();
    let nowhere = "OU=Nowhere,DC=canal,DC=example";
    for (filter, what) in [
        (
            json!({ "containerFilter": { "includedContainers": [nowhere] } }),
            "container",
        ),
        (
            json!({ "groupFilter": { "includedGroups": [nowhere] } }),
            "group",
        ),
    ] {
        let mut rules = before.clone();
        for (name, value) in filter.as_object().unwrap() {
            rules["synchronizationRules"][0][name] = value.clone();
        }
        let path = file(directory.path(), "rules.json", &rules);
        for more in [&[][..], &["--yes"]] {
            let arguments = [&["rules", "set", path.to_str().unwrap()], more].concat();
            let ran = world().ask(&arguments);
            assert_eq!(ran.code, 1, "{what} {more:?}: {ran:?}");
            assert!(
                ran.err.contains("error[SourceBaseNotFound]"),
                "{what}: {ran:?}"
            );
            assert!(
                ran.err.contains(&format!("{what}: {nowhere}")),
                "{what}: {ran:?}"
            );
        }
    }
    assert_eq!(
        world().ask(&["rules", "export"]).json()["synchronizationRules"],
        before["synchronizationRules"]
    );
}
