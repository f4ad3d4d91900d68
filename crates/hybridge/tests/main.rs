//! The real executable, as a person or a script meets it: streams, exit codes, JSON, and the demo from end to end.
//!
//! One demo world serves all claims about the API; it is started once. Trap: every test that waits has a limit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod access;
mod agents;
mod api;
mod command;
mod cycles;
mod demo;
mod directory;
mod expression;
mod links;
mod log;
mod preview;
mod readme;
mod references;
mod rules;
mod world;
