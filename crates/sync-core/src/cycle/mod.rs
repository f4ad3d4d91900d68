//! Cycles of a job: how one ended, when failures put the job into quarantine, and what a restart forgets.
//!
//! Pure arithmetic: counts and times come in, a decision goes out; the engine stores it and the server acts on it. Trap: the
//! words here are those administrators of the originals search for, so they are never changed.

pub mod quarantine;
pub mod reset;
pub mod standing;
pub mod status;

pub use quarantine::{Failures, Quarantine, Reason, Side};
pub use reset::Reset;
pub use standing::{Change, Standing};
pub use status::{Ending, RunStatus};
