//! The engine's conformance suite: what every back end of the store has to do, tried through the public interface.
//!
//! Time and ids are the test's own, so every failure replays. Trap: a bench checks the whole database when it is dropped;
//! a test that passes its own assertions may still fail there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod conformance;
