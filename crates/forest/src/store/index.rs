//! Look-up of objects by a name, without keeping the names: a hash leads to candidates, and whoever asks compares.
//!
//! It never says that a candidate is the right one. The trap: what is put in under one hash has to be taken out under
//! the same, before the name changes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

use crate::store::ObjectId;

/// Takes a hash for its own hash.
#[derive(Debug, Clone, Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        self.0 = hasher.finish();
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Candidates by the hash of a name.
#[derive(Debug, Clone, Default)]
pub(super) struct NameIndex {
    first: HashMap<u64, ObjectId, BuildHasherDefault<AsIs>>,
    /// Further objects under a hash that is in `first` already.
    more: HashMap<u64, Vec<ObjectId>>,
}

/// Hash of a name, or of a name and what it is a name in.
pub(super) fn hash(name: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl NameIndex {
    pub(super) fn reserve(&mut self, count: usize) {
        self.first.reserve(count);
    }

    pub(super) fn insert(&mut self, hash: u64, id: ObjectId) {
        if let Some(known) = self.first.get(&hash).copied() {
            if known != id {
                self.more.entry(hash).or_default().push(id);
            }
        } else {
            self.first.insert(hash, id);
        }
    }

    pub(super) fn remove(&mut self, hash: u64, id: ObjectId) {
        if let Some(more) = self.more.get_mut(&hash) {
            more.retain(|one| *one != id);
        }
        if self.first.get(&hash) == Some(&id) {
            match self.more.get_mut(&hash).and_then(Vec::pop) {
                Some(next) => self.first.insert(hash, next),
                None => self.first.remove(&hash),
            };
        }
    }

    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = ObjectId> + '_ {
        let more = self.more.get(&hash).into_iter().flatten();
        self.first.get(&hash).into_iter().chain(more).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_under_one_hash_are_all_candidates_until_taken_out() {
        let mut index = NameIndex::default();
        for place in 0..3 {
            index.insert(7, ObjectId(place));
        }
        index.remove(7, ObjectId(0));
        let mut left: Vec<_> = index.candidates(7).collect();
        left.sort();
        assert_eq!(left, [ObjectId(1), ObjectId(2)]);
        index.remove(7, ObjectId(2));
        index.remove(7, ObjectId(1));
        assert_eq!(index.candidates(7).count(), 0);
    }
}
