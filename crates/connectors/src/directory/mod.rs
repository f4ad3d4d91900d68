//! The tenant directory as a target.
