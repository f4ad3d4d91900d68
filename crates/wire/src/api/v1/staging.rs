//! Staging: who is active for a job, here and in the target.
//!
//! Trap: a server that is not active may say so late; what counts is what the target says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Named, Problem};

/// Since when something is in staging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Staged {
    /// Since when.
    pub since: String,
    /// By whom.
    pub by: String,
    /// Why, if it was not a person's wish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Problem>,
}

/// Who holds a job in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FenceView {
    /// Whether anybody holds it now.
    pub is_held: bool,
    /// Whether that is this server.
    pub is_this: bool,
    /// The server that took it last.
    pub server: String,
    /// How often it was taken.
    pub generation: u64,
    /// When it was taken last.
    pub taken_at: String,
}

/// A job in regard to staging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStaging {
    /// The job.
    pub job: Named,
    /// Whether it runs.
    pub state: String,
    /// Since when the job itself is in staging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staged: Option<Staged>,
    /// Whether nothing is carried out, for whichever reason.
    pub is_staged: bool,
    /// Operations that wait.
    pub to_export: u64,
    /// Who holds it in the target; absent: nobody ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fence: Option<FenceView>,
}

/// `GET /staging`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Staging {
    /// Id of this server.
    pub instance: String,
    /// Since when the whole server is in staging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Staged>,
    /// Jobs.
    pub jobs: Vec<JobStaging>,
}

/// `POST /staging/enter`, `POST /staging/promote`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StagingRequest {
    /// Only this job (name or id); absent: the whole server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// From which server each job (by id) is taken over: the generation that was seen.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub take_over: BTreeMap<String, u64>,
}
