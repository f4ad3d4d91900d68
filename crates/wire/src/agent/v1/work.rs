//! Work an agent can be given.
//!
//! Complete: nothing is left for the agent to decide. Trap: an agent answers work it does not know with a refusal, never with silence.

use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;

/// What is to be read, and nothing else leaves the customer's network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Classes read whole.
    pub classes: Vec<String>,
    /// Plain attributes.
    pub attributes: Vec<String>,
    /// Linked attributes.
    pub links: Vec<String>,
    /// Anchors of the containers read; empty: the whole naming context.
    pub containers: Vec<Bytes>,
}

/// How to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything, from nothing.
    Full,
    /// What changed since this position.
    Delta(Bytes),
    /// Everything, to be merged only.
    Backfill,
}

/// How an object is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// By anchor.
    Anchor(Bytes),
    /// By distinguished name.
    Dn(String),
    /// By user principal name.
    UserPrincipalName(String),
    /// By account name.
    AccountName(String),
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Read into pages: `POST /leases/{lease}/pages/{number}`, then `/leases/{lease}/read-end`.
    Read {
        /// Id of the read; it repeats in every page.
        read: i64,
        /// What.
        spec: Spec,
        /// How.
        mode: Mode,
        /// Where the last read ended, if this one does not continue it: nothing older may be shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Bytes>,
        /// Number of the first page.
        first_page: u32,
    },
    /// Read one object: `POST /leases/{lease}/answer`.
    ReadOne {
        /// What.
        spec: Spec,
        /// Which.
        name: Named,
        /// Where the last read ended: nothing older may be shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Bytes>,
        /// Whether the answer may be [`Answer::LiveAmongOthers`](super::Answer): a server of before does not know it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        with_others: bool,
    },
    /// Connect and say what the source is: `POST /leases/{lease}/answer`.
    Discover,
    /// List the containers: `POST /leases/{lease}/answer`.
    Containers {
        /// Where the last read ended: nothing older may be shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Bytes>,
    },
    /// List objects by plain search: `POST /leases/{lease}/listings/{number}`, then `/leases/{lease}/answer`.
    Enumerate {
        /// What.
        spec: Spec,
        /// Where the last read ended: nothing older may be shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        position: Option<Bytes>,
    },
    /// Watch for changes: `POST /leases/{lease}/rings/{number}` when one came, `/leases/{lease}/answer` when the source ends it.
    Watch {
        /// What.
        spec: Spec,
        /// Where the last read ended.
        watermark: Option<Bytes>,
    },
    /// Examine yourself: `POST /leases/{lease}/answer`. The connector is that of the agent itself.
    Examine,
    /// Write every step down for a while: `POST /leases/{lease}/answer`. The connector is that of the agent itself.
    Trace {
        /// For how long; 0 ends it.
        minutes: u32,
    },
    /// Send the newest lines of the log: `POST /leases/{lease}/answer`. The connector is that of the agent itself.
    Logs {
        /// Whether traces are wanted as well.
        with_trace: bool,
        /// How much of them.
        most_bytes: u32,
    },
    /// Work of a newer server.
    #[serde(other)]
    Unknown,
}
