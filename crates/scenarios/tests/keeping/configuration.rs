//! The whole configuration as files: exported, put in force on an empty server, exported again and the same; compared; refused as a
//! whole for one mistake.

use std::{collections::BTreeMap, path::Path};

use forest::{Organisation, Served};
use scenarios::{Source, processes::Installation, world::private_file};
use serde_json::Value;

struct Stand {
    installation: Installation,
    dir: tempfile::TempDir,
    _served: Served,
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation {
            people: 10,
            seed: 2,
        }
        .build()
        .unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        Self {
            installation: Installation::new(&source),
            dir,
            _served,
        }
    }

    fn folder(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn export(&self, name: &str) -> BTreeMap<String, String> {
        let folder = self.folder(name);
        self.installation
            .ask::<Value>(&["config", "export", &folder]);
        files(Path::new(&folder))
    }

    /// Exit code and answer of a verb.
    fn tries(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = self.installation.run(arguments);
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), answer)
    }
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for part in ["", "connectors", "jobs", "rules"] {
        for entry in std::fs::read_dir(folder.join(part)).unwrap().flatten() {
            if entry.path().is_file() {
                let name = entry
                    .path()
                    .strip_prefix(folder)
                    .unwrap()
                    .display()
                    .to_string();
                all.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    all
}

fn change(folder: &str, file: &str, what: impl FnOnce(&mut Value)) {
    let path = Path::new(folder).join(file);
    let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    what(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_put_in_force_on_an_empty_server_is_exported_the_same() {
    let old = Stand::new().await;
    let ask = |arguments: &[&str]| old.installation.ask::<Value>(arguments);
    ask(&[
        "job",
        "settings",
        "main",
        "--guard-count",
        "77",
        "--spacing",
        "5",
        "--reconcile",
        "report",
    ]);
    ask(&["connector", "set", "ad", "--compare-hours", "24"]);
    ask(&["log", "retention", "--days", "60"]);
    let password = private_file(&old.dir, "password", "Mail.Password1");
    let key = private_file(&old.dir, "key", "0123456789abcdef");
    ask(&[
        "notify",
        "set",
        "--mail-server",
        "mail.example",
        "--mail-user",
        "hybridge",
        "--mail-password-file",
        password.to_str().unwrap(),
        "--mail-from",
        "h@canal.example",
        "--mail-to",
        "a@canal.example",
        "--hook",
        "https://hook.example/secret-path",
        "--hook-secret-file",
        key.to_str().unwrap(),
    ]);
    ask(&["job", "create", "second", "--source", "ad"]);
    ask(&[
        "directory",
        "domains",
        "add",
        "sluis.example",
        "--federated",
        "on",
    ]);
    ask(&[
        "api-client",
        "create",
        "portal",
        "--permission",
        "AuditLog.Read.All",
    ]);
    let exported = old.export("one");
    let text: String = exported.values().cloned().collect();
    for secret in ["Mail.Password1", "0123456789abcdef", "secret-path"] {
        assert!(!text.contains(secret), "{secret} is in the files");
    }
    assert!(exported.contains_key("jobs/second.json") && exported.contains_key("rules/main.json"));
    assert_eq!(old.export("again"), exported, "the order is stable");
    // Applied to itself it changes nothing.
    let folder = old.folder("one");
    let (code, same) = old.tries(&["config", "diff", &folder]);
    assert_eq!(
        (code, same["differences"].as_array().map(Vec::len)),
        (Some(0), Some(0)),
        "{same}"
    );
    // An empty server.
    let data = old.dir.path().join("empty");
    let empty = old.installation.beside(&data);
    let secrets = serde_json::json!({ "mail-password": "Mail.Password1", "hook-url": "https://hook.example/secret-path", "hook-key": "0123456789abcdef" });
    let secrets = private_file(&old.dir, "secrets", &secrets.to_string());
    let missing = empty.run(&["config", "apply", &folder, "--yes"]);
    assert_eq!(missing.status.code(), Some(1), "without the secrets");
    let told = String::from_utf8_lossy(&missing.stdout).into_owned();
    assert!(
        told.contains("mail-password") && told.contains("hook-key"),
        "{told}"
    );
    let none: Value = empty.ask(&["job", "list"]);
    assert_eq!(
        none["items"].as_array().map(Vec::len),
        Some(0),
        "something was applied"
    );
    let apply = [
        "config",
        "apply",
        &folder,
        "--yes",
        "--secrets-file",
        secrets.to_str().unwrap(),
    ];
    let done: Value = empty.ask(&apply);
    assert_eq!(done["isApplied"], true, "{done}");
    let there = old.dir.path().join("there");
    empty.ask::<Value>(&["config", "export", there.to_str().unwrap()]);
    assert_eq!(files(&there), exported);
    let clients: Value = empty.ask(&["api-client", "list"]);
    assert_eq!(
        (
            &clients["items"][0]["name"],
            &clients["items"][0]["secrets"]
        ),
        (&Value::from("portal"), &Value::from(0)),
        "{clients}"
    );
    let issued: Value = empty.ask(&["api-client", "rotate", "portal"]);
    let secret = issued["secret"].as_str().unwrap();
    let kept = old.dir.path().join("kept");
    empty.ask::<Value>(&["config", "export", kept.to_str().unwrap()]);
    let text: String = files(&kept).into_values().collect();
    let admin = std::fs::read_to_string(data.join("admin.json")).unwrap();
    let admin: Value = serde_json::from_str(&admin).unwrap();
    for secret in [
        secret,
        admin["token"].as_str().unwrap(),
        "Mail.Password1",
        "secret-path",
    ] {
        assert!(!text.contains(secret), "a secret is in the files");
    }
    // What a program may do changes with its file; its secret stays.
    change(&folder, "api-clients.json", |clients| {
        clients[0]["permissions"] = serde_json::json!(["Synchronization.Read.All"]);
    });
    empty.ask::<Value>(&["config", "apply", &folder, "--yes"]);
    let clients: Value = empty.ask(&["api-client", "list"]);
    assert_eq!(
        (
            &clients["items"][0]["permissions"][0],
            &clients["items"][0]["secrets"]
        ),
        (&Value::from("Synchronization.Read.All"), &Value::from(1))
    );
    let again: Value = empty.ask(&["config", "apply", &folder, "--yes"]);
    assert_eq!(
        (
            again["isApplied"].as_bool(),
            again["differences"].as_array().map(Vec::len)
        ),
        (Some(false), Some(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_put_in_force_as_a_whole_or_not_at_all() {
    let stand = Stand::new().await;
    let before = stand.export("files");
    let folder = stand.folder("files");
    change(&folder, "jobs/main.json", |job| {
        job["settings"]["guardCount"] = 88.into()
    });
    change(&folder, "hybridge.json", |server| {
        server["logDays"] = 90.into()
    });
    let (code, plan) = stand.tries(&["config", "diff", &folder]);
    assert_eq!(code, Some(1));
    let places: Vec<&str> = plan["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    assert_eq!(places, ["settings.guardCount", "logDays"]);
    assert_eq!(
        stand.export("unchanged"),
        before,
        "a comparison changes nothing"
    );
    // One mistake, and nothing of the rest is done; all mistakes are told.
    let good = std::fs::read_to_string(Path::new(&folder).join("rules/main.json")).unwrap();
    change(&folder, "rules/main.json", |rules| {
        rules["synchronizationRules"] = "nonsense".into()
    });
    change(&folder, "jobs/main.json", |job| {
        job["settings"]["intervalSeconds"] = 0.into()
    });
    let (code, told) = stand.tries(&["config", "apply", &folder, "--yes"]);
    assert_eq!(code, Some(1));
    assert_eq!(told["error"]["code"], "ConfigurationInvalid", "{told}");
    let text = told.to_string();
    assert!(
        text.contains("interval") && text.contains("SchemaInvalid"),
        "{text}"
    );
    assert_eq!(stand.export("still"), before);
    std::fs::write(Path::new(&folder).join("rules/main.json"), good).unwrap();
    change(&folder, "jobs/main.json", |job| {
        job["settings"]["intervalSeconds"] = 1.into()
    });
    stand
        .installation
        .ask::<Value>(&["config", "apply", &folder, "--yes"]);
    let job: Value = stand.installation.ask(&["job", "show", "main"]);
    assert_eq!(job["settings"]["guardCount"], 88);
    let audit: Value = stand.installation.ask(&["audit"]);
    assert_eq!(audit["items"][0]["act"], "apply configuration", "{audit}");
    // A job the files do not hold stays.
    stand
        .installation
        .ask::<Value>(&["job", "create", "other", "--source", "ad"]);
    let (code, plan) = stand.tries(&["config", "diff", &folder]);
    assert_eq!(
        (code, plan["differences"][0]["what"].as_str()),
        (Some(0), Some("leave")),
        "{plan}"
    );
}
