//! LDAP messages as a server sees them (RFC 4511 §4): requests read, answers written.
//!
//! It decides nothing and keeps no state. The trap: assertion values are octets, not text; a filter
//! on objectGUID carries bytes that are not UTF-8, so nothing here may force them into a `String`.

mod answer;
mod control;
mod filter;
mod request;

pub use answer::{Answer, Code, OpenEntry, Outcome, Partial};
pub use control::{Control, DirSyncRequest, oid};
pub use filter::{Filter, Substring};
pub use request::{
    Add, Change, ChangeKind, Credentials, ModifyDn, Operation, Request, Scope, Search,
};
