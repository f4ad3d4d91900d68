//! What crash tests share: processes that can be killed, a script of changes, and the comparison of how it ended.
//!
//! A [`Stage`] is a data directory in which everything is set up and nothing is read yet; every run begins with a copy of
//! it. Nothing here looks into a store while its server runs.

pub mod outcome;
pub mod process;
pub mod script;
pub mod stage;

pub use outcome::Outcome;
pub use process::{Died, Process};
pub use stage::{Run, Stage};
