//! Active Directory and Samba AD.
//!
//! Changes come by DirSync, so a position can be continued without a gap, and deletions are proven by tombstones; an account
//! that may not use it finds changes by update sequence numbers. Never shows a state older than what was read before, whichever
//! controller answers. Trap: a cookie may be continued on another controller, but not on the same one after a restore.

mod elsewhere;
mod entry;
mod examine;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod list;
mod metadata;
mod one;
pub mod permissions;
mod poll;
mod read;
mod schema;
mod session;
mod source;
mod trail;
mod values;
mod vector;
mod watch;
mod watermark;

pub use examine::{AdFacts, examine_ad};
pub(super) use session::dns_name;
pub use source::AdSource;
