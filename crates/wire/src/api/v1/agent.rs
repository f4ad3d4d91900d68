//! Agents and the tokens they enrol with.
//!
//! Never carries a key. Trap: the token is shown once; the server keeps only its digest.

use serde::{Deserialize, Serialize};

/// `POST /enrolment-tokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewToken {
    /// How long it is valid, in seconds; 0: one hour.
    pub lifetime_seconds: u64,
    /// Connectors the agent may serve; none named: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connectors: Vec<String>,
    /// Domains the agent may serve: the connectors that keep to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
}

/// A one-time token to enrol an agent with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrolmentToken {
    /// The token. A secret until it is used.
    pub token: String,
    /// Until when it is valid.
    pub expires_at: String,
    /// Address of the server, for the agent.
    pub server: String,
    /// SHA-256 of the certificate of the tenant's own certification authority, hexadecimal.
    pub authority_fingerprint: String,
}

impl std::fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolmentToken")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// An agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Agent {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `connected`, `drained` (connected, and takes no new work), `silent`, `expired` or `revoked`.
    pub state: String,
    /// When it was last heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<String>,
    /// Since when it exists.
    pub enrolled_at: String,
    /// Until when its certificate is valid.
    pub certificate_expires_at: String,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// Since when it takes no new work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained_at: Option<String>,
    /// Connectors it may serve; empty: any.
    pub assigned: Vec<String>,
    /// Whether two processes have used its identity at once within the last hour: a copied machine, or a stolen key.
    pub is_shared: bool,
    /// What it says of itself: version, host, connectors.
    pub facts: serde_json::Value,
}

/// `POST /agents/{name}/assign`: which connectors an agent may serve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Assignment {
    /// By name; empty: any.
    pub connectors: Vec<String>,
}
