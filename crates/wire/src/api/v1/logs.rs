//! Logs and traces of server and agents, for whoever looks for a fault.

use serde::{Deserialize, Serialize};

use super::Problem;

/// `POST /logs/trace` (server and all connected agents), `POST /agents/{name}/trace`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TraceRequest {
    /// For how long; 0 ends it.
    pub minutes: u32,
}

/// Who traces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tracing {
    /// Whose, `server` or an agent's name.
    pub name: String,
    /// Until when; absent: it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// `POST /logs/export`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LogExport {
    /// Whether traces are wanted as well.
    pub with_trace: bool,
}

/// A line of the answer to `POST /logs/export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum LogExportEvent {
    /// A file of the archive.
    #[serde(rename_all = "camelCase")]
    File {
        /// Its path within.
        name: String,
        /// Its content.
        text: String,
    },
    /// Something is missing, and why.
    #[serde(rename_all = "camelCase")]
    Missing {
        /// What.
        name: String,
        /// Why.
        problem: Problem,
    },
    /// That was all.
    Done,
}
