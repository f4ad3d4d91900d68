//! An in-memory directory served over real LDAP, in Active Directory's dialect and with Windows' limits,
//! with generators of believable organisations and of change.
//!
//! It exists for demonstrations, scale and fault tests. It never stands in for a real domain controller
//! when AD's behaviour itself is in question, and it shares no code with the LDAP client it tests: its
//! reading and writing of messages is its own. Nothing it holds survives the process.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let company = forest::Organisation { people: 200, seed: 1 }.build()?;
//! let authority = forest::make_ca()?;
//! let served = company
//!     .forest
//!     .serve("127.0.0.1:0".parse()?, Some(authority.server))
//!     .await?;
//! println!("ldap://{}/", served.addr);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod ber;
pub mod dn;
pub mod proto;
pub mod schema;
pub mod sid;
pub mod store;

mod authority;
mod bootstrap;
mod faults;
mod handle;
mod options;

mod generate;
mod life;
mod server;

pub use authority::{Authority, AuthorityError, make_ca, make_ca_for};
pub use faults::{CookieRefusal, FaultSettings, Faults};
pub use generate::{Dirt, DirtKind, Generated, Organisation, Shape};
pub use handle::{Edit, Forest, Listed, Restore, Snapshot};
pub use life::{Change, ChangeKind, Life};
pub use options::Options;
pub use server::Served;
pub use store::{Refusal, Rights};
