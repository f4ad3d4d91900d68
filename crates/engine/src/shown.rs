//! Attributes a read has just shown, until they are planned from: so that they have to be stored, and not unpacked again.
//!
//! A copy only, and never trusted: it is used where the row holds exactly the bytes it was packed into. Trap: kept after the
//! page was committed, though nothing would go wrong otherwise, because what was undone is not worth its memory.

use std::collections::HashMap;

use sync_core::value::Attributes;

// LIMIT: stored bytes of what is kept; unpacked they take about three times as much.
const MOST_BYTES: usize = 4 << 20;

/// Attributes of one object, and the bytes they were packed into.
pub(crate) struct Shown {
    pub(crate) object: i64,
    pub(crate) blob: Vec<u8>,
    pub(crate) attributes: Attributes,
}

/// What was shown, by object.
#[derive(Default)]
pub(crate) struct ShownObjects {
    kept: HashMap<i64, Shown>,
    bytes: usize,
}

impl ShownObjects {
    /// Keeps what was shown, in place of what was kept of the same objects.
    pub(crate) fn keep(&mut self, all: Vec<Shown>) {
        for shown in all {
            if self.bytes + shown.blob.len() > MOST_BYTES {
                // Planning is far behind, or these are never planned: whatever it is can be read.
                self.kept.clear();
                self.bytes = 0;
            }
            self.bytes += shown.blob.len();
            if let Some(old) = self.kept.insert(shown.object, shown) {
                self.bytes -= old.blob.len();
            }
        }
    }

    /// Takes the attributes of an object, if these are the bytes of them.
    pub(crate) fn take(&mut self, object: i64, blob: &[u8]) -> Option<Attributes> {
        let shown = self.kept.remove(&object)?;
        self.bytes -= shown.blob.len();
        (shown.blob == blob).then_some(shown.attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(object: i64, blob: &[u8]) -> Shown {
        let attributes = [("cn", vec!["Ada".into()])].into_iter().collect();
        Shown {
            object,
            blob: blob.to_vec(),
            attributes,
        }
    }

    #[test]
    fn attributes_are_given_for_the_bytes_they_were_packed_into_and_no_others() {
        let mut all = ShownObjects::default();
        all.keep(vec![shown(1, b"old"), shown(2, b"two"), shown(1, b"new")]);
        assert!(all.take(1, b"old").is_none(), "it was shown again");
        assert!(all.take(1, b"new").is_none(), "and is not asked for twice");
        assert!(
            all.take(2, b"two")
                .is_some_and(|held| held.text("cn") == Some("Ada"))
        );
        assert_eq!(all.bytes, 0);
    }

    #[test]
    fn never_more_bytes_are_kept_than_allowed() {
        let mut all = ShownObjects::default();
        let large = vec![0; MOST_BYTES / 4];
        for object in 0..20 {
            all.keep(vec![shown(object, &large)]);
            assert!(all.bytes <= MOST_BYTES);
        }
        assert!(all.take(19, &large).is_some(), "the newest is there");
        assert!(all.take(0, &large).is_none());
    }
}
