//! The master key: never itself, only its name and what lies under it.

use serde::{Deserialize, Serialize};

/// The master key of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MasterKey {
    /// Id of the key that seals.
    pub id: String,
    /// Where it comes from.
    pub origin: String,
    /// Ids of the keys that only open.
    pub older: Vec<String>,
    /// What is sealed.
    pub secrets: Vec<SealedSecret>,
    /// Ids of the keys that were just taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
}

/// A sealed secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SealedSecret {
    /// Name of its file in the data directory.
    pub name: String,
    /// Id of its key; absent: it lies open until the next start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
