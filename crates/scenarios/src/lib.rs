//! The whole of Hybridge against real directories: what the scenario tests share.
//!
//! A [`World`] is a server and an agent, joined by the real wire (TLS, enrolment, leases), in front of a source. Nothing
//! here replaces a part of the product. Trap: what is compared is the tenant directory with the source, never with the
//! engine's own memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub mod tree;
pub mod world;

pub use tree::Tree;
pub use world::{Source, World};
