//! Entries on their way to the sink, gathered into pages.
//!
//! Outlives the connection they came over: what has gathered stays true when the read goes on at another controller. Trap:
//! an entry with very many links becomes a first entry and parts that add the rest, which have to stay in this order.

use std::collections::BTreeMap;

use sync_core::{
    object::{Entry, EntryKind, LinkChange},
    value::Name,
};

use crate::source::{Page, PageSink, SourceError};

/// How many links one entry carries; the rest follows in further entries of the same object.
const LINKS_PER_ENTRY: usize = 20_000;
/// How many links one page carries before it is handed on.
const LINKS_PER_PAGE: usize = 50_000;

/// Pages on their way to the sink.
pub(super) struct Pages<'a> {
    sink: &'a mut dyn PageSink,
    pub size: usize,
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
            *self.seen.entry(class.clone()).or_default() += 1;
        }
        for entry in in_portions(entry) {
            self.links += entry.links.iter().map(count).sum::<usize>();
            self.entries.push(entry);
            if self.entries.len() >= self.size || self.links >= LINKS_PER_PAGE {
                self.flush(None).await?;
            }
        }
        Ok(())
    }

    /// Hands on what has gathered.
    pub async fn flush(&mut self, watermark: Option<Vec<u8>>) -> Result<(), SourceError> {
        self.links = 0;
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

/// Splits an entry with very many links into a first entry and parts that add the rest.
fn in_portions(mut entry: Entry) -> Vec<Entry> {
    let mut rest = Vec::new();
    for link in &mut entry.links {
        if link.added.len() <= LINKS_PER_ENTRY {
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

    #[test]
    fn very_many_links_are_split_into_a_complete_start_and_additions() {
        let anchors = (0..50_001_u32).map(|n| Anchor::new(n.to_le_bytes()));
        let mut entry = Entry::new(Anchor::new([1; 16]), EntryKind::Whole);
        entry.links.push(LinkChange {
            attribute: "member".into(),
            complete: true,
            added: anchors.clone().collect(),
            removed: Vec::new(),
        });
        let portions = in_portions(entry);
        let kinds: Vec<_> = portions
            .iter()
            .map(|e| (e.kind, e.links[0].complete, e.links[0].added.len()))
            .collect();
        assert_eq!(
            kinds,
            [
                (EntryKind::Whole, true, LINKS_PER_ENTRY),
                (EntryKind::Part, false, LINKS_PER_ENTRY),
                (EntryKind::Part, false, 10_001),
            ]
        );
        let all = portions
            .iter()
            .flat_map(|e| e.links[0].added.iter().cloned());
        assert!(all.eq(anchors));
    }
}
