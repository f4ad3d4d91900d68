//! The agent on its own machine: settings, identity, process, secrets, disk.
//!
//! Asks the file system and the kernel only. Trap: whether the agent runs is told by the file it keeps up to date, so an agent
//! that cannot write its data directory looks as if it were hanging.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use connectors::ldap::{LdapConfig, Secret};
use jiff::Timestamp;
use serde::Deserialize as _;
use sync_core::code::Code;

use super::{Finding, Patient, Sheet};
use crate::{
    config::AgentConfig,
    error::{AgentError, chain},
    identity::Identity,
    state::State,
};

/// A heartbeat and its time-out, several times over.
const SILENT_AFTER_MS: i64 = 120_000;
/// What must fit on the disk at least: an identity, several times over.
const PROBE_BYTES: usize = 128 << 10;
const PROBE_FILE: &str = "doctor.probe";

/// Reads the settings.
pub fn settings(sheet: &mut Sheet, path: &Path) -> Option<AgentConfig> {
    match AgentConfig::read(path) {
        Ok(config) => {
            let count = config.connectors.len();
            sheet.ok(
                "settings",
                format!("{count} connectors in {}", path.display()),
            );
            Some(config)
        }
        Err(fault) => {
            let (code, cause, act) = match &fault {
                AgentError::NoSettings { .. } => (fault.code(), "settings-missing", "write"),
                AgentError::File { .. } | AgentError::Denied { .. } => (
                    fault.code(),
                    "settings-unreadable",
                    "run as the account of the service, or chown it",
                ),
                _ => (Code::ConfigurationInvalid, "settings-wrong", "correct"),
            };
            let finding = Finding::new(code, cause, chain(&fault));
            sheet.fail(
                "settings",
                finding.cure(format!("{act} {}", path.display())),
            );
            None
        }
    }
}

/// Reads the identity: whether the agent was ever installed here.
pub fn identity(sheet: &mut Sheet, data_directory: &Path) -> Option<Identity> {
    match Identity::read(data_directory) {
        Ok(identity) => {
            let text = format!("agent {} of {}", identity.agent_id, identity.server);
            sheet.ok("installed", text);
            Some(identity)
        }
        Err(fault) => {
            let (cause, cure) = match &fault {
                AgentError::NotEnrolled { .. } => (
                    "not-enrolled",
                    "hybridge-agent enrol --server URL --fingerprint F --token-file T --data-dir D (the token: `hybridge agent token` on the server)".to_owned(),
                ),
                AgentError::Unsafe { path } => {
                    ("readable-by-others", format!("chmod 600 {}", path.display()))
                }
                AgentError::File { path, .. } | AgentError::Denied { path, .. } => (
                    "unreadable",
                    format!("run as the account of the service, or chown it {}", path.display()),
                ),
                _ => ("damaged", "enrol the agent again with a new token".to_owned()),
            };
            sheet.fail(
                "installed",
                Finding::new(fault.code(), cause, chain(&fault)).cure(cure),
            );
            None
        }
    }
}

/// Whether the agent's process runs and answers; its number.
pub fn running(sheet: &mut Sheet, patient: &Patient<'_>) -> Option<u32> {
    if patient.is_self {
        sheet.ok("running", "it examines itself");
        return None;
    }
    let state = State::read(patient.data_directory);
    let not_active = Code::HybridIdentityServiceNoActiveAgents;
    let start = "systemctl start hybridge-agent (or `hybridge-agent run`)";
    let Some(state) = state else {
        let text = "no agent has run with this data directory";
        sheet.fail(
            "running",
            Finding::new(not_active, "never-started", text).cure(start),
        );
        return None;
    };
    let process = state.process;
    let Some(living) = state.living() else {
        let text = format!("process {process} has ended");
        sheet.fail(
            "running",
            Finding::new(not_active, "stopped", text).cure(start),
        );
        return None;
    };
    let silent = state.silent_ms(Timestamp::now().as_millisecond());
    if living.is_stopped {
        let text = format!("process {process} is frozen: a signal or a debugger holds it");
        let finding = Finding::new(not_active, "frozen", text);
        sheet.fail("running", finding.cure(format!("kill -CONT {process}")));
    } else if silent > SILENT_AFTER_MS && write_probe(patient.data_directory).is_err() {
        // What it leaves word in cannot be written; the disk is told below.
        let text = format!(
            "process {process} lives; whether it hangs cannot be told while its data directory cannot be written"
        );
        sheet.ok("running", text);
    } else if silent > SILENT_AFTER_MS {
        let text = format!(
            "process {process} has not been heard for {} s",
            silent / 1_000
        );
        let finding = Finding::new(not_active, "hanging", text);
        sheet.fail("running", finding.cure("systemctl restart hybridge-agent"));
    } else {
        sheet.ok(
            "running",
            format!("process {process}, version {}", state.version),
        );
    }
    service(sheet, process);
    Some(process)
}

/// Whether it is looked at as who it runs.
fn service(sheet: &mut Sheet, process: u32) {
    let (Some(of_service), Some(own)) = (owner(process), owner(std::process::id())) else {
        sheet.skip(
            &["service"],
            "this system does not tell whose process it is",
        );
        return;
    };
    if of_service == own {
        sheet.ok(
            "service",
            format!("examined as the agent's own account ({own})"),
        );
        return;
    }
    let text = format!(
        "the agent runs as account {of_service}, and this as {own}: files and sign-ins may differ"
    );
    let finding = Finding::new(Code::ConfigurationInvalid, "other-account", text);
    sheet.warn(
        "service",
        finding.cure(format!("sudo -u '#{of_service}' hybridge-agent doctor")),
    );
}

fn owner(process: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Whether every secret can be read, and by nobody else.
pub fn secrets(sheet: &mut Sheet, config: &AgentConfig) {
    let of_connector = config.connectors.iter().filter_map(|connector| {
        let settings = LdapConfig::deserialize(&connector.settings).ok()?;
        Some((connector.name.clone(), settings.secret?))
    });
    let of_proxy = config.network.proxy.iter().filter_map(|proxy| {
        let secret = proxy.secret.clone()?;
        Some(("proxy".to_owned(), secret))
    });
    let all: Vec<(String, Secret)> = of_connector.chain(of_proxy).collect();
    for (whose, secret) in &all {
        if let Err(refusal) = secret.read() {
            let cause = match refusal.code {
                Code::SecretFileUnsafe => "readable-by-others",
                _ => "secret-missing",
            };
            let mut finding = Finding::of_refusal(&refusal, cause);
            finding.text = format!("of {whose}: {}", finding.text);
            let place = match secret {
                Secret::File(path) => format!("write the password into {}", path.display()),
                Secret::Environment(name) => format!("set {name} for the service"),
                Secret::Credential(name) => {
                    format!("add LoadCredential={name}:FILE to the unit of the service")
                }
            };
            finding.cure.get_or_insert(place);
            return sheet.fail("secrets", finding);
        }
    }
    sheet.ok(
        "secrets",
        format!("{} can be read, by their owner only", all.len()),
    );
}

fn write_probe(data_directory: &Path) -> io::Result<()> {
    let file: PathBuf = data_directory.join(PROBE_FILE);
    let written = fs::write(&file, vec![0; PROBE_BYTES]);
    let _ = fs::remove_file(&file);
    written
}

/// Whether something can be written beside the identity, which is replaced from time to time.
pub fn disk(sheet: &mut Sheet, data_directory: &Path) {
    let Err(fault) = write_probe(data_directory) else {
        return sheet.ok(
            "disk",
            format!("{} can be written", data_directory.display()),
        );
    };
    let shown = data_directory.display();
    let text = format!("{shown} cannot be written: {fault}");
    let finding = match fault.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Finding::new(Code::DiskFull, "disk-full", text)
                .cure(format!("make room on the disk of {shown}"))
        }
        io::ErrorKind::NotFound => Finding::new(Code::StoreUnwritable, "no-directory", text)
            .cure(format!("mkdir -p {shown}")),
        _ => Finding::new(Code::StoreUnwritable, "not-writable", text)
            .cure(format!("chown {shown} to the account of the service")),
    };
    // It works on for as long as its certificate lasts.
    match fault.kind() {
        io::ErrorKind::NotFound => sheet.fail("disk", finding),
        _ => sheet.warn("disk", finding),
    }
}
