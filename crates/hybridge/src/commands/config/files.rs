//! A configuration as a folder of files, and back.
//!
//! One thing a file, keys sorted, two blanks an indent, a line feed at the end: so a difference between two versions is what
//! was changed. Trap: the name of a file is the name of the thing; where both do not agree, nothing is guessed.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use sync_core::code::Code;
use wire::api::v1::{
    Configuration, ConfiguredApiClient, ConfiguredConnector, ConfiguredDomain, ConfiguredJob,
    ConfiguredNotifications, ConfiguredServer,
};

use crate::failure::Failure;

const SERVER: &str = "hybridge.json";
const NOTIFICATIONS: &str = "notifications.json";
const DOMAINS: &str = "domains.json";
const API_CLIENTS: &str = "api-clients.json";
const FOLDERS: [&str; 3] = ["connectors", "jobs", "rules"];

fn failed(path: &Path, error: impl ToString) -> Failure {
    Failure::text(
        Code::ConfigurationInvalid,
        path.display().to_string(),
        error.to_string(),
    )
}

/// With sorted keys, whatever the order they came in.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: BTreeMap<String, Value> = members.into_iter().collect();
            let members = ordered
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(all) => Value::Array(all.into_iter().map(sorted).collect()),
        value => value,
    }
}

fn text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let value = sorted(serde_json::to_value(value)?);
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

/// Writes a configuration; the names of the files.
///
/// # Errors
/// If a file cannot be written.
pub fn write(dir: &Path, configuration: &Configuration) -> Result<Vec<String>, Failure> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut add =
        |name: String, content: Result<String, serde_json::Error>| -> Result<(), Failure> {
            let content = content.map_err(|error| failed(&dir.join(&name), error))?;
            files.insert(name, content);
            Ok(())
        };
    let mut head = serde_json::to_value(&configuration.server).unwrap_or_default();
    if let Value::Object(members) = &mut head {
        members.insert("form".into(), configuration.form.into());
    }
    add(SERVER.into(), text(&head))?;
    add(NOTIFICATIONS.into(), text(&configuration.notifications))?;
    add(DOMAINS.into(), text(&configuration.domains))?;
    add(API_CLIENTS.into(), text(&configuration.api_clients))?;
    for one in &configuration.connectors {
        add(format!("connectors/{}.json", one.name), text(one))?;
    }
    for one in &configuration.jobs {
        let mut job = serde_json::to_value(one).unwrap_or_default();
        if let Value::Object(members) = &mut job {
            members.remove("rules");
        }
        add(format!("jobs/{}.json", one.name), text(&job))?;
        add(format!("rules/{}.json", one.name), text(&one.rules))?;
    }
    for folder in FOLDERS {
        let path = dir.join(folder);
        fs::create_dir_all(&path).map_err(|error| failed(&path, error))?;
        for old in listed(&path)? {
            let name = old
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !files.contains_key(&format!("{folder}/{name}")) {
                fs::remove_file(&old).map_err(|error| failed(&old, error))?;
            }
        }
    }
    for (name, content) in &files {
        let path = dir.join(name);
        if fs::read_to_string(&path).is_ok_and(|there| there == *content) {
            continue;
        }
        put(&path, content)?;
    }
    Ok(files.into_keys().collect())
}

/// Writes a file: whole or not at all, also for whoever looks meanwhile. A new one is for its owner alone, since it tells how
/// the directory is protected and who is told; one that was there keeps the rights it had.
fn put(path: &Path, content: &str) -> Result<(), Failure> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let beside = path.with_extension("json.new");
    let mode = match fs::metadata(path) {
        Ok(there) => there.permissions().mode() & 0o777,
        Err(_) => 0o600,
    };
    let write = || -> std::io::Result<()> {
        // What an export that was cut short left behind would keep its own rights.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(content.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(mode))
    };
    write().map_err(|error| failed(&beside, error))?;
    fs::rename(&beside, path).map_err(|error| failed(path, error))
}

/// JSON files of a folder, sorted; none if there is no such folder.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, error)),
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut all: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    all.sort();
    Ok(all)
}

fn parsed<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = fs::read_to_string(path).map_err(|error| failed(path, error))?;
    serde_json::from_str(&text).map_err(|error| failed(path, error))
}

/// Nothing, where the files are of a version that did not write this one.
fn parsed_if_there<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Failure> {
    match path.exists() {
        true => parsed(path),
        false => Ok(T::default()),
    }
}

/// Everything of a folder, by the name of its file.
fn all<T: DeserializeOwned>(dir: &Path, folder: &str) -> Result<BTreeMap<String, T>, Failure> {
    let mut found = BTreeMap::new();
    for path in listed(&dir.join(folder))? {
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        found.insert(stem, parsed(&path)?);
    }
    Ok(found)
}

/// Reads a configuration.
///
/// # Errors
/// `ConfigurationInvalid`, naming the file.
pub fn read(dir: &Path) -> Result<Configuration, Failure> {
    let path = dir.join(SERVER);
    let mut head: Map<String, Value> = parsed(&path)?;
    let form = head
        .remove("form")
        .and_then(|form| form.as_u64())
        .unwrap_or(0);
    let server: ConfiguredServer =
        serde_json::from_value(Value::Object(head)).map_err(|error| failed(&path, error))?;
    let notifications = match dir.join(NOTIFICATIONS) {
        path if path.exists() => parsed(&path)?,
        _ => ConfiguredNotifications::default(),
    };
    let domains: Vec<ConfiguredDomain> = parsed_if_there(&dir.join(DOMAINS))?;
    let api_clients: Vec<ConfiguredApiClient> = parsed_if_there(&dir.join(API_CLIENTS))?;
    let same = |folder: &str, file: &str, name: &str| match file == name {
        true => Ok(()),
        false => Err(failed(
            &dir.join(folder).join(format!("{file}.json")),
            format!("it is named {file} and says that it is {name:?}; make both the same"),
        )),
    };
    let connectors: BTreeMap<String, ConfiguredConnector> = all(dir, "connectors")?;
    for (file, one) in &connectors {
        same("connectors", file, &one.name)?;
    }
    let mut jobs: BTreeMap<String, ConfiguredJob> = all(dir, "jobs")?;
    let mut rules: BTreeMap<String, Value> = all(dir, "rules")?;
    for (file, one) in &mut jobs {
        same("jobs", file, &one.name)?;
        one.rules = rules.remove(file).ok_or_else(|| {
            failed(
                &dir.join("rules").join(format!("{file}.json")),
                "the rules of the job are missing",
            )
        })?;
    }
    if let Some(name) = rules.keys().next() {
        return Err(failed(
            &dir.join("rules").join(format!("{name}.json")),
            "there is no job of this name in jobs/",
        ));
    }
    Ok(Configuration {
        form: u32::try_from(form).unwrap_or(0),
        connectors: connectors.into_values().collect(),
        jobs: jobs.into_values().collect(),
        notifications,
        server,
        domains,
        api_clients,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Configuration {
        Configuration {
            form: 1,
            connectors: vec![ConfiguredConnector {
                name: "ad".into(),
                kind: "ad".into(),
                config: serde_json::json!({ "compareHours": 24 }),
            }],
            jobs: vec![ConfiguredJob {
                name: "main".into(),
                source: "ad".into(),
                target: "directory".into(),
                state: "active".into(),
                rules: serde_json::json!({ "z": 1, "a": { "d": [], "c": null } }),
                ..ConfiguredJob::default()
            }],
            server: ConfiguredServer {
                log_days: Some(30),
                ..ConfiguredServer::default()
            },
            domains: vec![ConfiguredDomain {
                name: "canal.example".into(),
                is_federated: true,
            }],
            api_clients: vec![ConfiguredApiClient {
                name: "portal".into(),
                permissions: vec!["AuditLog.Read.All".into()],
            }],
            ..Configuration::default()
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_written_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let written = write(dir.path(), &sample()).unwrap();
        assert_eq!(
            written,
            [
                "api-clients.json",
                "connectors/ad.json",
                "domains.json",
                "hybridge.json",
                "jobs/main.json",
                "notifications.json",
                "rules/main.json"
            ]
        );
        let back = read(dir.path()).unwrap();
        assert_eq!(back, sample());
        let rules = fs::read_to_string(dir.path().join("rules/main.json")).unwrap();
        assert_eq!(
            rules,
            "{\n  \"a\": {\n    \"c\": null,\n    \"d\": []\n  },\n  \"z\": 1\n}\n"
        );
    }

    #[test]
    fn new_files_are_for_their_owner_alone_and_others_keep_their_rights() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let metadata = fs::metadata(dir.path().join(name)).unwrap();
            metadata.permissions().mode() & 0o777
        };
        write(dir.path(), &sample()).unwrap();
        assert_eq!(
            (mode("hybridge.json"), mode("jobs/main.json")),
            (0o600, 0o600)
        );
        let shared = dir.path().join("jobs/main.json");
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o640)).unwrap();
        // An export that was cut short left this.
        fs::write(dir.path().join("hybridge.json.new"), "half").unwrap();
        let mut changed = sample();
        changed.jobs[0].source = "other".into();
        changed.server.log_days = Some(60);
        write(dir.path(), &changed).unwrap();
        assert_eq!(
            (mode("hybridge.json"), mode("jobs/main.json")),
            (0o600, 0o640)
        );
        assert_eq!(read(dir.path()).unwrap(), changed);
    }

    #[test]
    fn files_of_before_domains_and_clients_are_read() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &sample()).unwrap();
        for file in [DOMAINS, API_CLIENTS] {
            fs::remove_file(dir.path().join(file)).unwrap();
        }
        let back = read(dir.path()).unwrap();
        assert_eq!((back.domains, back.api_clients), (vec![], vec![]));
    }

    #[test]
    fn what_belongs_to_nothing_any_more_goes_and_other_files_stay() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &sample()).unwrap();
        fs::write(dir.path().join("jobs/README.md"), "ours").unwrap();
        let mut less = sample();
        less.jobs.clear();
        write(dir.path(), &less).unwrap();
        assert!(
            !dir.path().join("jobs/main.json").exists()
                && !dir.path().join("rules/main.json").exists()
        );
        assert!(dir.path().join("jobs/README.md").exists());
    }

    #[test]
    fn a_file_that_names_another_thing_and_rules_of_no_job_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &sample()).unwrap();
        let (from, to) = (
            dir.path().join("connectors/ad.json"),
            dir.path().join("connectors/other.json"),
        );
        fs::rename(&from, &to).unwrap();
        assert!(read(dir.path()).unwrap_err().report().contains("other"));
        fs::rename(&to, &from).unwrap();
        fs::write(dir.path().join("rules/stray.json"), "{}").unwrap();
        assert!(read(dir.path()).unwrap_err().report().contains("stray"));
        fs::remove_file(dir.path().join("rules/stray.json")).unwrap();
        fs::write(
            dir.path().join("jobs/main.json"),
            r#"{"name":"main","unknown":1}"#,
        )
        .unwrap();
        assert!(read(dir.path()).unwrap_err().report().contains("unknown"));
    }
}
