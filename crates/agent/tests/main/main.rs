//! Agent and server over real TLS on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod calls;
mod doctor;
mod enrolment;
mod hostile;
mod lab;
mod leases;
#[cfg(unix)]
mod log;
mod network;
mod process;
mod reading;
mod watching;
