//! Secrets at rest: sealed under a master key that is in no backup, changed while the server works, missed with a name.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use forest::{Generated, Organisation, Served};
use scenarios::{Source, processes::Installation};
use serde_json::Value;
use server::pki::vault::{self, SECRETS, Vault};
use sync_core::code::Code;
use wire::api::v1::{Backup, ErrorAnswer, MasterKey};

const PATIENCE: Duration = Duration::from_secs(120);
const HOOK_SECRET: &str = "hush-this-is-the-secret-of-the-hook";

struct Stand {
    installation: Installation,
    company: Generated,
    _served: Served,
    _dir: tempfile::TempDir,
}

impl Stand {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let company = Organisation {
            people: 20,
            seed: 5,
        }
        .build()
        .unwrap();
        let (source, _served) = Source::forest(&company.forest, &dir).await;
        let installation = Installation::new(&source);
        installation.resume();
        installation.sync();
        Self {
            installation,
            company,
            _served,
            _dir: dir,
        }
    }

    fn own_key(&self) -> PathBuf {
        self.installation.data().join(vault::OWN_KEY_FILE)
    }

    fn key(&self) -> MasterKey {
        self.installation.ask(&["key", "show"])
    }

    /// Somebody comes, and arrives in the target: server, agent and target still believe each other.
    fn works(&self, name: &str) {
        let forest = &self.company.forest;
        let mail = format!("{name}@canal.example");
        let attributes = [
            ("sAMAccountName", name),
            ("userPrincipalName", mail.as_str()),
            ("displayName", name),
        ];
        forest
            .add_user(&forest.domain_dn(), name, &attributes)
            .unwrap();
        self.installation.sync();
        let names = self.installation.names();
        assert!(names.iter().any(|have| have == name), "{name}: {names:?}");
    }

    fn refusal(&self, arguments: &[&str]) -> ErrorAnswer {
        let output = self.installation.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Every text that must be nowhere but in the vault and in the administrator's own file.
    fn secrets(&self) -> Vec<(String, String)> {
        let data = self.installation.data();
        let vault = Vault::open(&data, None).unwrap();
        let mut all = Vec::new();
        for name in SECRETS {
            let text = vault.read(name).unwrap().unwrap();
            all.extend(pieces(name, &text));
        }
        let admin = std::fs::read_to_string(data.join("admin.json")).unwrap();
        let admin: Value = serde_json::from_str(&admin).unwrap();
        all.push((
            "admin token".into(),
            admin["token"].as_str().unwrap().into(),
        ));
        let key = std::fs::read_to_string(self.own_key()).unwrap();
        all.extend(pieces("master key", &key));
        assert!(all.iter().any(|(_, text)| text == HOOK_SECRET), "{all:?}");
        assert!(
            all.iter().any(|(name, _)| name == "authority.pem"),
            "the authority's key is looked for"
        );
        all
    }
}

/// What of a secret must not be seen anywhere: long words of keys, and values that are secret by their name.
fn pieces(name: &str, text: &str) -> Vec<(String, String)> {
    let private = match text.find("-----BEGIN PRIVATE KEY-----") {
        Some(from) => &text[from..],
        None => text,
    };
    let named = |words: Vec<&str>| {
        let words = words
            .into_iter()
            .map(|word| (name.to_owned(), word.to_owned()));
        words.collect::<Vec<_>>()
    };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(json)) => {
            let hook = json.get("hook").cloned().unwrap_or_default();
            let values = [json.get("key"), json.get("secret"), hook.get("secret")];
            named(
                values
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect(),
            )
        }
        _ => named(
            private
                .lines()
                .filter(|line| !line.starts_with(['-', '#']) && line.len() >= 32)
                .collect(),
        ),
    }
}

fn holds(file: &Path, text: &str) -> bool {
    let bytes = std::fs::read(file).unwrap();
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_backup_holds_no_secret_and_is_nothing_without_the_key() {
    let mut stand = Stand::new().await;
    let secret = stand.installation.data().join("hook-secret");
    private(&secret, HOOK_SECRET);
    stand.installation.ask::<Value>(&[
        "notify",
        "set",
        "--hook",
        "https://127.0.0.1:9/hook",
        "--hook-secret-file",
        secret.to_str().unwrap(),
    ]);
    std::fs::remove_file(&secret).unwrap();
    let made: Backup = stand.installation.ask(&["backup", "create"]);
    assert_eq!(made.sealed_under, [stand.key().id]);
    for (name, secret) in stand.secrets() {
        assert!(
            !holds(Path::new(&made.path), &secret),
            "{name} lies open in the backup"
        );
        let of_server = [
            "engine.db",
            "engine.db-wal",
            "directory.db",
            "directory.db-wal",
        ];
        for file in SECRETS.iter().chain(&of_server) {
            let path = stand.installation.data().join(file);
            assert!(!path.exists() || !holds(&path, &secret), "{name} in {file}");
        }
    }
    stand.installation.stop_server();
    // The machine is lost: a backup and, elsewhere, a copy of the key are left.
    let beside = stand.installation.data().with_extension("kept");
    std::fs::create_dir(&beside).unwrap();
    let (backup, key) = (beside.join("kept.tar"), beside.join("key"));
    std::fs::copy(&made.path, &backup).unwrap();
    std::fs::copy(stand.own_key(), &key).unwrap();
    std::fs::remove_dir_all(stand.installation.data()).unwrap();
    let backup = backup.to_str().unwrap();
    let missing = stand.refusal(&["backup", "restore", backup]);
    assert_eq!(missing.error.code, Code::MasterKeyMissing.name());
    assert!(
        missing.error.message.contains(&made.sealed_under[0]),
        "{}",
        missing.error.message
    );
    let other = beside.join("other");
    let made_key: Value = stand.installation.ask(&["key", "new"]);
    private(&other, made_key["key"].as_str().unwrap());
    let other = other.to_str().unwrap();
    let wrong = stand.refusal(&["backup", "restore", backup, "--master-key-file", other]);
    assert_eq!(wrong.error.code, Code::MasterKeyWrong.name());
    let left = std::fs::read_dir(stand.installation.data()).unwrap();
    let left: Vec<_> = left
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    assert_eq!(left, Vec::<String>::new(), "what was refused left nothing");
    stand.installation.ask::<Value>(&[
        "backup",
        "restore",
        backup,
        "--master-key-file",
        key.to_str().unwrap(),
    ]);
    stand.installation.start_server();
    stand
        .installation
        .ask::<Value>(&["staging", "promote", "--take-over"]);
    assert_eq!(stand.key().id, made.sealed_under[0]);
    stand.works("afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_master_key_killed_anywhere_goes_on_at_the_next_start() {
    let mut stand = Stand::new().await;
    for (round, point) in ["vault.key", "vault.sealed"].into_iter().enumerate() {
        let old = stand.key();
        stand.installation.stop_server();
        stand.installation.start_doomed_server(point);
        let ran = stand.installation.run(&["key", "rotate"]);
        assert!(!ran.status.success(), "{point} never came");
        let deadline = Instant::now() + PATIENCE;
        while stand.installation.server_lives() {
            assert!(Instant::now() < deadline, "{point} never came");
            std::thread::sleep(Duration::from_millis(20));
        }
        stand.installation.start_server();
        let new = stand.key();
        assert_ne!(new.id, old.id, "{point}");
        assert_eq!(new.older[0], old.id, "{point}");
        assert!(!new.secrets.is_empty());
        for secret in &new.secrets {
            assert_eq!(
                secret.key.as_ref(),
                Some(&new.id),
                "{point}: {}",
                secret.name
            );
        }
        stand.works(&format!("after{round}"));
    }
    let rotated: MasterKey = stand.installation.ask(&["key", "rotate"]);
    assert_eq!(rotated.older.len(), 3);
    let retired: MasterKey = stand.installation.ask(&["key", "retire", "--yes"]);
    assert_eq!(retired.retired, rotated.older);
    stand.installation.stop_server();
    stand.installation.start_server();
    assert_eq!(stand.key().older, Vec::<String>::new());
    stand.works("afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_comes_from_a_file_a_variable_or_a_systemd_credential() {
    let mut stand = Stand::new().await;
    let first = stand.key();
    let beside = tempfile::tempdir().unwrap();
    let credential = beside.path().join("hybridge-master-key");
    let file = beside.path().join("key");
    let mut before = first.id.clone();
    for place in ["file", "variable", "credential"] {
        let made: Value = stand.installation.ask(&["key", "new"]);
        let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        // The new one before the old one, as its page says; the first time the old one is in the data directory still.
        let old = match place {
            "file" => String::new(),
            "variable" => std::fs::read_to_string(&file).unwrap(),
            _ => std::fs::read_to_string(beside.path().join("variable")).unwrap(),
        };
        let keys = format!("{key}\n{old}");
        let folder = beside.path().to_str().unwrap();
        match place {
            "file" => {
                private(&file, &keys);
                let arguments = ["--master-key-file", file.to_str().unwrap()];
                stand.installation.restart_server_with(&arguments, &[]);
            }
            "variable" => {
                private(&beside.path().join("variable"), &keys);
                let variables = [("HYBRIDGE_MASTER_KEY", keys.as_str())];
                stand.installation.restart_server_with(&[], &variables);
            }
            _ => {
                private(&credential, &keys);
                let variables = [("CREDENTIALS_DIRECTORY", folder)];
                stand.installation.restart_server_with(&[], &variables);
            }
        }
        let now = stand.key();
        assert_eq!(now.id, id, "{place}");
        assert!(now.older.contains(&before), "{place}: {now:?}");
        assert!(
            now.secrets.iter().all(|one| one.key.as_deref() == Some(id)),
            "{place}: {now:?}"
        );
        if place == "file" {
            stand.installation.ask::<Value>(&["key", "retire", "--yes"]);
            assert!(!stand.own_key().exists(), "the key lies elsewhere now");
        } else {
            let refused = stand.refusal(&["key", "rotate"]);
            assert_eq!(refused.error.code, Code::Conflict.name(), "{place}");
        }
        before = id.to_owned();
    }
    stand.works("afterwards");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_key_is_named_and_given_up_only_when_somebody_says_so() {
    let mut stand = Stand::new().await;
    let id = stand.key().id;
    let refused = stand.refusal(&["key", "abandon", "--yes"]);
    assert_eq!(refused.error.code, Code::StoreLocked.name());
    stand.installation.stop_server();
    std::fs::remove_file(stand.own_key()).unwrap();
    let refused = stand.installation.server_refuses();
    assert_eq!(refused.problem.code, Code::MasterKeyMissing.name());
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.told.is_empty() || refused.told.contains(&id),
        "{}",
        refused.told
    );
    assert!(
        refused.problem.message.contains(&id)
            && refused.problem.message.contains("hybridge key abandon"),
        "{}",
        refused.problem.message
    );
    assert!(
        !stand.own_key().exists(),
        "no new key beside what is sealed"
    );
    let given_up: Value = stand.installation.ask(&["key", "abandon", "--yes"]);
    assert!(
        given_up["aside"].as_array().unwrap().len() >= 4,
        "{given_up}"
    );
    stand.installation.start_server();
    assert_ne!(stand.key().id, id);
    // What the server knows is there; whom it knew has to come anew.
    assert!(stand.installation.names().len() >= 20);
    let enrolled: Value = stand.installation.ask(&["agent", "token"]);
    assert!(enrolled["token"].as_str().is_some());
}

fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_of_a_directory_comes_from_a_systemd_credential() {
    let dir = tempfile::tempdir().unwrap();
    let company = Organisation {
        people: 10,
        seed: 6,
    }
    .build()
    .unwrap();
    let (mut source, _served) = Source::forest(&company.forest, &dir).await;
    let file = source.settings["secret"]["file"].as_str().unwrap();
    let credentials = dir.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::rename(file, credentials.join("canal-password")).unwrap();
    source.settings["secret"] = serde_json::json!({ "credential": "canal-password" });
    let place = credentials.to_str().unwrap().to_owned();
    let variables = [("CREDENTIALS_DIRECTORY", place)];
    let installation = Installation::with_agent_environment(&source, &variables);
    installation.resume();
    installation.sync();
    assert!(installation.names().len() >= 10);
}
