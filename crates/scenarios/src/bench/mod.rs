//! The benchmark: the whole of Hybridge, as real processes, beside what others do with the same directory.
//!
//! `cargo xtask bench initial|delta|unchanged|preview` builds the programs and runs this. Nothing is set for the benchmark that an
//! administrator could not set, every store is as durable as in production. Trap: on a busy machine only the ratios within
//! one run and the seconds of processor time mean anything; the share that others took is part of the result.

pub mod agents;
mod api;
mod company;
mod controller;
mod directories;
mod forest;
mod installation;
mod looks;
mod measure;
mod membership;
mod organisation;
mod procfs;
mod report;
mod slapd;
mod traffic;

pub use api::Api;
pub use measure::run;
pub use report::Result;

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// The initial cycle, beside a search and a replica.
    #[default]
    Initial,
    /// Single changes, one after the other.
    Delta,
    /// A cycle in which nothing changed.
    Unchanged,
    /// Previews and the search for what would fail, instead of changes.
    Preview,
}

/// The directory that is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// OpenLDAP.
    #[default]
    Slapd,
    /// The in-memory directory in the dialect of AD.
    Forest,
    /// A Samba domain controller, loaded offline.
    Samba,
}

impl Kind {
    /// As given on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slapd => "slapd",
            Self::Forest => "forest",
            Self::Samba => "samba",
        }
    }
}

/// Which measurement.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is measured.
    pub what: What,
    /// The directory that is read.
    pub source: Kind,
    /// How many people it holds.
    pub people: usize,
    /// How many single changes are made.
    pub changes: usize,
    /// The job's interval; `None`: the usual one.
    pub interval_seconds: Option<u64>,
    /// Keeps the data of the run for looking at.
    pub keeps_data: bool,
}

/// Tells a person how far the run is.
fn say(text: impl std::fmt::Display) {
    eprintln!("bench: {text}");
}
