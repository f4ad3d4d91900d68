//! The connectors against real systems.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bell;
mod forest_ad;
mod model;
mod openldap;
mod samba;
