//! The agent's settings: which connectors it has, and how it gets at their sources.
//!
//! Never holds a secret, only where it is. Trap: a connector's name must be the one the administrator gave it on the server.

use std::{
    fs,
    hash::BuildHasher,
    path::{Path, PathBuf},
};

use connectors::{
    Source,
    ldap::{AdSource, LdapConfig, OpenLdapSource},
};
use secrecy::{ExposeSecret as _, SecretSlice};
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};
use wire::agent::v1::Hosted;

use crate::{
    error::AgentError,
    network::{Network, NetworkConfig},
};

/// The settings file (JSON).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Where the control plane is, if it has moved since enrolment.
    #[serde(default)]
    pub server: Option<String>,
    /// The connectors.
    pub connectors: Vec<ConnectorConfig>,
    /// Pieces of work done at once.
    #[serde(default = "default_parallel")]
    pub parallel: u32,
    /// How it gets out of this network.
    #[serde(default)]
    pub network: NetworkConfig,
    /// Where the updater beside it keeps what it remembers, if not in the usual place; for the doctor.
    #[serde(default)]
    pub updater: Option<PathBuf>,
}

fn default_parallel() -> u32 {
    4
}

/// A connector.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorConfig {
    /// Its name, as on the server.
    pub name: String,
    /// Its kind (`ad`, `openldap`).
    pub kind: String,
    /// Settings of that kind.
    pub settings: serde_json::Value,
}

impl AgentConfig {
    /// Reads and checks a settings file.
    ///
    /// # Errors
    /// [`AgentError::Invalid`] naming what is wrong and where.
    pub fn read(path: &Path) -> Result<Self, AgentError> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => AgentError::NoSettings { path: path.into() },
            _ => AgentError::of_file("reading", path, source),
        })?;
        let config: Self = serde_json::from_str(&text)
            .map_err(|fault| AgentError::Invalid(format!("{shown}: {fault}")))?;
        config
            .check()
            .map_err(|text| AgentError::Invalid(format!("{shown}: {text}")))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if self.connectors.is_empty() {
            return Err("connectors: there must be at least one".into());
        }
        if self.parallel == 0 {
            return Err("parallel: must be at least 1".into());
        }
        Network::new(&self.network).map_err(|fault| fault.to_string())?;
        let mut names: Vec<&str> = self.connectors.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.get(1)) {
            Some(pair) => Err(format!(
                "connectors: the name {} occurs twice",
                pair.concat()
            )),
            None => Ok(()),
        }
    }

    /// The connectors as told to the server.
    pub fn hosted(&self) -> Vec<Hosted> {
        let hosted = |c: &ConnectorConfig| Hosted {
            connector: c.name.clone(),
            kind: c.kind.clone(),
        };
        self.connectors.iter().map(hosted).collect()
    }
}

/// Makes the source of a connector; one for each piece of work.
pub trait SourceFactory: Send + Sync {
    /// A source that is not connected yet.
    ///
    /// # Errors
    /// `ConfigurationInvalid` if the settings are not of the connector's kind.
    fn source(&self, connector: &ConnectorConfig) -> Result<Box<dyn Source>, Refusal>;
}

impl<F> SourceFactory for F
where
    F: Fn(&ConnectorConfig) -> Result<Box<dyn Source>, Refusal> + Send + Sync,
{
    fn source(&self, connector: &ConnectorConfig) -> Result<Box<dyn Source>, Refusal> {
        self(connector)
    }
}

/// Tells one credential of a connector from another without keeping it; `None`: there is no password and no key, or it
/// cannot be read.
pub(crate) fn credential_mark(
    connector: &ConnectorConfig,
    hasher: &impl BuildHasher,
) -> Option<u64> {
    let config = LdapConfig::deserialize(&connector.settings).ok()?;
    match (&config.secret, &config.negotiate.keytab) {
        (Some(secret), _) => {
            let secret = secret.read().ok()?;
            Some(hasher.hash_one((&config.bind, secret.expose_secret())))
        }
        (None, Some(keytab)) => {
            let key = SecretSlice::from(fs::read(keytab).ok()?);
            Some(hasher.hash_one((&config.bind, key.expose_secret())))
        }
        (None, None) => None,
    }
}

/// The sources this software knows.
///
/// # Errors
/// `ConfigurationInvalid` for an unknown kind or wrong settings.
pub fn known_source(connector: &ConnectorConfig) -> Result<Box<dyn Source>, Refusal> {
    let invalid = |text: String| {
        Refusal::new(Code::ConfigurationInvalid)
            .with("connector", &connector.name)
            .with("text", text)
    };
    let ldap = || {
        LdapConfig::deserialize(&connector.settings)
            .map_err(|fault| invalid(format!("settings: {fault}")))
    };
    match connector.kind.as_str() {
        "ad" => Ok(Box::new(AdSource::new(ldap()?))),
        "openldap" => Ok(Box::new(OpenLdapSource::new(ldap()?))),
        other => Err(invalid(format!(
            "kind: {other} is not known; known are ad and openldap"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.json");
        fs::write(&path, text).unwrap();
        AgentConfig::read(&path).unwrap_err().to_string()
    }

    #[test]
    fn a_missing_file_is_somebodys_to_write() {
        let missing = AgentConfig::read(Path::new("/no/such/agent.json")).unwrap_err();
        assert_eq!(missing.code(), sync_core::code::Code::ConfigurationInvalid);
        assert!(missing.to_string().contains("--config"), "{missing}");
    }

    #[test]
    fn names_what_is_wrong_with_the_settings() {
        assert!(check("{").contains("agent.json"));
        assert!(check(r#"{"connectors":[]}"#).contains("at least one"));
        let twice = r#"{"connectors":[{"name":"a","kind":"ad","settings":{}},{"name":"a","kind":"ad","settings":{}}]}"#;
        assert!(check(twice).contains("twice"));
        assert!(check(r#"{"connectors":[],"sever":""}"#).contains("sever"));
    }

    #[test]
    fn refuses_unknown_kinds_and_wrong_settings() {
        let connector = |kind: &str| ConnectorConfig {
            name: "canal".into(),
            kind: kind.into(),
            settings: serde_json::json!({"urls": 5}),
        };
        for kind in ["ad", "openldap", "fax"] {
            let refusal = known_source(&connector(kind)).err().unwrap();
            assert_eq!(refusal.code, Code::ConfigurationInvalid);
            assert_eq!(refusal.argument("connector"), Some("canal"));
        }
    }
}
