//! Connectors to directories that speak LDAP. Dialect `ad`: Active Directory and Samba AD.
//!
//! Only reads; nothing is ever written to a source. Changes come by DirSync, so a position can be continued without a gap,
//! and deletions are proven by tombstones. Trap: on one connection a search that is not drained holds up every other
//! answer, so whatever must be looked up while entries stream in is put off to the end of the round.

mod config;
mod entry;
mod failure;
mod list;
mod one;
mod read;
mod schema;
mod scope;
mod session;
mod source;
mod values;
mod watermark;

pub use config::{AdConfig, Limits, Secret, TlsMode};
pub use source::AdSource;
