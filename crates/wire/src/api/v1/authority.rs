//! The tenant's certification authorities: one, or two while the old one is being exchanged.

use serde::{Deserialize, Serialize};

/// Who is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Authorities {
    /// The oldest first.
    pub authorities: Vec<TrustedAuthority>,
    /// Their certificates, PEM: what clients of this server have to trust.
    pub pem: String,
    /// Agents that would be cut off if the old one left now.
    pub behind: Vec<AgentBehind>,
    /// When the old one leaves by itself, if nobody is behind then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves_at: Option<String>,
}

/// An authority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrustedAuthority {
    /// How many the tenant has had, this one included.
    pub number: u32,
    /// SHA-256 of its certificate, hexadecimal.
    pub fingerprint: String,
    /// Start of its life.
    pub not_before: String,
    /// End of its life.
    pub not_after: String,
    /// Whether it issues the server's certificate: newcomers are told to trust it.
    pub presents: bool,
    /// Whether it issues agents' certificates.
    pub issues: bool,
}

/// An agent that has no certificate of the new authority yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentBehind {
    /// Its name.
    pub name: String,
    /// When it was last heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<String>,
}

/// `POST /authority/retire`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retirement {
    /// Whether agents that are behind may be cut off.
    pub cut_off: bool,
}
