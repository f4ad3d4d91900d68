//! The agent: a host of source connectors in the customer's network.
//!
//! Outbound only: it asks the control plane for work over mutual TLS 1.3, does it with credentials that never leave its
//! machine, and sends what was asked for. It keeps no state but its identity, and decides nothing. Trap: a lease may be
//! over without the agent knowing (it was frozen, or cut off); the server's refusal is final and ends the work at once.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod allow_list;
pub mod check;
pub mod config;
mod convert;
pub mod doctor;
pub mod enrol;
pub mod error;
pub mod host;
pub mod identity;
mod lease;
pub mod link;
pub mod log;
pub mod network;
pub mod permissions;
pub mod state;
pub mod supervisor;
mod support;
pub mod tls;
mod work;

pub use config::{AgentConfig, ConnectorConfig, SourceFactory};
pub use error::AgentError;
pub use host::{HostOptions, run};

/// Where the updater beside an agent keeps what it remembers, unless it is set otherwise.
pub const UPDATER_DIRECTORY: &str = "/var/lib/hybridge-updater";
/// Name of the file in which the updater remembers.
pub const UPDATER_MEMORY: &str = "updater.json";

/// Version of this software, as told to the server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
