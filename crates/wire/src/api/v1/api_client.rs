//! Programs that may call the API.
//!
//! Trap: a secret is shown once, when it is made; the server keeps only its digest.

use serde::{Deserialize, Serialize};

/// A program that may call the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiClient {
    /// Client id.
    pub id: String,
    /// Name.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// When it was admitted.
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// When it was last given a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// Until when its secret is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_expires_at: Option<String>,
    /// How many secrets it has: two while one is being replaced.
    pub secrets: u64,
}

/// `POST /api-clients`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewApiClient {
    /// Name.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// How long its secret is accepted, in days; 0: 180.
    pub lifetime_days: u32,
}

/// `POST /api-clients/{name}/rotate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RotateApiClient {
    /// How long the new secret is accepted, in days; 0: 180.
    pub lifetime_days: u32,
    /// How long the old secret stays accepted beside it, in hours; 0: not at all.
    pub overlap_hours: u32,
}

/// A secret that was just made.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IssuedSecret {
    /// Whose it is.
    pub client: ApiClient,
    /// The secret.
    pub secret: String,
    /// Until when it is accepted.
    pub expires_at: String,
    /// The tenant.
    pub tenant_id: String,
    /// Where it is exchanged for tokens.
    pub token_endpoint: String,
}

impl std::fmt::Debug for IssuedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedSecret")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// A line of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditEntry {
    /// When.
    pub at: String,
    /// Who: `administrator`, the name of an API client, or `server`.
    pub actor: String,
    /// What.
    pub act: String,
    /// To what.
    pub detail: String,
}
