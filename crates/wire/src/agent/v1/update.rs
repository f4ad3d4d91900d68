//! The updater's questions: what is offered, whose turn it is, and whether the server hears the agent.
//!
//! Asked with the agent's certificate. The server is a courier only: what it hands out is believed for its signature, by keys the
//! server does not hold. Trap: ages are durations, so that clocks of the two ends need not agree.

use serde::{Deserialize, Serialize};

/// Largest part of a program, in bytes.
pub const LARGEST_PART_BYTES: usize = 1 << 20;
/// Largest manifest, in bytes.
pub const LARGEST_MANIFEST_BYTES: usize = 64 << 10;

/// `POST /update/report`: the updater lives, and says how it is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateReport {
    /// Version of the updater.
    pub updater: String,
    /// Version of the agent's program that is in place.
    pub program: String,
    /// What it is doing: `idle`, `waiting`, `fetching`, `switching`, `watching`, `updated`, `returned`, `refused`.
    pub phase: String,
    /// The version it is about.
    pub version: String,
    /// A code, if something is wrong.
    pub code: String,
    /// What happened, for people.
    pub text: String,
}

/// Answer to [`UpdateReport`]: what the server hears of the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Version its last heartbeat named; empty: none came yet.
    pub version: String,
    /// How long ago that was, in milliseconds.
    pub age_ms: u64,
    /// How long it had been running then, in milliseconds.
    pub uptime_ms: u64,
    /// Whether it is connected.
    pub is_connected: bool,
}

/// `POST /update/manifest`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManifestRequest {
    /// The channel the updater follows.
    pub channel: String,
}

/// Answer to [`ManifestRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManifestAnswer {
    /// The signed manifest as it was published; absent: nothing is offered.
    pub manifest: Option<String>,
}

/// `POST /update/part`: answered with the bytes themselves, fewer than a whole part at the end of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartRequest {
    /// The channel the updater follows.
    pub channel: String,
    /// Name of the file, as the manifest has it.
    pub file: String,
    /// From where on.
    pub offset: u64,
}

/// `POST /update/turn`: asks to be the one that is updated now. Asked again, a turn is prolonged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnRequest {
    /// Version to be installed.
    pub version: String,
}

/// Answer to [`TurnRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turn {
    /// Whether it may.
    pub is_granted: bool,
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Why not.
    pub why: String,
}
