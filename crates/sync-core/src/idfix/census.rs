//! Who has which unique value: a hash each.
//!
//! Never keeps a value. Trap: hashes are keyed by a salt of the caller, so nobody can prepare values that seem equal.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use super::{
    Kind, Subject,
    names::{Claim, Space, claims},
};
use crate::operation::TargetObject;

/// Who has a value in the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    /// Hash of the anchor of who is to keep it.
    pub keeper: u64,
    is_first: bool,
    pub count: u32,
}

/// Who has a value in the target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    /// Hash of its source anchor; `None`: it was not made by synchronisation.
    pub source_anchor: Option<u64>,
    pub kind: Kind,
    /// Whether a source object that has the value as its first takes this object over.
    pub is_found_by_it: bool,
}

/// The first look at a source and its target.
#[derive(Debug)]
pub struct Census {
    salt: u64,
    pub(super) owners: HashMap<u64, Owner>,
    pub(super) holders: HashMap<u64, Holder>,
    pub(super) anchors: HashSet<u64>,
}

impl Census {
    /// An empty one. The salt is any number an outsider cannot know.
    pub fn new(salt: u64) -> Self {
        Self {
            salt,
            owners: HashMap::new(),
            holders: HashMap::new(),
            anchors: HashSet::new(),
        }
    }

    pub(super) fn hash(&self, what: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.salt.hash(&mut hasher);
        what.hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn key(&self, space: Space, text: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.salt.hash(&mut hasher);
        space.hash(&mut hasher);
        text.hash(&mut hasher);
        hasher.finish()
    }

    /// Notes an object of the source.
    pub fn add(&mut self, subject: &Subject<'_>) {
        let own = self.hash(subject.anchor);
        if let Some(anchor) = subject.source_anchor {
            let hash = self.hash(anchor.as_bytes());
            self.anchors.insert(hash);
        }
        for claim in claims(subject.attributes) {
            let key = self.key(claim.space, &claim.text);
            let owner = self.owners.entry(key).or_insert(Owner {
                keeper: own,
                is_first: claim.is_first,
                count: 0,
            });
            owner.count = owner.count.saturating_add(1);
            // Who is known by a value keeps it before who only also has it.
            if claim.is_first && !owner.is_first {
                owner.keeper = own;
                owner.is_first = true;
            }
        }
    }

    /// Notes an object of the target; deleted ones do not count.
    pub fn add_target(&mut self, object: &TargetObject) {
        if object.is_deleted {
            return;
        }
        let source_anchor = object
            .source_anchor
            .as_ref()
            .map(|anchor| self.hash(anchor.as_bytes()));
        let kind = Kind::of(&object.class);
        for Claim {
            space,
            text,
            is_first,
        } in claims(&object.attributes)
        {
            let key = self.key(space, &text);
            let holder = Holder {
                source_anchor,
                kind,
                is_found_by_it: is_first && space != Space::Nickname,
            };
            self.holders.insert(key, holder);
        }
    }

    /// Whether nobody has a value, in source or target.
    pub(super) fn is_free(&self, key: u64) -> bool {
        !self.owners.contains_key(&key) && !self.holders.contains_key(&key)
    }

    /// Values noted of the source.
    pub fn values(&self) -> usize {
        self.owners.len()
    }
}
