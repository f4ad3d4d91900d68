//! What can be asked of the directory, and what it answers.
//!
//! Never carries internal row numbers. Trap: in `set` an empty value clears, and an attribute that is not mentioned
//! stays as it is.

use uuid::Uuid;

use crate::refusal::Refusal;
use crate::schema::Kind;
use crate::value::Attributes;

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Makes an object. `onPremisesImmutableId` makes it safe to repeat: the second time is refused with
    /// `AttributeValueMustBeUnique`, naming the object made the first time.
    Create {
        /// What it is.
        kind: Kind,
        /// Its attributes.
        attributes: Attributes,
        /// Its first references.
        references: Vec<ReferenceChange>,
    },
    /// Changes attributes and references of a live object.
    Update {
        /// The object.
        id: Uuid,
        /// Refused unless the object is at this version.
        expected_version: Option<u64>,
        /// New values; empty ones clear.
        set: Attributes,
        /// Changes of references.
        references: Vec<ReferenceChange>,
    },
    /// Deletes: users softly (restorable), all others for good.
    Delete {
        /// The object.
        id: Uuid,
        /// Refused unless the object is at this version.
        expected_version: Option<u64>,
        /// Which objects the caller means to delete at all.
        scope: DeleteScope,
    },
    /// Brings a soft-deleted user back, with its references.
    ///
    /// Its sign-in name, addresses and nickname were free in the meantime: if somebody else has them now, the
    /// restore is refused with `AttributeValueMustBeUnique` unless `set` gives others.
    Restore {
        /// The user.
        id: Uuid,
        /// Refused unless the object is at this version.
        expected_version: Option<u64>,
        /// New values; empty ones clear.
        set: Attributes,
    },
    /// Deletes for good, live or soft-deleted.
    HardDelete {
        /// The object.
        id: Uuid,
        /// Refused unless the object is at this version.
        expected_version: Option<u64>,
    },
    /// Changes one reference attribute of a live object.
    ChangeReferences {
        /// The object.
        id: Uuid,
        /// Refused unless the object is at this version.
        expected_version: Option<u64>,
        /// The change.
        change: ReferenceChange,
    },
}

/// Which objects a deletion may hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteScope {
    /// Any.
    Any,
    /// Only objects whose `onPremisesSyncEnabled` is true.
    SynchronisedOnly,
}

/// Changes of one reference attribute (`members`, `owners`, `managedBy`, `manager`, …).
///
/// Adding what is there and removing what is not are successes without effect. Adding to a single-valued attribute
/// replaces. What is both removed and added ends up added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceChange {
    /// The reference attribute.
    pub attribute: String,
    /// Objects to point at; they must be live.
    pub add: Vec<Uuid>,
    /// Objects not to point at any more.
    pub remove: Vec<Uuid>,
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing was left to do.
    Done {
        /// The object.
        id: Uuid,
        /// Its version now; unchanged if nothing had to be written.
        version: u64,
    },
    /// Refused; nothing of it was written.
    Refused(Refusal),
}

impl Outcome {
    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Outcome::Refused(refusal) => Some(refusal),
            Outcome::Done { .. } => None,
        }
    }

    /// Object and version, if done.
    pub fn done(&self) -> Option<(Uuid, u64)> {
        match self {
            Outcome::Done { id, version } => Some((*id, *version)),
            Outcome::Refused(_) => None,
        }
    }
}
