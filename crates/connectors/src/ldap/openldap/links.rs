//! Links that wait until every name is known.
//!
//! A group may come before its members, so its links are held as keys of their names, eight bytes each, and told in parts of
//! their own when the stream is over. Never holds more than a bound: what is beyond it is read again at the end. Trap: of a
//! link that is held it is told that nothing is said of it yet, because silence would mean that it has no value.

use sync_core::object::{Entry, EntryKind, LinkChange};

use super::{
    entry::Link,
    names::{Key, Names, Uuid},
    values,
};

// LIMIT: keys held at once (32 MiB).
const MOST_KEYS: usize = 4 << 20;

/// Values of one link by key, with the link's number.
pub(super) type Keyed = Vec<(usize, Vec<Key>)>;

/// Links held back.
#[derive(Default)]
pub(super) struct Held {
    objects: Vec<(Uuid, Keyed)>,
    keys: usize,
    /// Objects whose links were too many to be held.
    pub again: Vec<Uuid>,
}

impl Held {
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.again.is_empty()
    }

    pub fn hold(&mut self, uuid: Uuid, links: Keyed) {
        let keys: usize = links.iter().map(|(_, keys)| keys.len()).sum();
        // One object alone is always held: its entry was larger than this.
        if self.keys > 0 && self.keys + keys > MOST_KEYS {
            self.again.push(uuid);
            return;
        }
        self.keys += keys;
        self.objects.push((uuid, links));
    }

    /// Everything held, to be told.
    pub fn release(&mut self) -> Vec<(Uuid, Keyed)> {
        self.keys = 0;
        std::mem::take(&mut self.objects)
    }
}

/// The complete set of a link.
pub(super) fn complete(link: &Link, keys: &[Key], names: &mut Names) -> LinkChange {
    let mut added = Vec::with_capacity(keys.len());
    for key in keys {
        match names.find(*key) {
            Some(uuid) => added.push(values::anchor(uuid)),
            None => names.note_dangling(*key),
        }
    }
    LinkChange {
        attribute: link.name.clone(),
        complete: true,
        added,
        removed: Vec::new(),
    }
}

/// A link of which nothing is said yet.
pub(super) fn untold(link: &Link) -> LinkChange {
    LinkChange {
        attribute: link.name.clone(),
        complete: false,
        added: Vec::new(),
        removed: Vec::new(),
    }
}

/// An entry that tells links and nothing else.
pub(super) fn part(uuid: Uuid, changes: Vec<LinkChange>) -> Entry {
    let mut entry = Entry::new(values::anchor(uuid), EntryKind::Part);
    entry.links = changes;
    entry
}
