//! Connectors: each speaks to one foreign system; it reads and writes, and decides nothing.
//!
//! [`Source`] and [`Target`] are the two traits; there is one folder per system. A connector knows neither engine nor
//! server: a host (in the server, or in an agent) leases work and calls it. Trap: a connector never turns absence into
//! deletion and never hides a gap; when a position cannot be continued it says so ([`ReadEnd::NeedsFullRead`]).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(missing_docs)]

#[cfg(feature = "ldap")]
pub mod dns;
pub mod source;
pub mod target;

#[cfg(feature = "directory")]
pub mod directory;
#[cfg(feature = "ldap")]
pub mod ldap;

pub use source::{PageSink, ReadEnd, ReadMode, Source};
pub use target::Target;
