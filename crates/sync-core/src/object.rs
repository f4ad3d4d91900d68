//! What a source connector says of its objects: entries of a page, and the whole state kept in the connector space.
//!
//! An object stores its parent's anchor and its RDN, never its DN text: a moved container changes no object below it.
//! Linked (reference) attributes travel as [`LinkChange`]s, apart from plain values. Trap: absence of an object from a
//! full read is not evidence of deletion; only [`EntryKind::Deleted`] is.

use crate::{
    id::Anchor,
    value::{Attributes, Name},
};
use serde::{Deserialize, Serialize};

/// How much an entry says about its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// The whole state: an attribute of the read spec that is not here has no value; `links` are complete per attribute of the read spec.
    Whole,
    /// Only what changed: attributes without values were cleared.
    Part,
    /// Class, parent and RDN only: the object is outside the read spec (a container, or out of its containers or classes).
    Skeleton,
    /// Positive evidence of deletion (a tombstone found by anchor).
    Deleted,
    /// It is there and did not change since the position the read continues from (RFC 4533 present phase); nothing else is said.
    Present,
    /// Only its name: a reference led to it, and it belongs to another naming context than the one read. `rdn` is the whole
    /// distinguished name.
    Elsewhere,
}

/// Which replica said it, and at which of its update sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The replica (AD: invocationId).
    pub replica: [u8; 16],
    /// The replica's sequence number (AD: uSNChanged).
    pub usn: i64,
}

/// A change of one linked attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChange {
    /// The attribute (member, manager, managedBy …).
    pub attribute: Name,
    /// Whether `added` is the complete set (everything else is gone) rather than a difference.
    pub complete: bool,
    /// Anchors added (or the complete set).
    pub added: Vec<Anchor>,
    /// Anchors removed.
    pub removed: Vec<Anchor>,
}

/// One entry of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The object's anchor.
    pub anchor: Anchor,
    /// How much this entry says.
    pub kind: EntryKind,
    /// Most specific structural class; `None` in a `Part` that does not change it, and in `Deleted`.
    pub class: Option<Name>,
    /// The parent's anchor; `None`: unchanged (`Part`), or the root of the naming context.
    pub parent: Option<Anchor>,
    /// The relative distinguished name as RFC 4514 text (`CN=Müller\, Jo`); `None`: unchanged.
    pub rdn: Option<Box<str>>,
    /// Attribute values or changes.
    pub attributes: Attributes,
    /// Changes of linked attributes.
    pub links: Vec<LinkChange>,
    /// Where and when the source stood; `None` where the source has no such notion.
    pub version: Option<Version>,
}

impl Entry {
    /// An entry of this kind without anything else.
    pub fn new(anchor: Anchor, kind: EntryKind) -> Self {
        Self {
            anchor,
            kind,
            class: None,
            parent: None,
            rdn: None,
            attributes: Attributes::new(),
            links: Vec::new(),
            version: None,
        }
    }
}

/// What a source is to be read for: pushed to the host, which sends only what is inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadSpec {
    /// Classes read whole.
    pub classes: Vec<Name>,
    /// Plain attributes.
    pub attributes: Vec<Name>,
    /// Linked attributes.
    pub links: Vec<Name>,
    /// Containers (by anchor) below which objects are read whole; empty: the whole naming context.
    pub containers: Vec<Anchor>,
}

impl ReadSpec {
    /// Whether whoever reads this reads all of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        let has = |have: &[Name], wanted: &[Name]| {
            let is_there = |name: &Name| have.iter().any(|known| known.eq_ignore_ascii_case(name));
            wanted.iter().all(is_there)
        };
        let is_inside = |anchor: &Anchor| self.containers.contains(anchor);
        let containers = self.containers.is_empty()
            || (!other.containers.is_empty() && other.containers.iter().all(is_inside));
        containers
            && has(&self.classes, &other.classes)
            && has(&self.attributes, &other.attributes)
            && has(&self.links, &other.links)
    }
}

/// The type of an attribute as the source's schema gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeType {
    /// UTF-8 text.
    Text,
    /// Integer.
    Integer,
    /// Boolean.
    Boolean,
    /// Bytes.
    Binary,
    /// FILETIME: integer of 100 ns since 1601-01-01 UTC.
    FileTime,
    /// Generalized time, kept as text.
    Time,
    /// Reference to another object.
    Reference,
}

/// One attribute of a discovered schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeInfo {
    /// Name as the system spells it.
    pub name: Name,
    /// Type.
    pub kind: AttributeType,
    /// Whether it may hold several values.
    pub is_multivalued: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_covers_what_it_holds_all_of() {
        let spec = |attributes: &[&str], containers: &[u8]| ReadSpec {
            classes: vec!["user".into()],
            attributes: attributes.iter().map(|name| Name::from(*name)).collect(),
            links: Vec::new(),
            containers: containers.iter().map(|n| Anchor::new([*n])).collect(),
        };
        let whole = spec(&["cn", "mail"], &[]);
        assert!(whole.covers(&spec(&["CN"], &[])));
        assert!(whole.covers(&spec(&["mail"], &[1])));
        assert!(!whole.covers(&spec(&["cn", "title"], &[])));
        let some = spec(&["cn"], &[1, 2]);
        assert!(some.covers(&spec(&["cn"], &[2])));
        assert!(!some.covers(&spec(&["cn"], &[2, 3])));
        assert!(!some.covers(&spec(&["cn"], &[])));
    }
}
