//! Entries on their way to the sink, gathered into pages.
//!
//! Outlives the connection they came over: what has gathered stays true when the read goes on at another server. Trap: a
//! complete set of links is never divided, because half of it would look like the loss of the rest (and a planner that comes
//! between two pages would take that to the target); a page grows as large as its largest group. Added links may be divided:
//! a first entry and parts that add the rest, in this order.

use std::collections::BTreeMap;

use sync_core::{
    object::{Entry, EntryKind, LinkChange},
    value::Name,
};

use crate::source::{Page, PageSink, SourceError};

/// How many added links one entry carries; the rest follows in further entries of the same object.
const LINKS_PER_ENTRY: usize = 20_000;
/// How many links one page carries before it is handed on: so few that they are stored, planned and carried out while the
/// next ones are read.
const LINKS_PER_PAGE: usize = 5_000;
/// The first page of a read is so many times smaller, and each of the next ones twice as large as the one before, until they
/// have their size: what takes the pages has something to do at once.
const FIRST_PAGE_SMALLER: usize = 8;

/// Pages on their way to the sink.
pub(super) struct Pages<'a> {
    sink: &'a mut dyn PageSink,
    pub size: usize,
    /// Entries of the page that gathers now.
    present_size: usize,
    number: u32,
    entries: Vec<Entry>,
    links: usize,
    pub seen: BTreeMap<Name, u64>,
    /// Entries taken so far.
    pub taken: u64,
}

impl<'a> Pages<'a> {
    pub fn new(sink: &'a mut dyn PageSink, size: u32) -> Self {
        Self {
            sink,
            size: size.max(1) as usize,
            present_size: (size as usize / FIRST_PAGE_SMALLER).max(1),
            number: 0,
            entries: Vec::new(),
            links: 0,
            seen: BTreeMap::new(),
            taken: 0,
        }
    }

    /// Takes an entry, and hands a page on when it is full.
    pub async fn push(&mut self, entry: Entry) -> Result<(), SourceError> {
        self.taken += 1;
        if let (EntryKind::Whole | EntryKind::Part, Some(class)) = (entry.kind, &entry.class) {
            match self.seen.get_mut(class) {
                Some(seen) => *seen += 1,
                None => *self.seen.entry(class.clone()).or_default() += 1,
            }
        }
        if !entry.links.iter().any(is_to_be_divided) {
            return self.add(entry).await;
        }
        for portion in in_portions(entry) {
            self.add(portion).await?;
        }
        Ok(())
    }

    async fn add(&mut self, entry: Entry) -> Result<(), SourceError> {
        self.links += entry.links.iter().map(count).sum::<usize>();
        self.entries.push(entry);
        if self.entries.len() >= self.present_size || self.links >= LINKS_PER_PAGE {
            self.flush(None).await?;
        }
        Ok(())
    }

    /// Hands on what has gathered; without a position, only if there is something.
    pub async fn flush(&mut self, watermark: Option<Vec<u8>>) -> Result<(), SourceError> {
        if self.entries.is_empty() && watermark.is_none() {
            return Ok(());
        }
        self.links = 0;
        self.present_size = self.present_size.saturating_mul(2).min(self.size);
        let page = Page {
            number: self.number,
            entries: std::mem::take(&mut self.entries),
            watermark,
        };
        self.number += 1;
        self.sink.page(page).await
    }
}

fn count(link: &LinkChange) -> usize {
    link.added.len() + link.removed.len()
}

/// A complete set never is.
fn is_to_be_divided(link: &LinkChange) -> bool {
    !link.complete && link.added.len() > LINKS_PER_ENTRY
}

/// Splits an entry that adds very many links into a first entry and parts that add the rest.
fn in_portions(mut entry: Entry) -> Vec<Entry> {
    let mut rest = Vec::new();
    for link in &mut entry.links {
        if link.complete || link.added.len() <= LINKS_PER_ENTRY {
            continue;
        }
        let further = link.added.split_off(LINKS_PER_ENTRY);
        for chunk in further.chunks(LINKS_PER_ENTRY) {
            let mut part = Entry::new(entry.anchor.clone(), EntryKind::Part);
            part.version = entry.version;
            part.links.push(LinkChange {
                attribute: link.attribute.clone(),
                complete: false,
                added: chunk.to_vec(),
                removed: Vec::new(),
            });
            rest.push(part);
        }
    }
    rest.insert(0, entry);
    rest
}

#[cfg(test)]
mod tests {
    use sync_core::id::Anchor;

    use super::*;

    fn group(kind: EntryKind, complete: bool) -> (Entry, Vec<Anchor>) {
        let anchors: Vec<Anchor> = (0..50_001_u32)
            .map(|n| Anchor::new(n.to_le_bytes()))
            .collect();
        let mut entry = Entry::new(Anchor::new([1; 16]), kind);
        entry.links.push(LinkChange {
            attribute: "member".into(),
            complete,
            added: anchors.clone(),
            removed: Vec::new(),
        });
        (entry, anchors)
    }

    #[test]
    fn very_many_added_links_are_divided_and_none_is_lost() {
        let (entry, anchors) = group(EntryKind::Part, false);
        let portions = in_portions(entry);
        let counts: Vec<_> = portions.iter().map(|e| e.links[0].added.len()).collect();
        assert_eq!(counts, [LINKS_PER_ENTRY, LINKS_PER_ENTRY, 10_001]);
        assert!(portions.iter().all(|e| !e.links[0].complete));
        let all = portions.iter().flat_map(|e| e.links[0].added.clone());
        assert!(all.eq(anchors));
    }

    #[test]
    fn a_complete_set_of_links_is_never_divided() {
        let (entry, _) = group(EntryKind::Whole, true);
        assert_eq!(in_portions(entry.clone()), [entry]);
    }
}
