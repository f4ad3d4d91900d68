//! The decisions of Hybridge.
//!
//! Everything here is pure: values in, values out. No async, no I/O, no clock, no randomness, no environment; the time is
//! an argument wherever it matters, so that any failure can be replayed.
//!
//! Glossary (one word per thing, everywhere):
//!
//! * **object** – an entry of a source, kept in its **connector space** as the latest known whole state;
//! * **anchor** – the immutable key of an object in its realm (AD: objectGUID, raw bytes);
//! * **source anchor** – the text a target remembers an object by (Base64 of the anchor or of ms-DS-ConsistencyGuid);
//! * **identity** – one object of a target; **links** tie source objects to it;
//! * **due** – a (job, object) that has to be planned, with the reasons;
//! * **operation** – what a plan wants done in the target; stored, it is a **pending export**;
//! * **escrow** – an object whose last attempt failed, retried with decreasing frequency;
//! * **cycle** – one run of a job, from the first thing to do until nothing is left;
//! * **quarantine** – a job that fails too much is tried less and less often;
//! * **guard** – the protection against accidental deletion;
//! * **hold** – what stays as it is in the target although something else is wanted;
//! * **leaver** – an object that is to go, within its grace period;
//! * **watermark** – the opaque position in a source's stream of changes.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(missing_docs)]

pub mod aside;
pub mod claim;
pub mod code;
pub mod cycle;
pub mod expression;
pub mod functions;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod grace;
pub mod guard;
pub mod health;
pub mod hold;
pub mod id;
pub mod idfix;
pub mod judge;
pub mod mapping;
pub mod object;
pub mod operation;
pub mod plan;
pub mod quick;
pub mod schema;
pub mod scope;
pub mod sid;
pub mod takeover;
pub mod update;
pub mod value;
