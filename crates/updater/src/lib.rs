//! The updater: keeps the agent's program on the version that is offered.
//!
//! It fetches through the control plane, which is believed in nothing: what is installed is signed by a key that lies on this machine,
//! is newer than what is there, and is offered by a manifest that is neither old nor replayed. Versions lie beside each other, and a
//! symbolic link says which one runs; so a change is one rename, and the way back is the same. Never touches the agent's identity or
//! settings. Trap: whatever is begun is written down first, because the machine may lose power at any instruction.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod error;
mod failpoint;
pub mod fetch;
pub mod manifest;
pub mod memory;
pub mod settings;
pub mod signing;
pub mod versions;
pub mod work;

pub use error::UpdateError;
pub use settings::Settings;

/// Version of this software.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
