//! Pages on their way to the engine.
//!
//! Never carries a position: one is known only when everything was heard. Trap: a complete set of links is never divided,
//! because half of it would look like the loss of the rest; a page grows as large as its largest group.

use std::collections::BTreeMap;

use sync_core::{
    object::{Entry, EntryKind},
    value::Name,
};

use crate::source::{Page, PageSink, SourceError};

/// How many links one page carries before it is handed on.
const LINKS_PER_PAGE: usize = 50_000;

/// Pages on their way to the sink.
pub(super) struct Pages<'a> {
    sink: &'a mut dyn PageSink,
    size: usize,
    number: u32,
    entries: Vec<Entry>,
    links: usize,
    seen: BTreeMap<Name, u64>,
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
        }
    }

    pub async fn push(&mut self, entry: Entry) -> Result<(), SourceError> {
        if let (EntryKind::Whole, Some(class)) = (entry.kind, &entry.class) {
            *self.seen.entry(class.clone()).or_default() += 1;
        }
        self.links += entry.links.iter().map(|l| l.added.len()).sum::<usize>();
        self.entries.push(entry);
        if self.entries.len() >= self.size || self.links >= LINKS_PER_PAGE {
            self.flush().await?;
        }
        Ok(())
    }

    /// Hands on what there is.
    pub async fn flush(&mut self) -> Result<(), SourceError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        self.links = 0;
        let page = Page {
            number: self.number,
            entries: std::mem::take(&mut self.entries),
            watermark: None,
        };
        self.number += 1;
        self.sink.page(page).await
    }

    /// Objects handed on whole, by class.
    pub fn seen(self) -> BTreeMap<Name, u64> {
        self.seen
    }
}
