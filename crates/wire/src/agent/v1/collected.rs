//! What an agent sends of itself to somebody who looks for a fault: JSON within an answer.

use serde::{Deserialize, Serialize};

/// Answer to `Logs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Collected {
    /// Texts by the name of their file.
    pub files: Vec<CollectedFile>,
}

/// A text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CollectedFile {
    /// Name.
    pub name: String,
    /// Content.
    pub text: String,
}

/// Answer to `Trace`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Traced {
    /// Until when (RFC 3339); absent: it does not trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}
