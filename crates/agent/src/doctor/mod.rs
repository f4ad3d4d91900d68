//! `hybridge-agent doctor`: what works and what does not, step by step, each with its cause and its cure.
//!
//! Looks only; it changes nothing, takes no work and signs in once. A step that rests on one that failed is passed over, so that
//! the first failure is the cause and not an effect. Never shows a secret. Trap: it runs as whoever calls it; what the service
//! can read and where it goes out may be different, and the check `service` says so.

mod link;
mod machine;
mod names;
mod source;
mod updater;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sync_core::{code::Code, operation::Refusal};
use wire::agent::v1::{Check, CheckState, Examination};

use crate::{
    UPDATER_DIRECTORY, VERSION,
    check::cure_of,
    config::{AgentConfig, SourceFactory},
    error::chain,
    network::Network,
};

/// Whose health is looked at.
pub struct Patient<'a> {
    /// Where its identity is.
    pub data_directory: &'a Path,
    /// Its settings file.
    pub config: Settings,
    /// Makes its sources.
    pub factory: &'a dyn SourceFactory,
    /// Whether the running agent examines itself.
    pub is_self: bool,
}

/// Settings of the patient.
pub enum Settings {
    /// In this file.
    File(PathBuf),
    /// At hand.
    Read(Box<AgentConfig>),
}

/// The report, as it grows.
#[derive(Default)]
pub(crate) struct Sheet {
    checks: Vec<Check>,
    connector: Option<String>,
    /// Domains that connectors keep to, as the server says.
    domains: Vec<(String, String)>,
}

/// What is not well.
pub(crate) struct Finding {
    pub code: Code,
    pub cause: &'static str,
    pub text: String,
    pub cure: Option<String>,
}

impl Finding {
    pub fn new(code: Code, cause: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            cause,
            text: text.into(),
            cure: None,
        }
    }

    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    pub fn of_refusal(refusal: &Refusal, cause: &'static str) -> Self {
        Self {
            code: refusal.code,
            cause,
            text: refusal.to_string(),
            cure: refusal.argument("cure").map(str::to_owned),
        }
    }
}

impl Sheet {
    fn put(&mut self, id: &str, state: CheckState, text: String, finding: Option<&Finding>) {
        let cure = finding.and_then(|f| f.cure.clone().or_else(|| cure_of(f.code)));
        self.checks.push(Check {
            id: id.into(),
            connector: self.connector.clone(),
            state,
            code: finding.map(|f| f.code.name().into()),
            cause: finding.map(|f| f.cause.into()),
            text,
            cure,
        });
    }

    /// The domain the connector that is looked at keeps to, as far as the server said.
    pub fn domain(&self) -> Option<&str> {
        let connector = self.connector.as_ref()?;
        let own = self.domains.iter().find(|(name, _)| name == connector);
        own.map(|(_, domain)| domain.as_str())
    }

    pub fn ok(&mut self, id: &str, text: impl Into<String>) {
        self.put(id, CheckState::Ok, text.into(), None);
    }

    pub fn warn(&mut self, id: &str, finding: Finding) {
        self.put(
            id,
            CheckState::Warning,
            finding.text.clone(),
            Some(&finding),
        );
    }

    pub fn fail(&mut self, id: &str, finding: Finding) {
        self.put(id, CheckState::Failed, finding.text.clone(), Some(&finding));
    }

    pub fn skip(&mut self, ids: &[&str], because: &str) {
        for id in ids {
            let text = format!("not looked at: {because}");
            self.put(id, CheckState::Skipped, text, None);
        }
    }
}

/// Examines an agent.
pub async fn examine(patient: &Patient<'_>) -> Examination {
    let mut sheet = Sheet::default();
    let config = match &patient.config {
        Settings::Read(config) => Some((**config).clone()),
        Settings::File(path) => machine::settings(&mut sheet, path),
    };
    let identity = machine::identity(&mut sheet, patient.data_directory);
    let running = machine::running(&mut sheet, patient);
    if let Some(config) = &config {
        machine::secrets(&mut sheet, config);
    }
    machine::disk(&mut sheet, patient.data_directory);
    let of_updater = config.as_ref().and_then(|config| config.updater.as_deref());
    updater::examine(
        &mut sheet,
        of_updater.unwrap_or(Path::new(UPDATER_DIRECTORY)),
    );
    let network = config.as_ref().map(|config| {
        let environment = running.and_then(crate::state::environment_of);
        let variable = |name: &str| match &environment {
            Some(of_service) => {
                let found = of_service.iter().find(|(have, _)| have == name);
                found.map(|(_, value)| value.clone())
            }
            None => std::env::var(name).ok(),
        };
        Network::with_environment(&config.network, variable)
    });
    match (&config, identity, network) {
        (Some(config), Some(identity), Some(Ok(network))) => {
            link::examine(&mut sheet, config, &identity, &network).await;
        }
        (_, _, Some(Err(fault))) => {
            let finding = Finding::new(fault.code(), "network-settings", chain(&fault));
            let cure = "correct network in the agent's settings, or HTTPS_PROXY in the environment of the service";
            sheet.fail("dns", finding.cure(cure));
            sheet.skip(link::AFTER_DNS, "the way out is not known");
        }
        _ => sheet.skip(link::STEPS, "settings or identity are missing"),
    }
    for connector in config.iter().flat_map(|config| &config.connectors) {
        sheet.connector = Some(connector.name.clone());
        source::examine(&mut sheet, connector, patient.factory).await;
    }
    Examination::new(Timestamp::now().to_string(), VERSION, sheet.checks)
}
