//! Maps by names and numbers of our own, hashed in a few instructions.
//!
//! Trap: only for keys an outsider cannot choose in any number (names of a schema, row numbers); for all others the standard
//! library's maps are right, in which nobody can make keys collide.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

/// A map by names or numbers of our own.
pub type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;
/// A set of them.
pub type QuickSet<K> = HashSet<K, BuildHasherDefault<QuickHasher>>;

/// Multiplies and rotates, eight bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuickHasher(u64);

impl QuickHasher {
    fn add(&mut self, word: u64) {
        // An odd number without a pattern (of the golden ratio).
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        // The best bits are the highest, and maps use the lowest as well.
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(rest) {
                *to = *from;
            }
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.add(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_i64(&mut self, number: i64) {
        self.add(number.cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher;

    #[test]
    fn names_and_numbers_are_spread_over_low_and_high_bits() {
        let build = BuildHasherDefault::<QuickHasher>::default();
        let names = (0..4_096_i64)
            .map(|number| build.hash_one(format!("extensionAttribute{number}").as_str()));
        let numbers = (0..4_096_i64).map(|number| build.hash_one(number));
        for hashes in [names.collect::<Vec<_>>(), numbers.collect()] {
            let whole: HashSet<u64> = hashes.iter().copied().collect();
            assert_eq!(whole.len(), 4_096);
            // As many as there are keys: by chance about two in three places are taken.
            let low: HashSet<u64> = hashes.iter().map(|hash| hash % 4_096).collect();
            assert!(low.len() > 2_000, "{}", low.len());
            let high: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
            assert_eq!(high.len(), 128);
        }
    }
}
