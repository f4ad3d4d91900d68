//! The tenant directory: users, groups, contacts and devices of one tenant, with the uniqueness, domain and deletion
//! rules of the cloud directories it stands in for, in one SQLite file.
//!
//! It never decides what should be written, and knows nothing of synchronisation: it is a target like any other, whose
//! callers must authenticate. All calls block; asynchronous callers run them on threads of their own.
//!
//! The trap: one operation that breaks a rule is an [`Outcome::Refused`] and leaves its neighbours alone, whereas a
//! [`Fault`] means that the whole batch was not written.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod apply;
mod batch;
mod changes;
mod check;
mod fault;
mod fence;
mod keys;
mod located;
mod operation;
mod options;
mod principal;
mod purge;
mod read;
mod refusal;
mod schema;
mod store;
mod tenant;
mod value;
mod values;

pub use apply::{MAX_OPERATIONS_PER_BATCH, MAX_REFERENCES_PER_OPERATION};
pub use changes::{Change, ChangePage, ChangedReferences, Event};
pub use fault::{Fault, OpenError};
pub use fence::{Fence, FenceHolder};
pub use operation::{DeleteScope, Operation, Outcome, ReferenceChange};
pub use options::{FileCheck, Options, TenantSeed};
pub use principal::{
    Administrator, AuthError, Caller, CredentialRecord, NewPrincipal, PrincipalRecord, Reader,
    Reads, Role, Secret, Writer,
};
pub use purge::Purged;
pub use read::{
    Counts, Filter, Lookup, LookupKey, MAX_PAGE_SIZE, Match, Object, ObjectReference, Page,
    PageToken, State,
};
pub use refusal::{Clash, Refusal};
pub use schema::{ADMINISTRATIVE_ROLES, Attribute, Kind, Uniqueness, ValueType, attribute, schema};
pub use store::{CopyFacts, Directory};
pub use tenant::{Tenant, check_domain_name};
pub use value::{Attributes, Name, Text, Value};
