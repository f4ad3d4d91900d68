//! Connectors: what they are, where they stand, and what a test of one shows.
//!
//! Never carries a credential: those stay with the agent. Trap: `config` is what the server needs, not what the agent has.

use serde::{Deserialize, Serialize};

use super::Problem;

/// `POST /connectors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewConnector {
    /// Name, the same as in the agent's configuration.
    pub name: String,
    /// `ad`.
    pub kind: String,
    /// Settings; never a secret.
    #[serde(default)]
    pub config: serde_json::Value,
}

/// `PATCH /connectors/{name}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ConnectorChange {
    /// Settings to change; null takes one away. `compareHours`: hours between two full comparisons, 0: never.
    pub config: serde_json::Map<String, serde_json::Value>,
}

/// A connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connector {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// `ad` or `directory`.
    pub kind: String,
    /// Settings.
    pub config: serde_json::Value,
    /// What discovery last said of the system (domain, server, product).
    pub info: serde_json::Value,
    /// Where reading stands; absent for a pure target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Since when it exists.
    pub created_at: String,
}

/// By which mechanism changes of a source are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Method {
    /// `DirSync`, `uSNChanged`, `RFC 4533`, `modifyTimestamp`.
    pub name: String,
    /// The server that answered.
    pub server: String,
    /// What is weaker than with the best mechanism, and what cures it; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weaker: Option<Problem>,
}

/// Where reading of a source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Position {
    /// What the next read is: `delta`, `full` or `backfill`.
    pub next_read: String,
    /// Why it is not a delta.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Problem>,
    /// Until when everything is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_up_to: Option<String>,
    /// When a read last ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_read_at: Option<String>,
    /// When a read last brought a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change_at: Option<String>,
    /// How the last read found changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// When the source was last compared whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_at: Option<String>,
    /// The last read failed with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Problem>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// The last full read is not believed; nothing is planned until somebody says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspect: Option<Problem>,
}

/// `POST /connectors/{id}/test`: what the system said when it was asked, just now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectorTest {
    /// DNS name of the domain.
    pub domain: String,
    /// NetBIOS name of the domain.
    pub netbios: String,
    /// Naming context that is read.
    pub naming_context: String,
    /// The server that answered.
    pub server: String,
    /// Vendor and version.
    pub product: String,
    /// Attributes of the schema.
    pub attributes: u64,
    /// How long deletions stay visible, in days.
    pub tombstone_lifetime_days: i64,
    /// How long the answer took, in milliseconds.
    pub duration_ms: u64,
}

/// A container by which the scope can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Anchor.
    pub anchor: String,
    /// Distinguished name.
    pub dn: String,
}
