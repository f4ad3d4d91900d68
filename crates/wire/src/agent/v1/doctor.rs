//! What an examination of an agent found: check by check, in the order in which one rests on the other.
//!
//! JSON everywhere, also inside an answer. Never carries a secret or a value of an object. Trap: ids and causes are a promise to
//! scripts; they are added, never renamed.

use serde::{Deserialize, Serialize};

/// How a check ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckState {
    /// It works.
    Ok,
    /// It works, and something is not as it should be.
    Warning,
    /// It does not work.
    Failed,
    /// Not looked at, because something it rests on failed.
    #[default]
    #[serde(other)]
    Skipped,
}

/// A check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Check {
    /// What was checked (`dns`, `tls`, `bind` …).
    pub id: String,
    /// The connector it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    /// How it ended.
    pub state: CheckState,
    /// The code, if it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The cause in a word (`dropped`, `inspected` …), if it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What was found.
    pub text: String,
    /// The one command or setting that cures it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Examination {
    /// When, RFC 3339.
    pub at: String,
    /// Version of the software that examined.
    pub version: String,
    /// Whether nothing failed.
    pub is_healthy: bool,
    /// Id of the first check that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_failed: Option<String>,
    /// The checks.
    pub checks: Vec<Check>,
}

impl Examination {
    /// Of these checks.
    pub fn new(at: String, version: &str, checks: Vec<Check>) -> Self {
        let mut failed = checks.iter().filter(|c| c.state == CheckState::Failed);
        let first_failed = failed.next().map(|check| check.id.clone());
        Self {
            at,
            version: version.to_owned(),
            is_healthy: first_failed.is_none(),
            first_failed,
            checks,
        }
    }
}

/// `POST /whoami`: who am I, and is there work for what I serve? Changes nothing, also not who counts as running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WhoAmI {
    /// Connectors the agent has settings for.
    pub connectors: Vec<super::Hosted>,
}

/// Answer to [`WhoAmI`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct YouAre {
    /// Id of the agent.
    pub agent_id: i64,
    /// Its name.
    pub name: String,
    /// The server's clock, in milliseconds since 1970-01-01 UTC.
    pub server_time_ms: i64,
    /// Whether the server has heard a running agent of this identity lately.
    pub is_connected: bool,
    /// Connectors of the question the server does not know.
    pub unknown: Vec<String>,
    /// Connectors of the question this agent may not serve.
    pub not_granted: Vec<String>,
    /// Domains that connectors of the question keep to, by the connector's name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<(String, String)>,
}
