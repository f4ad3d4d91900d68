//! The administrator's verbs against a real server with a real agent.

use crate::world::{run, world};

#[test]
fn status_tells_phase_numbers_and_agents() {
    let status = &world().json(&["status"])["items"][0];
    assert_eq!(status["phase"], "incremental");
    assert_eq!(status["source"]["agentsConnected"], 1);
    assert!(status["linked"]["User"].as_u64().unwrap() >= 50, "{status}");
    assert!(
        status["skippedCodes"]
            .as_object()
            .unwrap()
            .keys()
            .any(|key| key.contains("critical")),
        "{status}"
    );
    let people = world().ask(&["status"]);
    assert!(
        people.out.contains("oldest change not visible"),
        "{}",
        people.out
    );
}

#[test]
fn metrics_name_the_oldest_unsynced_change() {
    let page = world().ask(&["metrics"]).out;
    let value = |name: &str| {
        let line = page.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("{name} is missing in:\n{page}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(value("hybridge_oldest_unsynced_change_seconds{job=") >= 0.0);
    assert_eq!(value("hybridge_job_running{job="), 1.0);
    assert_eq!(value("hybridge_deletions_held{job="), 0.0);
    assert!(page.contains("# TYPE hybridge_doorbell_rings_total counter"));
}

#[test]
fn a_connector_answers_and_shows_its_containers() {
    let test = world().json(&["connector", "test", "canal"]);
    assert_eq!(test["domain"], "canal.example");
    let containers = world().json(&["connector", "containers", "canal"]);
    let names: Vec<&str> = containers["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["dn"].as_str())
        .collect();
    assert!(names.contains(&"DC=canal,DC=example"), "{names:?}");
}

#[test]
fn one_object_is_found_by_every_name_it_has() {
    let found = world().json(&["object", "search", "administrator"]);
    let administrator = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["class"] == "user")
        .unwrap()
        .clone();
    let shown = world().json(&["object", "show", administrator["dn"].as_str().unwrap()]);
    assert_eq!(shown["jobs"][0]["scope"]["isInScope"], false);
    assert!(
        shown["jobs"][0]["scope"]["why"]
            .as_str()
            .unwrap()
            .contains("critical"),
        "{shown}"
    );

    let users = world().json(&["directory", "users", "--limit", "1"]);
    let target = users["items"][0]["id"].as_str().unwrap();
    let by_target = world().json(&["object", "show", target]);
    let object = &by_target["object"];
    assert_eq!(by_target["jobs"][0]["link"]["target"], target);
    assert_eq!(by_target["jobs"][0]["target"]["id"], target);
    assert!(!by_target["records"].as_array().unwrap().is_empty());
    assert!(
        by_target["attributes"]["objectSid"][0]
            .as_str()
            .unwrap()
            .starts_with("S-1-5-21-")
    );
    for name in [
        object["anchor"].as_str().unwrap(),
        object["dn"].as_str().unwrap(),
    ] {
        assert_eq!(
            world().json(&["object", "show", name])["object"]["anchor"],
            object["anchor"],
            "{name}"
        );
    }
    let upper = object["dn"].as_str().unwrap().to_uppercase();
    assert_eq!(
        world().json(&["object", "show", &upper])["object"]["anchor"],
        object["anchor"]
    );
}

#[test]
fn the_log_is_filtered_and_paged() {
    let creates = world().json(&[
        "log", "--action", "create", "--status", "success", "--limit", "20",
    ]);
    let items = creates["items"].as_array().unwrap();
    assert_eq!(items.len(), 20);
    assert!(
        items
            .iter()
            .all(|one| one["provisioningAction"] == "create" && one["status"] == "success")
    );
    let anchor = items[0]["sourceIdentity"]["id"].as_str().unwrap();
    let own = world().json(&["log", "--object", anchor]);
    assert!(
        own["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["sourceIdentity"]["id"] == anchor)
    );
    let none = world().json(&["log", "--until", "2001-01-01T00:00:00Z"]);
    assert_eq!(none["items"].as_array().unwrap().len(), 0);
    let wrong = world().ask(&["log", "--code", "Nonsense"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("RequestInvalid"), "{}", wrong.err);
}

#[test]
fn objects_in_escrow_are_shown_as_pending_with_their_code() {
    let pending = world().json(&["pending", "--state", "escrow"]);
    let items = pending["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|one| one["reason"]["code"] == "AttributeValueMustBeUnique"),
        "{pending}"
    );
    let wrong = world().ask(&["pending", "--state", "asleep"]);
    assert!(
        wrong.err.contains("known: ") && wrong.err.contains("held"),
        "{}",
        wrong.err
    );
}

#[test]
fn settings_change_and_are_checked() {
    let changed = world().json(&["job", "settings", "--guard-count", "400"]);
    assert_eq!(changed["settings"]["guardCount"], 400);
    let shown = world().json(&["job", "show"]);
    assert_eq!(shown["settings"]["guardCount"], 400);
    assert!(shown["rules"]["synchronizationRules"].is_array());
    let refused = world().ask(&["job", "settings", "--approval-expires", "99999999"]);
    assert_eq!(refused.code, 1);
    let grace = world().json(&["job", "settings", "--leaver-grace", "30"]);
    assert_eq!(grace["settings"]["leaverGraceDays"], 30);
    world().json(&["job", "settings", "--leaver-grace", "0"]);
}

#[test]
fn the_tenant_is_protected_and_the_guard_shows_its_budgets() {
    let guard = world().json(&["guard", "show"]);
    let prevention = &guard["prevention"];
    assert_eq!(
        prevention["synchronizationPreventionType"],
        "enabledForCount"
    );
    assert_eq!(prevention["alertThreshold"], 500);
    assert!(guard["jobs"][0]["own"]["linked"].as_u64() > Some(0));
    let changed = world().json(&["guard", "set", "--type", "percentage", "--threshold", "40"]);
    assert_eq!(
        changed["prevention"]["synchronizationPreventionType"],
        "enabledForPercentage"
    );
    let refused = world().ask(&["guard", "set", "--threshold", "101"]);
    assert_eq!(refused.code, 1);
    world().json(&["guard", "set", "--type", "count", "--threshold", "500"]);
}

#[test]
fn an_undo_is_shown_first_and_nothing_is_held_unasked() {
    let preview = world().json(&["undo", "--since", "2020-01-01T00:00:00Z", "--preview"]);
    assert!(preview["id"].is_null());
    assert!(preview["takeAway"].as_u64() > Some(0), "{preview}");
    assert!(preview["keptSince"].is_string());
    let unasked = world().ask(&["undo", "--since", "2020-01-01T00:00:00Z"]);
    assert_eq!(unasked.code, 1, "a script has to say yes");
    let nothing = world().json(&["undo", "--since", "2999-01-01T00:00:00Z", "--yes"]);
    assert_eq!(nothing["objects"], 0);
    let unknown = world().ask(&["undo", "--object", "nobody@nowhere.example"]);
    assert_eq!(unknown.code, 1);
    let holds = world().json(&["holds", "list"]);
    assert_eq!(holds["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(world().ask(&["holds", "release", "12345"]).code, 1);
    let none = world().json(&["holds", "release", "--all"]);
    assert_eq!(none["count"], 0, "nothing is held, so nothing is asked");
    let ids = world().ask(&["deletes", "allow", "12345-members"]);
    assert_eq!(ids.code, 1);
}

#[test]
fn what_does_not_exist_is_not_found_and_what_exists_is_a_conflict() {
    for arguments in [
        &["connector", "show", "nobody"][..],
        &["job", "show", "nobody"],
        &["object", "show", "nobody@nowhere.example"],
        &["agent", "revoke", "nobody"],
        &["directory", "object", "nobody@nowhere.example"],
        &["deletes", "allow", "12345"],
    ] {
        let ran = world().ask(arguments);
        assert_eq!(ran.code, 1, "{arguments:?} {ran:?}");
        assert!(
            ran.err.contains("error[NotFound]"),
            "{arguments:?} {}",
            ran.err
        );
    }
    let again = world().ask(&["connect", "ad", "canal"]);
    assert!(again.err.contains("error[Conflict]"), "{}", again.err);
    let bad = world().ask(&["connect", "ad", "a/b"]);
    assert!(bad.err.contains("error[RequestInvalid]"), "{}", bad.err);
}

#[test]
fn mistakes_in_rules_are_all_told() {
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("rules.json");
    std::fs::write(&rules, r#"{"synchronizationRules": [{"objectMappings": [{"attributeMappings": [{"source": {"type": "Function", "name": "Trimm"}}]}]}]}"#).unwrap();
    let ran = world().ask(&[
        "job",
        "create",
        "other",
        "--source",
        "canal",
        "--rules",
        rules.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("error[SchemaInvalid]") && ran.err.contains("$."),
        "{}",
        ran.err
    );
}

#[test]
fn nothing_is_served_without_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let admin = std::fs::read_to_string(world().path().join("server/admin.json")).unwrap();
    let admin: serde_json::Value = serde_json::from_str(&admin).unwrap();
    let ca = directory.path().join("ca.pem");
    let token = directory.path().join("token");
    std::fs::write(&ca, admin["ca_pem"].as_str().unwrap()).unwrap();
    std::fs::write(&token, "wrong").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let url = admin["url"].as_str().unwrap();
    let access = [
        "--server",
        url,
        "--ca",
        ca.to_str().unwrap(),
        "--token-file",
        token.to_str().unwrap(),
    ];
    for verb in [
        &["status"][..],
        &["agent", "token"],
        &["directory", "users"],
    ] {
        let ran = run(&[&access[..], verb].concat());
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("error[NotAuthenticated]"), "{}", ran.err);
    }
}

#[test]
fn another_authority_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let admin = std::fs::read_to_string(world().path().join("server/admin.json")).unwrap();
    let mut admin: serde_json::Value = serde_json::from_str(&admin).unwrap();
    let foreign = std::fs::read_to_string(world().path().join("forest-ca.pem")).unwrap();
    admin["ca_pem"] = foreign.into();
    let file = directory.path().join("admin.json");
    std::fs::write(&file, admin.to_string()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let ran = run(&["--data-dir", directory.path().to_str().unwrap(), "status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("error[ServerUntrusted]"), "{}", ran.err);
}

#[test]
fn explain_answers_first_and_an_unknown_name_is_exit_code_1() {
    let world = world();
    let found = world.json(&["object", "search", "a", "--limit", "200"]);
    let upn = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["state"] == "live")
        .find_map(|one| {
            one["userPrincipalName"]
                .as_str()
                .filter(|upn| !upn.is_empty())
        })
        .unwrap();
    let told = world.json(&["explain", upn]);
    assert!(
        told["sentence"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    let job = &told["jobs"][0];
    assert!(!job["attributes"].as_array().unwrap().is_empty());
    assert!(!job["scopes"][0]["clauses"].as_array().unwrap().is_empty());
    let people = world.ask(&["explain", upn]);
    assert_eq!(people.code, 0);
    assert!(people.out.contains("attributes\n"), "{}", people.out);

    let nobody = world.ask(&["explain", "nobody@nowhere.example"]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
    assert!(nobody.out.contains("looked for as"), "{}", nobody.out);
}

#[test]
fn idfix_finds_the_dirt_of_the_demo_and_writes_both_files() {
    let files = tempfile::tempdir().unwrap();
    let (csv, ldif) = (files.path().join("a.csv"), files.path().join("a.ldif"));
    let ran = world().ask(&[
        "--json",
        "idfix",
        "--source",
        "canal",
        "--fresh",
        "--output",
        csv.to_str().unwrap(),
        "--ldif",
        ldif.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let report = ran.json();
    assert_eq!(report["from"], "source");
    assert!(
        report["errors"]["duplicate"].as_u64().unwrap() >= 2,
        "{report}"
    );
    let csv = std::fs::read_to_string(csv).unwrap();
    assert!(csv.starts_with(
        "DISTINGUISHEDNAME,COMMONNAME,OBJECTCLASS,ATTRIBUTE,ERROR,VALUE,UPDATE,ACTION\r\n"
    ));
    assert_eq!(
        csv.lines().count() as u64,
        report["findings"].as_u64().unwrap() + 1
    );
    let ldif = std::fs::read_to_string(ldif).unwrap();
    assert!(ldif.contains("changetype: modify\n"), "{ldif}");
}
