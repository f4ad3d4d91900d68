//! What a source object should look like in the target: scope, anchor, attributes, matching values.
//!
//! Always over the whole object, never over what changed. Nothing is looked up and nothing is written. Trap: an attribute that
//! is present without values is to be cleared; one that is not there is to be left alone.

pub mod context;
pub mod evaluate;
pub mod identity;
pub mod scoped;
pub mod trace;

pub use context::{Containers, Context};
pub use evaluate::{Choice, Evaluation, Match, SourceView, evaluate, explain};
