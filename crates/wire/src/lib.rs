//! What travels between processes: messages between agent and server, versioned by path.
//!
//! Plain serde types, converted by hand at the borders, so that a change inside never changes what is sent. Never decides
//! anything and never does I/O. Trap: a message once released keeps its form; a new form is a new version.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(missing_docs)]

pub mod agent;
pub mod api;
pub mod bytes;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod release;
