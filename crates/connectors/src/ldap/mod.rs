//! Connectors to directories that speak LDAP. Dialects: `ad` (Active Directory and Samba AD) and
//! `openldap` (whatever speaks RFC 4533, and as a fallback whatever speaks LDAP).
//!
//! Only reads; nothing is ever written to a source. What the dialects share is here: settings, connecting through the list of
//! servers, and what a failure means. Trap: on one connection a search that is not drained holds up every other answer, so
//! whatever must be looked up while entries stream in is put off to the end of the round.

mod ad;
mod config;
mod connect;
pub mod examine;
mod failure;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod locate;
mod negotiated;
mod openldap;
mod pages;
mod scope;
mod spelled;
mod values;

pub use ad::{AdSource, permissions};
/// Log targets of the sign-in library, which shows secrets below `warn`: whoever writes a log must leave them out.
pub use negotiate::QUIET_TARGETS;

pub use config::{
    Authentication, ClientCertificate, LdapConfig, Limits, Method, Negotiate, Secret, TlsMode,
};
pub use locate::{LOCATING, Locate, Scheme as LocatedScheme};
pub use negotiated::key as keytab_key;
pub use openldap::OpenLdapSource;
