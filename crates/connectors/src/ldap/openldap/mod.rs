//! OpenLDAP, and any other directory that speaks RFC 4533.
//!
//! Changes come by content synchronisation with a cookie; deletions are proven by the server's log of them, and where it
//! kept none, what is there is named and the rest judged as absent. Never turns absence into deletion itself. Trap: links are
//! distinguished names of objects that may come later, or never, so they are resolved when everything was heard.

mod entry;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod intake;
mod links;
mod list;
mod lookup;
mod memory;
mod names;
mod one;
mod poll;
mod read;
mod schema;
mod session;
mod source;
mod values;
mod watch;
mod watermark;

pub use source::OpenLdapSource;
