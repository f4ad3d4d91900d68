//! The link between an agent and the control plane: the agent asks, the server answers.
//!
//! One module per version; the version is part of every path (`/agent/v1/…`). Trap: both ends of a version may be years apart.

pub mod v1;
