//! What a plan wants done in a target, and what came of it.
//!
//! An operation is complete: whoever carries it out has nothing left to decide. Every operation carries a precondition;
//! if that fails nothing is written and the object is planned again. Trap: an outcome that was lost is *unknown*, and is
//! settled by reading back, never by doing it again blindly.

use crate::{
    code::Code,
    id::{LinkId, TargetId},
    value::{Attributes, Name},
};
use serde::{Deserialize, Serialize};

/// What to do with the target object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// Make a new object.
    Create,
    /// Change an existing object (also enabling and re-linking).
    Update,
    /// Take away sign-in (`accountEnabled` false), the object stays.
    Disable,
    /// Delete (soft where the target can).
    Delete,
    /// Bring back from soft deletion.
    Restore,
}

impl Verb {
    /// Whether the guard counts it.
    pub fn is_destructive(self) -> bool {
        matches!(self, Self::Disable | Self::Delete)
    }
}

/// What the target must hold for the operation to be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precondition {
    /// No object with this source anchor exists.
    Absent,
    /// The object exists at exactly this version.
    Version(u64),
    /// The object exists; its version does not matter (the target has none).
    Exists,
}

/// A change of one reference attribute of the target object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceChange {
    /// Target attribute (members, manager …).
    pub attribute: Name,
    /// Target objects to add.
    pub add: Vec<TargetId>,
    /// Target objects to remove.
    pub remove: Vec<TargetId>,
}

/// One operation on one target object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The link (identity) it is for.
    pub link: LinkId,
    /// Counts the plans of this link; a report of an older one is refused.
    pub generation: u32,
    /// What to do.
    pub verb: Verb,
    /// Target class (`User`, `Group`, `Contact`).
    pub class: Name,
    /// The target object; `None` for Create.
    pub target: Option<TargetId>,
    /// The source anchor the target remembers (`onPremisesImmutableId`).
    pub source_anchor: String,
    /// What must hold.
    pub precondition: Precondition,
    /// Attributes to set; without values: clear.
    pub attributes: Attributes,
    /// Reference changes.
    pub references: Vec<ReferenceChange>,
}

/// A refusal by the target, or a fault on the way, in terms a person and the planner understand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// Arguments of the code's text: name and value (attribute, value, owner …). Never secrets.
    pub arguments: Vec<(String, String)>,
}

impl Refusal {
    /// A refusal with this code.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            arguments: Vec::new(),
        }
    }

    /// With one more argument.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.arguments.push((name.into(), value.into()));
        self
    }

    /// The argument of this name.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.code.title())?;
        for (index, (name, value)) in self.arguments.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { " (" } else { ", " })?;
        }
        if self.arguments.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}
impl std::error::Error for Refusal {}

/// What came of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Carried out; the object now has this id and version.
    Done {
        /// The target object.
        target: TargetId,
        /// Its version; 0 where the target has none.
        version: u64,
    },
    /// The target holds something else than believed: plan again after reading it.
    Stale,
    /// Refused; nothing was written.
    Refused(Refusal),
    /// No answer: it may or may not have been carried out.
    Unknown,
}

/// A question to a target: which objects have this value?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lookup {
    /// By target id.
    Id(TargetId),
    /// By source anchor, within the class; finds soft-deleted objects too.
    SourceAnchor(Name, String),
    /// By a single-valued attribute, within the class (`userPrincipalName`, `mailNickname`); live objects only.
    Attribute(Name, Name, String),
    /// By a mail address (with or without `smtp:`), in any class; live objects only.
    ProxyAddress(String),
}

/// A target object as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetObject {
    /// Its id.
    pub id: TargetId,
    /// Its class.
    pub class: Name,
    /// Its version; 0 where the target has none.
    pub version: u64,
    /// Whether it is soft-deleted.
    pub is_deleted: bool,
    /// The source anchor it carries.
    pub source_anchor: Option<String>,
    /// Its attributes (references not included).
    pub attributes: Attributes,
}
