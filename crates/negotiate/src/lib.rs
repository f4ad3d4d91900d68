//! Security contexts for clients: Kerberos (by password or keytab) and NTLM, both within SPNEGO (RFC 4178).
//!
//! An [`Initiator`] turns the tokens of the other side into tokens for it ([`SecurityContext::step`]); once it is established
//! it seals and opens what is sent. It knows neither the protocol that carries the tokens nor any configuration, and never
//! chooses between Kerberos and NTLM by itself. Trap: the library below prints plaintext when its log target is enabled
//! below `warn`; every program that links this crate must refuse to show [`QUIET_TARGETS`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(missing_docs)]

mod bare;
mod context;
mod error;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod identity;
mod kdc;
pub mod keytab;
mod wrap;

pub use bare::BareNtlm;
pub use context::{Initiator, Protection, SecurityContext, Step};
pub use error::{Error, Reason};
pub use identity::{Credential, Identity};
pub use kdc::{Kdcs, MAX_REPLY_BYTES};

/// Log targets that show secrets and plaintext at `debug` and below: they begin with one of these.
pub const QUIET_TARGETS: &[&str] = &["sspi", "picky"];
