//! The contract of a target connector.
//!
//! A target carries out complete operations and answers questions; it decides nothing. Trap: an answer that did not arrive
//! is [`Outcome::Unknown`], never an error of the whole batch that hides which operations were carried out.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sync_core::{
    id::TargetId,
    operation::{Lookup, Operation, Outcome, Refusal, TargetObject},
    value::Name,
};

/// One attribute a target class has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetAttribute {
    /// Name.
    pub name: Name,
    /// Whether it holds several values.
    pub is_multivalued: bool,
    /// Whether it holds references to other objects.
    pub is_reference: bool,
    /// Whether an object cannot be without it.
    pub is_required: bool,
}

/// What a target says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// Display name.
    pub name: String,
    /// Id of the tenant or service.
    pub id: String,
    /// The initial domain (names in it are always acceptable).
    pub initial_domain: String,
    /// Verified domains, lower case, the initial one included.
    pub verified_domains: Vec<String>,
    /// Classes with their attributes.
    pub classes: Vec<(Name, Vec<TargetAttribute>)>,
}

/// One target object with its references, for judges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedTarget {
    /// The object.
    pub object: TargetObject,
    /// Reference attributes with the target ids they hold.
    pub references: Vec<(Name, Vec<TargetId>)>,
}

/// The contract.
#[async_trait]
pub trait Target: Send + Sync {
    /// Authenticates, and says what the target is. Also the connection test.
    async fn discover(&self) -> Result<TargetInfo, Refusal>;

    /// Answers questions, in order; each with everything found (empty: nothing).
    async fn find(&self, lookups: &[Lookup]) -> Result<Vec<Vec<TargetObject>>, Refusal>;

    /// Carries out operations; outcomes in order.
    ///
    /// # Errors
    /// Only if nothing of the batch was carried out (credential, unreachable, busy).
    async fn apply(&self, operations: &[Operation]) -> Result<Vec<Outcome>, Refusal>;

    /// Whether a creation may carry references. It is then carried out whole or not at all: a created object has them.
    fn creates_with_references(&self) -> bool {
        false
    }

    /// Everything the target holds of its dir-synced and other live objects, for judges; `each` returns false to stop.
    async fn enumerate(
        &self,
        each: &mut (dyn FnMut(ListedTarget) -> bool + Send),
    ) -> Result<(), Refusal>;
}
