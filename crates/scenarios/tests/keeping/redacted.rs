//! What rules redact is undone and held like anything else, and shown to nobody.

use forest::Organisation;
use scenarios::{Source, processes::Installation};
use serde_json::{Value, json};

const BEFORE: &str = "Quiet department";
const AFTER: &str = "Loud department";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_rules_redact_are_in_no_undo_and_no_list_of_holds() {
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
    assert_eq!(installation.target("Rie Zwijger", "department"), [AFTER]);

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
            "{what}: {text}"
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
    assert_eq!(
        installation.target("Rie Zwijger", "department"),
        [BEFORE],
        "undone all the same"
    );

    let holds: Value = installation.ask(&["holds", "list"]);
    shows("holds", &holds);
    assert_eq!(holds["items"][0]["attribute"], "department");
    assert_eq!(holds["items"][0]["what"], "[Redact] instead of [Redact]");
    shows("log", &json!(installation.log_since(0)));
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
