//! Updates of agents: what is wished, what is offered, and how far each agent is.
//!
//! Trap: what is offered is what a file claims; only the updater beside an agent judges whether it is genuine.

use serde::{Deserialize, Serialize};

/// What is wished.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdatePolicy {
    /// Whether agents are updated by themselves.
    pub enabled: bool,
    /// Not before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defer_until: Option<String>,
    /// Updates begin within it only (`22:00-04:00`); absent: at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Time zone of the window.
    pub zone: String,
    /// The one version that is installed; absent: the one that is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

/// `PATCH /agent-updates`; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpdatePolicyChange {
    /// Whether agents are updated by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Not before this time; `none`: not deferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defer_until: Option<String>,
    /// `22:00-04:00`; `none`: at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Time zone of the window (IANA), such as `Europe/Amsterdam`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The one version that is installed; `none`: the one that is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

/// What the server has for agents, as its file claims.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OfferedRelease {
    /// Channel.
    pub channel: String,
    /// Version.
    pub version: String,
    /// When it was signed.
    pub issued_at: String,
    /// Until when updaters believe it.
    pub expires_at: String,
}

/// How far an agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentUpdate {
    /// Name of the agent.
    pub agent: String,
    /// Version of its updater.
    pub updater: String,
    /// Version of its program in place.
    pub program: String,
    /// What its updater is doing.
    pub phase: String,
    /// The version that is about.
    pub version: String,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened.
    pub text: String,
    /// When its updater said so.
    pub told_at: String,
    /// Whether it is the one that is updated now.
    pub has_turn: bool,
    /// Versions that did not become healthy on it.
    pub failed: Vec<String>,
}

/// `GET /agent-updates`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentUpdates {
    /// What is wished.
    pub policy: UpdatePolicy,
    /// Where releases are looked for.
    pub folder: String,
    /// What is offered.
    pub offered: Vec<OfferedRelease>,
    /// Agents whose updater ever said something.
    pub agents: Vec<AgentUpdate>,
}

/// `POST /agent-updates/retry`: a version that did not become healthy may be tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpdateRetry {
    /// The version.
    pub version: String,
}
