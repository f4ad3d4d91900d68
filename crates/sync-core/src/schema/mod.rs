//! The rules of a job: the Graph `synchronizationSchema`, read, checked, and ready to run.
//!
//! `read` takes any JSON of that shape and gives it back unchanged; `check` reports every mistake at once, `discovered` what
//! the systems themselves do not have; what comes out, a [`checked::Rules`], cannot be invalid. Nothing here looks at objects. Trap: names of attributes compare without case,
//! names of functions with case.

pub mod cases;
pub mod check;
mod check_scope;
pub mod checked;
pub mod diff;
pub mod discovered;
pub mod limits;
pub mod preset;
pub mod problem;
pub mod read;
mod shape;
pub mod tree;

pub use check::check;
pub use discovered::Discovered;
pub use preset::default_rules;
pub use problem::Problem;
