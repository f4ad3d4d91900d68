//! What somebody who looks for a fault is sent from this machine: settings, versions, state and the newest lines of the log.
//!
//! Never a secret: settings hold none, and what this agent knows to be one is taken out of every text in case a line holds it.
//! Trap: it goes in one frame, so it has a limit; of the log it is the newest lines.

use std::{fs, path::Path, time::Duration};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Deserialize as _;
use sync_core::{code::Code, operation::Refusal};
use wire::agent::v1::{Collected, CollectedFile, Traced};

use crate::{
    VERSION, config::AgentConfig, enrol::host_name, identity::Identity, state::STATE_FILE,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Traces for so many minutes; 0 ends it.
///
/// # Errors
/// `Conflict` if this agent writes no log files, `StoreUnwritable` if they cannot be written.
pub fn trace(minutes: u32) -> Result<String, Refusal> {
    let none = || {
        Refusal::new(Code::Conflict)
            .with(
                "text",
                "this agent writes no log files, so there is nothing to trace into",
            )
            .with(
                "cure",
                "start it with hybridge-agent run, which writes them in its data directory",
            )
    };
    let logs = logs::here().ok_or_else(none)?;
    logs.trace(MINUTE * minutes).map_err(unwritable)?;
    let until = logs.traces_until().and_then(|ms| i64::try_from(ms).ok());
    json(&Traced {
        until: until
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .map(|at| at.to_string()),
    })
}

fn unwritable(why: impl ToString) -> Refusal {
    Refusal::new(Code::StoreUnwritable).with("text", why.to_string())
}

/// Collects.
///
/// # Errors
/// If it cannot be written as JSON.
pub fn collect(
    data_directory: &Path,
    config: &AgentConfig,
    with_trace: bool,
    most_bytes: usize,
) -> Result<String, Refusal> {
    let secrets = secrets(data_directory, config);
    let clean = |text: &str| logs::without(text, &secrets);
    let mut files = vec![
        file("versions.json", &versions()),
        file(
            "settings.json",
            &clean(&serde_json::to_string_pretty(config).unwrap_or_default()),
        ),
    ];
    if let Ok(text) = fs::read_to_string(data_directory.join(STATE_FILE)) {
        files.push(file(STATE_FILE, &clean(&text)));
    }
    let lines = logs::here().map(|logs| logs.newest(with_trace, most_bytes));
    for piece in lines.into_iter().flatten() {
        files.push(file(&piece.name, &clean(&piece.text)));
    }
    json(&Collected { files })
}

fn file(name: &str, text: &str) -> CollectedFile {
    CollectedFile {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

fn versions() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let told = serde_json::json!({
        "version": VERSION,
        "host": host_name(),
        "operatingSystem": std::env::consts::OS,
        "kernel": release.trim(),
        "architecture": std::env::consts::ARCH,
        "now": Timestamp::now().to_string(),
    });
    serde_json::to_string_pretty(&told).unwrap_or_default()
}

/// Everything this agent knows that nobody else may.
fn secrets(data_directory: &Path, config: &AgentConfig) -> Vec<String> {
    let mut all = Vec::new();
    if let Ok(identity) = Identity::read(data_directory) {
        let lines = identity.key.lines().filter(|line| !line.starts_with('-'));
        all.extend(lines.map(str::to_owned));
    }
    let of_connectors = config.connectors.iter().filter_map(|connector| {
        connectors::ldap::LdapConfig::deserialize(&connector.settings)
            .ok()?
            .secret
    });
    let of_proxy = config
        .network
        .proxy
        .iter()
        .filter_map(|proxy| proxy.secret.clone());
    for secret in of_connectors.chain(of_proxy) {
        if let Ok(text) = secret.read() {
            all.push(text.expose_secret().to_owned());
        }
    }
    all
}

fn json(value: &impl serde::Serialize) -> Result<String, Refusal> {
    serde_json::to_string(value)
        .map_err(|fault| Refusal::new(Code::InternalFault).with("text", fault.to_string()))
}
