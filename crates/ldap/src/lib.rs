//! An LDAP v3 client driver over any byte stream. Protocol only.
//!
//! [`connect`] opens a verified TLS connection and hands out a [`Connection`]; searches come back as a bounded stream
//! ([`Search`]) of entries that are slices of the received frame. It never decides what an answer means for
//! synchronisation and never keeps state between connections. Trap: the values of an [`Entry`] keep the whole receive
//! buffer alive; copy what is kept longer than the next call of [`Search::next`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(missing_docs)]

mod ber;
mod bind;
mod connect;
mod connection;
mod dirsync;
pub mod dn;
mod driver;
mod endpoint;
mod error;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod message;
mod notify;
mod paged;
mod range;
mod result;
mod sasl;
mod sealed;
mod search;
mod sync;
#[cfg(test)]
mod tests;
mod tls;
mod write;

pub use ber::{BadBer, Reader};
pub use bind::BindReason;
pub use connect::{Options, Security, Timeouts, connect, over};
pub use connection::Connection;
pub use dirsync::{
    DIRSYNC, DirSync, DirSyncFlags, Round, Step, extended_dn, show_deleted, show_recycled,
};
pub use endpoint::{Endpoint, Scheme};
pub use error::{Error, TlsFailure};
pub use ldap3_proto::control::LdapControl;
pub use ldap3_proto::proto::LdapFilter as Filter;
pub use message::{BadMessage, Control, Entry, MAX_MESSAGE_BYTES, Values};
pub use notify::{CHANGE_NOTIFICATION, change_notification};
pub use paged::Paged;
pub use range::{Range, split_range};
pub use result::{Outcome, ResultCode};
pub use sasl::connect_negotiated;
pub use sealed::MAX_FRAME_BYTES;
pub use search::{Item, Query, Scope, Search};
pub use sync::{SYNC_REQUEST, SyncMode, SyncSearch, SyncState, SyncStep};
pub use tls::{ClientIdentity, Trust, client_config};
pub use write::{Change, ChangeKind};
