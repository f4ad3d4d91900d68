//! The guard's limits, and where its budgets stand.
//!
//! Trap: the limits of a tenant hold for all its jobs together, those of a job for that job alone; what trips first holds.

use serde::{Deserialize, Serialize};

/// How a tenant is protected, whichever jobs write to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Prevention {
    /// `disabled`, `enabledForCount` or `enabledForPercentage`; absent in a change: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synchronization_prevention_type: Option<String>,
    /// Objects, or percent of the linked objects; absent in a change: as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_threshold: Option<u64>,
}

/// Where a budget stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Budget {
    /// At how many objects it trips; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u64>,
    /// Objects that lost something within the window.
    pub carried_out: u64,
    /// Objects that are about to, held ones included.
    pub waiting: u64,
    /// Linked objects.
    pub linked: u64,
    /// Memberships removed within the window.
    pub memberships_removed: u64,
    /// Memberships about to be removed.
    pub memberships_waiting: u64,
}

/// The budgets of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobBudget {
    /// Name of the job.
    pub job: String,
    /// Its own.
    pub own: Budget,
    /// That of its tenant, all jobs together.
    pub tenant: Budget,
    /// Why the guard holds, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<super::Problem>,
}

/// `GET /guard`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Guard {
    /// How the tenant is protected.
    pub prevention: Prevention,
    /// The jobs.
    pub jobs: Vec<JobBudget>,
}
