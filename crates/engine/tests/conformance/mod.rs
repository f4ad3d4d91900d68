//! One room per subject; `bench` is what they share.

mod agents;
mod alerts;
mod aside;
mod bench;
mod comparison;
mod crossing;
mod cycle;
mod due;
mod grace;
mod guard;
mod invariants;
mod log;
mod losses;
mod model;
mod observe;
mod plans;
mod read;
mod references;
mod removal;
mod rules;
mod scope;
mod source;
mod staging;
mod store;
mod target;
mod undo;
