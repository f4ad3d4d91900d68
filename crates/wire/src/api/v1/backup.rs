//! Backups of the server's databases.
//!
//! Trap: a backup holds keys and credentials, sealed under the server's master key; without that one they open nowhere.

use serde::{Deserialize, Serialize};

use super::Problem;

/// `POST /backups`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NewBackup {
    /// How many are kept, the new one included; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}

/// A backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Backup {
    /// Where it is, on the server's machine.
    pub path: String,
    /// When it was made.
    pub made_at: String,
    /// Length of the file.
    pub bytes: u64,
    /// Version of the program that made it.
    pub version: String,
    /// The tenant.
    pub tenant: String,
    /// Ids of the master keys its secrets are sealed under; none: they lie open in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sealed_under: Vec<String>,
    /// Names of what is inside.
    pub files: Vec<String>,
    /// Older backups that were removed for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A line of the answer to `POST /backups`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum BackupEvent {
    /// It goes on.
    Progress {
        /// Pages copied of the present database.
        copied: u64,
        /// Pages it has.
        total: u64,
    },
    /// It is there.
    Done(Backup),
    /// It could not be made.
    Failed(Problem),
}
