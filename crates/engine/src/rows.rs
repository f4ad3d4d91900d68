//! Rows of the objects a read has shown or referred to, so that members of many groups are looked up once.
//!
//! Only what was committed is here, and only while the read runs. Never knows more than a fixed number of objects. Trap:
//! only anchors of 16 bytes are remembered, which are nearly all; of others nothing is known.

use std::collections::HashMap;

use sync_core::id::Anchor;

// LIMIT: objects remembered; when there are more it begins anew.
const MOST: usize = 250_000;

/// The form in which anchors are remembered.
pub(crate) type Key = [u8; 16];

/// The key of an anchor that can be remembered.
pub(crate) fn key_of(anchor: &Anchor) -> Option<Key> {
    anchor.as_bytes().try_into().ok()
}

/// Rows by anchor.
pub(crate) struct Rows {
    known: HashMap<Key, i64>,
    /// Whether every object of the connector space with such an anchor is here, unless somebody else added it.
    is_complete: bool,
}

impl Rows {
    /// Nothing is known; `is_empty`: because there is nothing yet.
    pub(crate) fn new(is_empty: bool) -> Self {
        Self {
            known: HashMap::new(),
            is_complete: is_empty,
        }
    }

    pub(crate) fn find(&self, key: &Key) -> Option<i64> {
        self.known.get(key).copied()
    }

    /// Whether an object that is not known here is most likely not stored.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes in what a page brought, after it was committed.
    pub(crate) fn extend(&mut self, page: HashMap<Key, i64>) {
        if self.known.len() + page.len() > MOST {
            self.known.clear();
            self.is_complete = false;
        }
        self.known.extend(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_complete_until_something_is_forgotten() {
        let mut rows = Rows::new(true);
        let key = |number: usize| (number as u128).to_be_bytes();
        rows.extend((0..MOST).map(|number| (key(number), 1)).collect());
        assert!(rows.is_complete());
        assert_eq!(rows.find(&key(7)), Some(1));
        rows.extend([(key(MOST), 2)].into());
        assert!(!rows.is_complete());
        assert_eq!(rows.find(&key(7)), None);
        assert_eq!(rows.find(&key(MOST)), Some(2));
    }

    #[test]
    fn only_anchors_of_16_bytes_have_a_key() {
        assert_eq!(key_of(&Anchor::new([3; 16])), Some([3; 16]));
        assert_eq!(key_of(&Anchor::new([3; 15])), None);
    }
}
