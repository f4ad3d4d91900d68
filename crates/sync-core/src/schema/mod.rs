//! The rules of a job: the Graph `synchronizationSchema`, read, checked, and ready to run.
//!
//! `read` takes any JSON of that shape and gives it back unchanged; `check` reports every mistake at once; what comes out, a
//! [`checked::Rules`], cannot be invalid. Nothing here looks at objects. Trap: names of attributes compare without case,
//! names of functions with case.

pub mod check;
pub mod checked;
pub mod preset;
pub mod problem;
pub mod read;

pub use check::check;
pub use preset::default_rules;
pub use problem::Problem;
