//! Control messages: enrolment, renewal, heartbeat, leases, and the answer to every part of leased work.
//!
//! JSON. Never carries objects or secrets of a directory; the enrolment token is the one secret, used once. Trap: times are
//! durations in milliseconds, never clock times to be compared (the clocks of the two ends differ).

use serde::{Deserialize, Serialize};

use super::work::Work;

/// What a machine says of itself when it enrols.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// Host name.
    pub host_name: String,
    /// Operating system.
    pub operating_system: String,
    /// Processor architecture.
    pub architecture: String,
}

/// `POST /enrol`: asks to become an agent. The only request without a certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// The one-time token.
    pub token: String,
    /// Certificate signing request, PEM. The key never leaves the agent.
    pub csr: String,
    /// Display name of the agent.
    pub name: String,
    /// Version of the agent's software.
    pub version: String,
    /// The machine.
    #[serde(default)]
    pub host: HostFacts,
}

impl std::fmt::Debug for Enrol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrol")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Answer to [`Enrol`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Id of the agent.
    pub agent_id: i64,
    /// The agent's certificate, PEM, leaf first.
    pub certificate: String,
    /// The tenant's certification authority, PEM: the only one the agent trusts from now on.
    pub authority: String,
    /// Id of the server's tenant.
    pub server_id: String,
}

/// `POST /renew`: a new certificate for a new key, asked with the certificate still valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// Certificate signing request, PEM.
    pub csr: String,
}

/// Answer to [`Renew`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// The new certificate, PEM, leaf first.
    pub certificate: String,
    /// The tenant's certification authority, PEM.
    pub authority: String,
}

/// A connector an agent has settings for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hosted {
    /// The connector's name, as the administrator gave it on both sides.
    pub connector: String,
    /// Its kind (`ad`).
    pub kind: String,
}

/// `POST /heartbeat`: the agent lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Version of the agent's software.
    pub version: String,
    /// Time since it started, in milliseconds.
    pub uptime_ms: u64,
    /// Resident memory, in bytes; 0: not known.
    pub memory_bytes: u64,
    /// The agent's clock, in milliseconds since 1970-01-01 UTC (shown to people, never computed with).
    pub clock_ms: i64,
    /// Connectors it has settings for.
    pub connectors: Vec<Hosted>,
    /// Leases it is working on.
    #[serde(default)]
    pub leases: u32,
    /// The process, by a random text made at its start; empty: an agent that does not say.
    #[serde(default)]
    pub session: String,
    /// SHA-256 of the authorities it trusts, hexadecimal; none: an agent that does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities: Vec<String>,
}

/// Answer to [`Heartbeat`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// The server's clock, in milliseconds since 1970-01-01 UTC.
    pub server_time_ms: i64,
    /// Whether the agent has been revoked.
    pub revoked: bool,
    /// Counts changes of the server's configuration of agents.
    pub config_generation: u64,
    /// Whether the agent should renew its certificate now.
    pub renew: bool,
    /// The authorities to trust from now on, PEM; absent: those it trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// `POST /lease`: asks for work, and waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// Connectors it has settings for.
    pub connectors: Vec<Hosted>,
    /// How many pieces of work it can take now.
    pub capacity: u32,
    /// How long it wants to wait, in milliseconds; the server waits at most [`super::LONGEST_POLL_MS`].
    pub wait_ms: u64,
    /// The process, by a random text made at its start: what a process before it had leased is over. Empty: an agent that does
    /// not say.
    #[serde(default)]
    pub session: String,
}

/// Answer to [`LeaseRequest`]; empty: ask again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseAnswer {
    /// The work, at most as many pieces as asked for.
    pub leases: Vec<Leased>,
}

/// A piece of work and the right to do it for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leased {
    /// Id of the lease; part of the paths of everything about it.
    pub lease: String,
    /// Fencing token; every message about the lease carries it.
    pub fence: u64,
    /// How long the lease lasts unless extended, in milliseconds from the receipt of this message.
    pub deadline_ms: u64,
    /// The connector to work with.
    pub connector: String,
    /// What to do.
    pub work: Work,
}

/// Answer to a part (page or listing), an end or an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Receipt {
    /// Taken, now or earlier.
    Accepted {
        /// How long the lease lasts from now on, in milliseconds.
        deadline_ms: u64,
    },
    /// Not the next number; nothing was taken.
    NotNext {
        /// The number that is next.
        expected: u32,
    },
    /// The work is over for the sender: it must stop.
    Refused {
        /// Why.
        refusal: RefusalText,
    },
    /// A newer server said something this version does not know; treated as a refusal.
    #[serde(other)]
    Unknown,
}

/// A code with its arguments. Unknown codes pass through as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalText {
    /// The code's name.
    pub code: String,
    /// Names and values for its text. Never secrets.
    #[serde(default)]
    pub arguments: Vec<(String, String)>,
}

/// Body of every HTTP error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The code's name.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub cure: String,
}
