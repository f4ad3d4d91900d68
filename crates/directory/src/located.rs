//! Rows of live objects by id, as the writer last saw them: most references point to objects that were just made, or that
//! another group had as a member.
//!
//! Never knows more than a fixed number of objects. Trap: whoever deletes an object, softly or for good, has it forgotten
//! here, and a batch that is undone takes everything along that it saw.

use std::collections::HashMap;

use uuid::Uuid;

use crate::schema::Kind;

// LIMIT: objects remembered (7/8 of a power of two, so that a full map is a full one); when there are more it begins anew.
const MOST: usize = if cfg!(test) { 1_000 } else { 1_835_008 };

/// Rows by id.
#[derive(Debug, Default)]
pub(crate) struct Located(HashMap<Uuid, (i64, Kind)>);

impl Located {
    /// Row and kind of a live object, if they are known.
    pub(crate) fn find(&self, id: Uuid) -> Option<(i64, Kind)> {
        self.0.get(&id).copied()
    }

    /// Remembers a live object.
    pub(crate) fn know(&mut self, id: Uuid, row: i64, kind: Kind) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(id, (row, kind));
    }

    /// An object is not live any more.
    pub(crate) fn forget(&mut self, id: Uuid) {
        self.0.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_anew_when_it_is_full() {
        let mut located = Located::default();
        for number in 0..=MOST {
            let row = i64::try_from(number).unwrap();
            located.know(Uuid::from_u128(number as u128), row, Kind::User);
            assert!(located.0.len() <= MOST);
        }
        assert_eq!(located.find(Uuid::from_u128(1)), None);
        let last = Uuid::from_u128(MOST as u128);
        assert!(located.find(last).is_some());
        located.forget(last);
        assert_eq!(located.find(last), None);
    }
}
