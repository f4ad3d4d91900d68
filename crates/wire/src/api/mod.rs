//! The administrator's API: what its requests and answers look like.
//!
//! One module per version; the version is part of every path (`/api/v1/…`). Never carries secrets but the one enrolment
//! token or credential that is being handed out. Trap: scripts depend on these names.

pub mod v1;
