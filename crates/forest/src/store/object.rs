//! One object and how its values are held.
//!
//! Values of an attribute are one block of octets, so that an object of thirty attributes costs thirty
//! small allocations and copying the whole store for a snapshot shares all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::schema::{AttributeId, ClassDef};
use crate::store::ObjectId;

/// Values of one attribute, packed: each as four octets of length and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(Arc<[u8]>);

impl Values {
    /// Packs values in order.
    pub fn pack<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Self {
        let mut packed = Vec::new();
        for value in values {
            let value = value.as_ref();
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            packed.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(value);
        }
        Self(packed.into())
    }

    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_first_chunk::<4>()?;
            let (value, after) = tail.split_at_checked(u32::from_le_bytes(*head) as usize)?;
            rest = after;
            Some(value)
        })
    }

    /// The attribute has no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An attribute as stored. Without values it was cleared, which change tracking still has to tell.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Which attribute.
    pub attribute: AttributeId,
    /// Change number of the last change.
    pub usn: u64,
    /// What it holds.
    pub values: Values,
}

/// One value of a link.
#[derive(Debug, Clone, Copy)]
pub struct LinkValue {
    /// Change number of the last change.
    pub usn: u64,
    /// False when it was removed.
    pub is_present: bool,
}

/// All values of one reference attribute, including removed ones.
#[derive(Debug, Clone)]
pub struct LinkSet {
    /// Which attribute.
    pub attribute: AttributeId,
    /// Change number of the last change to any value.
    pub usn: u64,
    /// By what is referred to.
    pub values: BTreeMap<ObjectId, LinkValue>,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Object {
    /// objectGUID.
    pub guid: Uuid,
    /// The object above; none for the root of a naming context.
    pub parent: Option<ObjectId>,
    /// Structural class.
    pub class: &'static ClassDef,
    /// Attribute in the relative name.
    pub naming: AttributeId,
    /// Value of the relative name; the whole DN for the root of a naming context.
    pub rdn: Arc<str>,
    /// objectSid.
    pub sid: Option<Arc<[u8]>>,
    /// Plain attributes in the order of their numbers.
    pub attributes: Vec<Stored>,
    /// References in the order of their attributes' numbers.
    pub links: Vec<LinkSet>,
    /// uSNCreated.
    pub usn_created: u64,
    /// uSNChanged.
    pub usn_changed: u64,
    /// Change number of the last rename or move.
    pub usn_placed: u64,
    /// Change number of the last rename.
    pub usn_named: u64,
    /// whenCreated, seconds since 1970.
    pub when_created: i64,
    /// whenChanged, seconds since 1970.
    pub when_changed: i64,
    /// Change number of the last deletion or restoration; 0 if there was none.
    pub usn_deleted: u64,
    /// isDeleted.
    pub is_deleted: bool,
    /// isRecycled: nothing but the tombstone is left.
    pub is_recycled: bool,
}

impl Object {
    /// The stored attribute, even if cleared.
    pub fn stored(&self, attribute: AttributeId) -> Option<&Stored> {
        self.attributes
            .binary_search_by_key(&attribute, |stored| stored.attribute)
            .ok()
            .and_then(|place| self.attributes.get(place))
    }

    /// Puts values in place of all; none clears the attribute.
    pub fn store(&mut self, attribute: AttributeId, usn: u64, values: Values) {
        let stored = Stored {
            attribute,
            usn,
            values,
        };
        match self
            .attributes
            .binary_search_by_key(&attribute, |stored| stored.attribute)
        {
            Ok(place) => self.attributes[place] = stored,
            Err(_) if stored.values.is_empty() => {}
            Err(place) => self.attributes.insert(place, stored),
        }
    }

    /// The first value of a plain attribute.
    pub fn first(&self, attribute: AttributeId) -> Option<&[u8]> {
        self.stored(attribute)?.values.iter().next()
    }

    /// The first value of a plain attribute as text.
    pub fn text(&self, attribute: AttributeId) -> Option<&str> {
        self.first(attribute)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of a plain attribute as a number.
    pub fn number(&self, attribute: AttributeId) -> Option<i64> {
        self.text(attribute)?.parse().ok()
    }

    /// The references under an attribute.
    pub fn link_set(&self, attribute: AttributeId) -> Option<&LinkSet> {
        self.links.iter().find(|set| set.attribute == attribute)
    }

    pub(crate) fn link_set_mut(&mut self, attribute: AttributeId) -> &mut LinkSet {
        let place = match self
            .links
            .binary_search_by_key(&attribute, |set| set.attribute)
        {
            Ok(place) => place,
            Err(place) => {
                self.links.insert(
                    place,
                    LinkSet {
                        attribute,
                        usn: 0,
                        values: BTreeMap::new(),
                    },
                );
                place
            }
        };
        &mut self.links[place]
    }
}
