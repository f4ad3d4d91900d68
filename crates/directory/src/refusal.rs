//! Why one operation was refused.
//!
//! Never stands for a broken store: that is [`crate::Fault`], and it concerns the whole batch. Trap: the codes are
//! read by other programs and by people searching for help; they stay as they are.

use uuid::Uuid;

use crate::schema::Kind;

/// The object that already holds a value which has to be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The attribute that was to be written.
    pub attribute: &'static str,
    /// The value that was to be written.
    pub value: String,
    /// The object that holds it.
    pub owner_id: Uuid,
    /// What that object is.
    pub owner_kind: Kind,
    /// Its display name.
    pub owner_name: String,
    /// Whether that object is soft-deleted; restoring it may be what is wanted.
    pub is_owner_deleted: bool,
}

/// Why one operation was refused; nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another object has the value; the clash names it.
    #[error("{} of `{}` is taken by {} {} ({}); remove the duplicate at its source", .0.attribute, .0.value, .0.owner_kind, .0.owner_id, .0.owner_name)]
    AttributeValueMustBeUnique(Box<Clash>),
    /// An object of another kind has the address; the clash names it.
    #[error("{} of `{}` belongs to an object of another kind, {} {} ({}); remove it from one of them", .0.attribute, .0.value, .0.owner_kind, .0.owner_id, .0.owner_name)]
    ObjectTypeMismatch(Box<Clash>),
    /// The value's form is not allowed.
    #[error("`{value}` is not a valid {attribute}: {reason}")]
    IdentityDataValidationFailed {
        /// The attribute.
        attribute: &'static str,
        /// The value as given.
        value: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A value is too long, or there are too many values.
    #[error("{attribute} holds at most {max} {unit}, {actual} were given")]
    ExceededAllowedLength {
        /// The attribute.
        attribute: &'static str,
        /// What is counted: `characters`, `bytes` or `values`.
        unit: &'static str,
        /// How many are allowed.
        max: usize,
        /// How many were given.
        actual: usize,
    },
    /// The domain is not verified in this tenant.
    #[error(
        "the domain {domain} in {attribute} is not a verified domain of this tenant; verify it or use another"
    )]
    InvalidDomain {
        /// The attribute.
        attribute: &'static str,
        /// The domain as given.
        domain: String,
    },
    /// Attributes without which such an object cannot exist.
    #[error("a {kind} needs {}", .attributes.join(", "))]
    MandatoryFieldsMissing {
        /// What was to be written.
        kind: Kind,
        /// The missing ones.
        attributes: Vec<&'static str>,
    },
    /// No such attribute on objects of this kind.
    #[error("a {kind} has no attribute {attribute}; correct the mapping")]
    SchemaAttributeNotFound {
        /// What was to be written.
        kind: Kind,
        /// The name as given.
        attribute: String,
    },
    /// The type or number of values does not fit the attribute.
    #[error("{attribute} can only accept {expected}; correct the mapping")]
    SchemaPropertyCanOnlyAcceptValue {
        /// The attribute.
        attribute: &'static str,
        /// What it accepts.
        expected: &'static str,
    },
    /// No such live object.
    #[error("object {id} {}", if *.is_deleted { "is soft-deleted; restore it first" } else { "does not exist" })]
    NotFound {
        /// The id as given.
        id: Uuid,
        /// Whether it exists as a soft-deleted object.
        is_deleted: bool,
    },
    /// A restore of something that is not deleted.
    #[error("object {id} is not deleted")]
    NotDeleted {
        /// The id as given.
        id: Uuid,
    },
    /// The object is not in the state the caller believed.
    #[error("object {id} is at version {actual}, not {expected}; read it again and plan anew")]
    PreconditionFailed {
        /// The object.
        id: Uuid,
        /// What the caller believed.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// The object is no longer managed by synchronisation and may not be deleted by it.
    #[error("object {id} is not synchronised any more and may not be deleted by synchronisation")]
    DeletionAccessViolation {
        /// The object.
        id: Uuid,
    },
    /// The source anchor of a synchronised object cannot be replaced.
    #[error("the source anchor of object {id} has changed; restore the original or clear it first")]
    SourceAnchorChanged {
        /// The object.
        id: Uuid,
    },
    /// A reference points at nothing that lives here.
    #[error("{attribute} cannot point to {id}: no such object; bring it into scope first")]
    UnableToResolveReferenceAttributeValue {
        /// The reference attribute.
        attribute: &'static str,
        /// The missing object.
        id: Uuid,
    },
    /// A reference to this kind, or to itself, is not allowed.
    #[error("{attribute} cannot point to {id}: {reason}")]
    InvalidReference {
        /// The reference attribute.
        attribute: &'static str,
        /// The object pointed at.
        id: Uuid,
        /// Why not.
        reason: &'static str,
    },
    /// A sign-in name would move from one federated domain to another.
    #[error(
        "the sign-in name cannot move from the federated domain {from} to the federated domain {to}; move it to {initial} first"
    )]
    FederatedDomainChange {
        /// The domain it has.
        from: String,
        /// The domain it was to get.
        to: String,
        /// The domain to go by.
        initial: String,
    },
    /// An attribute that only the administrator writes.
    #[error("{attribute} is written by the administrator only; take it out of the mapping")]
    AdministratorOnly {
        /// The attribute.
        attribute: &'static str,
    },
    /// The tenant is full.
    #[error("the directory holds its limit of {limit} objects; raise the quota")]
    QuotaExceeded {
        /// How many objects are allowed.
        limit: u64,
    },
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::AttributeValueMustBeUnique(_) => "AttributeValueMustBeUnique",
            Refusal::ObjectTypeMismatch(_) => "ObjectTypeMismatch",
            Refusal::IdentityDataValidationFailed { .. } => "IdentityDataValidationFailed",
            Refusal::ExceededAllowedLength { .. } => "ExceededAllowedLength",
            Refusal::InvalidDomain { .. } => "InvalidDomain",
            Refusal::MandatoryFieldsMissing { .. } => "MandatoryFieldsMissing",
            Refusal::SchemaAttributeNotFound { .. } => "SchemaAttributeNotFound",
            Refusal::SchemaPropertyCanOnlyAcceptValue { .. } => "SchemaPropertyCanOnlyAcceptValue",
            Refusal::NotFound { .. } => "NotFound",
            Refusal::NotDeleted { .. } => "NotDeleted",
            Refusal::PreconditionFailed { .. } => "PreconditionFailed",
            Refusal::DeletionAccessViolation { .. } => "DeletionAccessViolation",
            Refusal::SourceAnchorChanged { .. } => "SourceAnchorChanged",
            Refusal::UnableToResolveReferenceAttributeValue { .. } => {
                "UnableToResolveReferenceAttributeValue"
            }
            Refusal::InvalidReference { .. } => "InvalidReference",
            Refusal::FederatedDomainChange { .. } => "FederatedDomainChangeError",
            Refusal::AdministratorOnly { .. } => "NotAllowed",
            Refusal::QuotaExceeded { .. } => "QuotaExceeded",
        }
    }
}
