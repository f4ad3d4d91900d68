//! What rules redact is undone and held like anything else, and shown to nobody.

use forest::Organisation;
use scenarios::{Source, processes::Installation};
use serde_json::{Value, json};

const BEFORE: &str = "Quiet department";
const AFTER: &str = "Loud department";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_rules_redact_are_shown_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation { people: 5, seed: 3 }.build().unwrap();
    let (source, _served) = Source::forest(&company.forest, &dir).await;
    let installation = Installation::new(&source);
    installation.set_rule(redact);
    let about = [
        ("sAMAccountName", "rie"),
        ("userPrincipalName", "rie@canal.example"),
        ("displayName", "Rie Zwijger"),
        ("department", BEFORE),
    ];
    let rie = company
        .forest
        .add_user(&company.forest.domain_dn(), "Rie Zwijger", &about)
        .unwrap();
    installation.resume();
    installation.sync();
    company.forest.set(rie, "department", AFTER).unwrap();
    installation.sync();
    let target = installation.target_id("Rie Zwijger");
    let department = || -> Value {
        let object: Value = installation.ask(&["directory", "object", &target]);
        object["attributes"]["department"].clone()
    };
    assert_eq!(department(), json!([AFTER]));

    let object = rie.to_string();
    let preview: Value = installation.ask(&[
        "undo",
        "--object",
        &object,
        "--since",
        "2020-01-01T00:00:00Z",
        "--preview",
    ]);
    let shows = |what: &str, answer: &Value| {
        let text = answer.to_string();
        assert!(
            !text.contains(BEFORE) && !text.contains(AFTER),
            "{what} shows what is redacted"
        );
    };
    shows("preview", &preview);
    let last = installation.log_since(0).pop().unwrap();
    let undone: Value = installation.ask(&[
        "undo",
        "--cycle",
        &last.cycle_id,
        "--object",
        &object,
        "--yes",
    ]);
    shows("undo", &undone);
    assert_eq!(
        undone["items"][0]["values"],
        json!([{ "name": "department", "now": ["[Redact]"], "back": ["[Redact]"] }])
    );
    installation.sync();
    assert_eq!(department(), json!([BEFORE]), "undone all the same");

    let holds: Value = installation.ask(&["holds", "list"]);
    shows("holds", &holds);
    assert_eq!(holds["items"][0]["attribute"], "department");
    assert_eq!(holds["items"][0]["what"], "[Redact] instead of [Redact]");
    shows("log", &json!(installation.log_since(0)));
    shows(
        "object",
        &installation.ask(&["object", "show", "Rie Zwijger"]),
    );
    let explained: Value = installation.ask(&["explain", "Rie Zwijger"]);
    shows("explain", &explained);
    assert_eq!(explained["jobs"][0]["state"], "held");

    let report = serde_json::to_value(installation.verify()).unwrap();
    let difference = &report["explained"][0]["difference"];
    assert_eq!(difference["attribute"], "department");
    assert_eq!(difference["found"], json!(["[Redact]"]));
    shows("verify", &report);
}

/// Every mapping of the department redacts.
fn redact(rule: &mut Value) {
    let mappings = rule["objectMappings"].as_array_mut().unwrap();
    let all = mappings
        .iter_mut()
        .flat_map(|mapping| mapping["attributeMappings"].as_array_mut().unwrap());
    for one in all.filter(|one| one["targetAttributeName"] == "department") {
        one["source"] = json!({ "type": "Function", "expression": "Redact(Trim([department]))" });
    }
}
