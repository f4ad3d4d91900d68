//! Read-side queries for administrators.
