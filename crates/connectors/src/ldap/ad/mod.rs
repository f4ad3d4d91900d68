//! Active Directory and Samba AD.
//!
//! Changes come by DirSync, so a position can be continued without a gap, and deletions are proven by tombstones. Never
//! keeps a position. Trap: a cookie may be continued on another controller, but not on the same one after a restore.

mod entry;
mod list;
mod one;
mod read;
mod schema;
mod session;
mod source;
mod values;
mod watch;
mod watermark;

pub(super) use session::dns_name;
pub use source::AdSource;
