//! The forest seen by foreign clients: another implementation of LDAP's messages, and Debian's ldap-utils
//! where they are installed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod changes;
mod client;
mod dirsync;
mod faults;
mod generated;
mod limits;
mod tools;
