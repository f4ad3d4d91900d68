//! The control plane as a library.
//!
//! Trap: nothing here may be served without TLS; the only listener is [`tls::serve`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod access;
pub mod agent_api;
pub mod agents;
pub mod api;
pub mod app;
pub mod backup;
pub mod caller;
pub mod catch_up;
mod claims;
pub mod comparison;
pub mod configuration;
pub mod cycles;
pub mod desk;
pub mod domain;
pub mod doorbell;
pub mod exporter;
pub mod failpoint;
pub mod graph;
pub mod health;
pub mod idfix;
mod ids;
pub mod instance;
pub mod notify;
pub mod open_files;
pub mod pki;
pub mod places;
pub mod planner;
pub mod preview;
pub mod redaction;
pub mod rejoin;
pub mod release;
pub mod removal;
pub mod rollover;
pub mod room;
pub mod rules;
pub mod scheduler;
pub mod seed;
mod set_aside;
mod slow;
pub mod staging;
pub mod start;
pub mod stores;
pub mod tls;
pub mod unique;
pub mod updates;
pub mod verify;
