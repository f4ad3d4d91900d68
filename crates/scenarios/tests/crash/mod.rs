//! Server and agent die, freeze and lose what was not synced; what remains must be what an uninterrupted run leaves.

mod anew;
mod answer;
mod boundaries;
mod clock;
mod doubt;
mod frozen;
mod kills;
mod several;

/// The helper that runs a server or an agent as a process of its own.
const PROGRAM: &str = env!("CARGO_BIN_EXE_scenario-process");
