//! The whole of Hybridge against real directories: what the scenario tests share.
//!
//! A [`World`] is a server and an agent, joined by the real wire (TLS, enrolment, leases), in front of a source. Nothing
//! here replaces a part of the product. Trap: what is compared is the tenant directory with the source, never with the
//! engine's own memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub mod bench;
pub mod chaos;
pub mod clients;
pub mod crash;
pub mod faults;
pub mod hand;
pub mod judge;
pub mod look;
pub mod open;
pub mod processes;
pub mod record;
pub mod relay;
pub mod room;
pub mod samba;
pub mod slapd;
pub mod story;
pub mod tree;
pub mod world;

pub use open::open;
pub use story::Story;
pub use tree::Tree;
pub use world::{Source, World};

/// Whether the long tier was asked for (`HYBRIDGE_TIER=full`).
pub fn is_full() -> bool {
    std::env::var("HYBRIDGE_TIER").is_ok_and(|tier| tier == "full")
}
