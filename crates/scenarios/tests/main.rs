//! Scenarios end to end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod clients;
mod crash;
mod disasters;
mod faults;
mod keeping;
mod life;
mod likeness;
mod openldap;
mod refusals;
mod samba;
mod updates;
mod with_forest;
