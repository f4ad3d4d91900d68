//! The whole configuration: connectors, jobs, rules, notifications, settings of the server, domains, API clients. Never a
//! secret, only the names of those that are needed.
//!
//! Trap: it is whole. What a job's settings leave out has its usual value, not the one it has now; only what is not there at all
//! (a job, a connector) is left as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{JobSettings, Prevention};

/// The form this version writes.
pub const CONFIGURATION_FORM: u32 = 1;

/// A configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Configuration {
    /// Form.
    pub form: u32,
    /// Connectors, but the server's own.
    pub connectors: Vec<ConfiguredConnector>,
    /// Jobs.
    pub jobs: Vec<ConfiguredJob>,
    /// Who is told.
    pub notifications: ConfiguredNotifications,
    /// The server itself.
    pub server: ConfiguredServer,
    /// Domains of the tenant, but the one it always has; none where whoever asks may not see them.
    pub domains: Vec<ConfiguredDomain>,
    /// Programs that may call the API; none where whoever asks may not see them.
    pub api_clients: Vec<ConfiguredApiClient>,
}

/// A verified domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredDomain {
    /// Its name.
    pub name: String,
    /// Whether sign-ins are carried out by somebody else.
    pub is_federated: bool,
}

/// A program that may call the API. It gets a secret by `POST /api-clients/{name}/rotate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredApiClient {
    /// Name.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
}

/// A connector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredConnector {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Its configuration.
    pub config: serde_json::Value,
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredJob {
    /// Name.
    pub name: String,
    /// Name of the source connector.
    pub source: String,
    /// Name of the target connector.
    pub target: String,
    /// `active` or `paused`.
    pub state: String,
    /// Settings.
    pub settings: JobSettings,
    /// Rules (synchronizationSchema JSON).
    pub rules: serde_json::Value,
}

/// The name of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretName {
    /// Name.
    pub secret: String,
}

/// Who is told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredNotifications {
    /// By mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<ConfiguredMail>,
    /// To a web hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<ConfiguredHook>,
}

/// A mail server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredMail {
    /// Host name.
    pub server: String,
    /// Port.
    pub port: u16,
    /// `starttls`, `tls` or `none`.
    pub security: String,
    /// Name it is signed in with; empty: nobody signs in.
    pub user: String,
    /// Its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretName>,
    /// Sender.
    pub from: String,
    /// Receivers.
    pub to: Vec<String>,
    /// Who is trusted instead of the machine's own authorities: PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// A web hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredHook {
    /// Host of its URL.
    pub host: String,
    /// The URL, which may hold a secret.
    pub url: SecretName,
    /// What the signature is made with.
    pub key: SecretName,
    /// Who is trusted instead of the machine's own authorities: PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// The server itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredServer {
    /// Days records of the log are kept; absent: as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_days: Option<u32>,
    /// Room they may take, in megabytes; absent: as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_megabytes: Option<u32>,
    /// How the tenant is protected from deletions; absent: as usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_prevention: Option<Prevention>,
}

/// `POST /configuration/plan`, `POST /configuration/apply`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfigurationRequest {
    /// What is wanted.
    pub configuration: Configuration,
    /// Secrets by name.
    pub secrets: BTreeMap<String, String>,
    /// The mark of the plan that was looked at; needed to apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<i64>,
}

/// A difference between what is wanted and what is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigurationDifference {
    /// `make`, `change` or `leave`: what is not wanted and stays.
    pub what: String,
    /// `connector`, `job`, `notifications`, `server`, `domain` or `apiClient`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where in it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<serde_json::Value>,
    /// What it is to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<serde_json::Value>,
}

/// What applying would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigurationPlan {
    /// Mark of what it is compared with.
    pub mark: i64,
    /// Differences.
    pub differences: Vec<ConfigurationDifference>,
    /// Names of secrets that are needed and not given.
    pub missing_secrets: Vec<String>,
    /// Whether it was put in force.
    pub is_applied: bool,
}
