//! One object and how its values are held.
//!
//! A million objects have to fit: plain attributes are two packed blocks, of which one is shared by all objects that
//! agree in it (one site, one department), and references are numbers. The trap: the object's own block counts where
//! both have an attribute.

use std::sync::Arc;

use uuid::Uuid;

use crate::schema::{AttributeId, ClassDef};
use crate::store::ObjectId;
use crate::store::block::{Block, Record, Values};

/// An attribute as stored. Without values it was cleared, which change tracking still has to tell.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Which attribute.
    pub attribute: AttributeId,
    /// Change number of the last change.
    pub usn: u64,
    /// What it holds.
    pub values: Values<'a>,
}

/// One value of a link, with its change number and whether it was removed, in twelve octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkValue {
    /// What is referred to.
    pub to: ObjectId,
    stamp: [u32; 2],
}

impl LinkValue {
    /// The change number takes 63 bits, the lowest says whether the value is there.
    pub(crate) fn new(to: ObjectId, usn: u64, is_present: bool) -> Self {
        let packed = (usn << 1) | u64::from(is_present);
        Self {
            to,
            stamp: [packed as u32, (packed >> 32) as u32],
        }
    }

    fn packed(self) -> u64 {
        let [low, high] = self.stamp;
        (u64::from(high) << 32) | u64::from(low)
    }

    /// Change number of the last change.
    pub fn usn(self) -> u64 {
        self.packed() >> 1
    }

    /// False when it was removed.
    pub fn is_present(self) -> bool {
        self.packed() & 1 == 1
    }
}

/// All values of one reference attribute, including removed ones.
#[derive(Debug, Clone)]
pub struct LinkSet {
    /// Which attribute.
    pub attribute: AttributeId,
    /// Change number of the last change to any value.
    pub usn: u64,
    // INVARIANT: in the order of `to`, each once.
    values: Vec<LinkValue>,
}

impl LinkSet {
    /// The values in the order of what they refer to.
    pub fn values(&self) -> &[LinkValue] {
        &self.values
    }

    /// The value that refers to an object.
    pub fn value(&self, to: ObjectId) -> Option<LinkValue> {
        let place = self.values.binary_search_by_key(&to, |value| value.to);
        place.ok().and_then(|place| self.values.get(place)).copied()
    }

    pub(crate) fn put(&mut self, value: LinkValue) {
        match self.values.binary_search_by_key(&value.to, |one| one.to) {
            Ok(place) => self.values[place] = value,
            Err(place) => {
                if self.values.is_empty() {
                    self.values.reserve_exact(1);
                }
                self.values.insert(place, value);
            }
        }
    }

    pub(crate) fn forget(&mut self, to: ObjectId) {
        if let Ok(place) = self.values.binary_search_by_key(&to, |value| value.to) {
            self.values.remove(place);
        }
    }
}

/// objectSid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sid {
    /// It has none.
    None,
    /// The domain's, with this last part.
    Relative(u32),
    /// Octets of any other.
    Whole(Arc<[u8]>),
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
    pub sid: Sid,
    pub(super) own: Block,
    pub(super) common: Block,
    /// References in the order of their attributes' numbers.
    pub links: Vec<LinkSet>,
    /// Who refers to it under which forward attribute, in order.
    pub back: Vec<(AttributeId, ObjectId)>,
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

/// New values of one attribute, encoded, with their change number.
pub(crate) type Change = (AttributeId, u64, Vec<u8>);

impl Object {
    /// The stored attribute, even if cleared.
    pub fn stored(&self, attribute: AttributeId) -> Option<Stored<'_>> {
        let record = self.own.find(attribute);
        record
            .or_else(|| self.common.find(attribute))
            .map(|record| self.dated(record))
    }

    fn dated<'a>(&self, record: Record<'a>) -> Stored<'a> {
        Stored {
            attribute: record.attribute,
            usn: record.stamp.unwrap_or(self.usn_created),
            values: record.values,
        }
    }

    /// Plain attributes in the order of their numbers, cleared ones among them.
    pub fn attributes(&self) -> impl Iterator<Item = Stored<'_>> {
        let mut own = self.own.records().peekable();
        let mut common = self.common.records().peekable();
        std::iter::from_fn(move || {
            let record = match (own.peek(), common.peek()) {
                (Some(one), Some(other)) if one.attribute == other.attribute => {
                    common.next();
                    own.next()
                }
                (Some(one), Some(other)) if one.attribute > other.attribute => common.next(),
                (None, Some(_)) => common.next(),
                _ => own.next(),
            };
            record.map(|record| self.dated(record))
        })
    }

    /// Puts encoded values in place of all; none clears the attribute.
    pub(crate) fn store(&mut self, attribute: AttributeId, usn: u64, encoded: Vec<u8>) {
        self.store_all(&[(attribute, usn, encoded)]);
    }

    /// The same for several attributes, in the order of their numbers.
    pub(crate) fn store_all(&mut self, changes: &[Change]) {
        let created = self.usn_created;
        let changes = changes
            .iter()
            .filter(|(attribute, _, encoded)| {
                !encoded.is_empty() || self.stored(*attribute).is_some()
            })
            .map(|(attribute, usn, encoded)| {
                Record::new(
                    *attribute,
                    Some(*usn).filter(|usn| *usn != created),
                    encoded,
                )
            });
        let mut changes = changes.peekable();
        let mut own = self.own.records().peekable();
        let merged = std::iter::from_fn(|| match (changes.peek(), own.peek()) {
            (Some(new), Some(old)) if new.attribute == old.attribute => {
                own.next();
                changes.next()
            }
            (Some(new), Some(old)) if new.attribute > old.attribute => own.next(),
            (None, Some(_)) => own.next(),
            _ => changes.next(),
        });
        let packed = Block::pack(merged);
        self.own = packed;
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
                self.links.reserve_exact(1);
                self.links.insert(
                    place,
                    LinkSet {
                        attribute,
                        usn: 0,
                        values: Vec::new(),
                    },
                );
                place
            }
        };
        &mut self.links[place]
    }

    pub(crate) fn put_back(&mut self, attribute: AttributeId, from: ObjectId) {
        if let Err(place) = self.back.binary_search(&(attribute, from)) {
            self.back.insert(place, (attribute, from));
        }
    }

    pub(crate) fn forget_back(&mut self, attribute: AttributeId, from: ObjectId) {
        if let Ok(place) = self.back.binary_search(&(attribute, from)) {
            self.back.remove(place);
        }
    }
}
