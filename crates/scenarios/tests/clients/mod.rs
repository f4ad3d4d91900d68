//! An administrator's day with Microsoft's own clients, unmodified, over the Graph-shaped API.

use scenarios::{Story, is_full};
use serde_json::{Value, json};
use server::access::Permission;

const DAY: [Permission; 2] = [
    Permission::SynchronizationReadWrite,
    Permission::AuditLogRead,
];

/// What is to be true of what a client saw.
fn check(seen: &Value, name: &str, wanted: Value) {
    assert_eq!(seen[name], wanted, "{name} in {seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
// LONG: one story, told in order.
async fn an_administrators_day_with_microsofts_clients() {
    let story = Story::prepare(60).await;
    let ada = story.person("Ada Klient");
    let world = &story.world;
    let admitted = world.admit("day", &DAY);
    let dn = "CN=Ada Klient,OU=Story,DC=canal,DC=example";
    let seen = world.python_day(&admitted, dn).await;
    let jobs = world.app.engine().jobs().unwrap();
    let job = jobs.iter().find(|job| job.name == "ad").unwrap();
    let tenant = world.app.tenant_id().replace('-', "");
    let id = format!("AD2AADProvisioning.{tenant}.{}", job.guid);

    check(&seen, "principal", json!("ad"));
    check(&seen, "job", json!(id));
    check(&seen, "created", json!(["Disabled", "NotRun", 10.0]));
    check(&seen, "threshold", json!(["400"]));
    check(
        &seen,
        "mappings",
        json!(["Contact", "Group", "User", "User"]),
    );
    check(&seen, "directories", json!(2));
    check(&seen, "parsed", json!([true, true, ["EN_US"], "Replace"]));
    assert!(seen["functions"].as_u64().unwrap() > 90, "{seen:#}");
    for operator in ["EQUALS", "NOT EQUALS", "REGEX MATCH", "IS NULL", "IS TRUE"] {
        assert!(
            seen["operators"]
                .as_array()
                .unwrap()
                .contains(&json!(operator)),
            "{operator}"
        );
    }
    check(
        &seen,
        "running",
        json!(["Active", "Active", "EntryLevelErrors"]),
    );
    let entries: u64 = seen["entries"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(
        entries,
        world
            .app
            .engine()
            .linked_count(job.id)
            .unwrap()
            .unsigned_abs()
    );

    let [counted, page, paged, distinct] = numbers(&seen["creates"]);
    assert_eq!(page, 7);
    assert_eq!((counted, distinct), (paged, paged), "{seen:#}");
    assert!(counted >= 60, "{counted}");
    let record = &seen["record"];
    assert_eq!(
        (record["job"].as_str(), record["action"].as_str()),
        (Some(id.as_str()), Some("create"))
    );
    let steps: Vec<&str> = record["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        steps.starts_with(&["import", "scoping", "matching", "processing"])
            && steps.ends_with(&["export"]),
        "{steps:?}"
    );
    assert!(record["modified"].as_u64().unwrap() > 3);
    assert!(
        uuid::Uuid::try_parse(record["cycle"].as_str().unwrap()).is_ok(),
        "{record}"
    );
    check(&seen, "of_cycle", json!(true));
    check(&seen, "by_id", json!(true));
    assert_eq!(
        (&seen["failure"][1], &seen["failure"][2]),
        (&json!(true), &json!(true))
    );

    let told = &seen["demand"][0];
    // It was in step already; whatever has to be done is looked for and found to be nothing.
    assert_eq!(
        (
            told["result"].as_str(),
            told["details"]["errorCode"].as_str()
        ),
        (Some("Skipped"), Some("RedundantExport"))
    );
    assert_eq!(seen["demand"][1]["reportableIdentifier"], ada.to_string());
    check(&seen, "paused", json!("Paused"));
    let refused = &seen["refused"];
    assert_eq!(
        (
            refused["job"]["status"].as_u64(),
            refused["job"]["code"].as_str()
        ),
        (Some(404), Some("ResourceNotFound"))
    );
    for (what, named) in [
        ("operator", "operator in"),
        ("property", "nonsense"),
        ("option", "$search"),
    ] {
        assert_eq!(refused[what]["status"], 400, "{what}");
        assert!(
            refused[what]["message"].as_str().unwrap().contains(named),
            "{refused:#}"
        );
        assert!(uuid::Uuid::try_parse(refused[what]["request"].as_str().unwrap()).is_ok());
    }
    check(&seen, "wrong secret", json!("ClientAuthenticationError"));

    let principal = &world.connector.guid;
    let seen = world.javascript_day(&admitted, principal, &id).await;
    check(&seen, "job", json!([id, "Active", 1]));
    let [counted, page, paged] =
        numbers(&Value::Array(seen["log"].as_array().unwrap()[..3].to_vec()));
    assert_eq!((page, counted), (5, paged));
    assert_eq!(
        seen["log"][3],
        json!(["id", "provisioningAction", "sourceIdentity"])
    );
    check(&seen, "batch", json!([200, 200, 404]));
    for held in ["put", "changed", "reset"] {
        check(&seen, held, json!(true));
    }
    check(&seen, "paused", json!("Paused"));
    check(&seen, "link", json!([true, true]));
    check(&seen, "unlinked", json!([404, "ResourceNotFound"]));
    check(&seen, "started", json!("Active"));
    check(&seen, "running", json!([409, "Conflict"]));
}

fn numbers<const N: usize>(value: &Value) -> [u64; N] {
    let all: Vec<u64> = value
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    all.try_into().unwrap_or_else(|all| panic!("{all:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_made_of_the_openapi_document_is_a_fault_of_ours() {
    let story = Story::begin(30).await;
    let admin = server::pki::AdminFile::read(&story.world.dir.path().join("server"))
        .unwrap()
        .unwrap();
    // Every kind of mistake in every place takes minutes; one request for each operation does not.
    let (phases, examples) = match is_full() {
        true => ("coverage,fuzzing", 20),
        false => ("fuzzing", 1),
    };
    let (is_good, told) = story.world.fuzzed(&admin.token, phases, examples).await;
    assert!(is_good, "{told}");
    assert!(
        told.contains("test cases") || told.contains("passed"),
        "{told}"
    );
}
