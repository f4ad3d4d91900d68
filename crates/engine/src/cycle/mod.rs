//! Cycles as stored: how one ends, where its job stands, what fails and is retried, and what a restart forgets.
//!
//! The arithmetic is `sync_core::cycle`; here it meets the rows, each step in one transaction with what it causes. Trap: a
//! quarantine and the message about it are stored together, so a crash between them loses neither.

mod escrow;
pub(crate) mod notification;
mod on_demand;
mod reconcile;
mod restart;
mod standing;

pub use escrow::{EscrowChoice, EscrowRow};
pub use notification::{Channel, NotificationRow};
pub use reconcile::{Compared, ListedObject, TargetChange};
pub use standing::{FailedRun, JobStanding};

pub(crate) use escrow::UNTIL_ASKED;
pub(crate) use standing::ended;
