//! Reading for people: status, objects, pending exports, runs.
//!
//! Nothing here writes. Lists are paged by key and bounded; what has no index is looked through in slices, so that no
//! request holds a snapshot for long. Trap: numbers of one answer come from one snapshot, numbers of two do not.

mod dn;
mod explain;
mod object;
mod pending;
mod reference_preview;
mod run;
mod search;
mod status;
mod waiting;

pub use explain::{DuePlace, ReferenceState, Waiter};
pub use object::{LinkRow, ReferenceRow, SpaceObject};
pub use pending::{PendingRow, PendingView};
pub use reference_preview::{EdgePlace, Fates, PreviewedHolder, PreviewedReferences};
pub(crate) use run::is_run_open;
pub use run::{LastRuns, OpenRun, RunEnd, RunRow};
pub use search::SearchSlice;
pub use status::{JobNumbers, ReadRow};
pub use waiting::{WaitingPlace, WaitingReason, WaitingReference};
