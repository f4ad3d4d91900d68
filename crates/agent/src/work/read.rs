//! Reading a source into pages.
//!
//! Pages are sent one after the other and numbered here; a heavy page is divided. Trap: only the last piece of a divided
//! page carries its watermark, or a read continued there would skip the rest.

use async_trait::async_trait;
use connectors::{
    Source,
    source::{Page, PageSink, ReadMode},
};
use sync_core::{
    code::Code,
    object::{Entry, ReadSpec},
    operation::Refusal,
    value::Value,
};
use wire::{
    agent::v1::{self, DIVIDE_PAGE_BYTES},
    bytes::Bytes,
};

use crate::{convert, lease::Lease};

/// What to read.
pub struct Order {
    pub read: i64,
    pub spec: ReadSpec,
    pub mode: ReadMode,
    pub first_page: u32,
}

struct Pages<'a> {
    lease: &'a Lease,
    read: i64,
    next: u32,
}

/// Reads, and says how it ended.
pub async fn read(
    lease: &Lease,
    source: &mut Box<dyn Source>,
    order: Order,
) -> (Result<(), Refusal>, Option<Refusal>) {
    let mut pages = Pages {
        lease,
        read: order.read,
        next: order.first_page,
    };
    let end = source.read(&order.spec, order.mode, &mut pages).await;
    let failure = end.as_ref().err().cloned();
    let told = lease.post("read-end", &convert::read_end(end)).await;
    (told, failure)
}

#[async_trait]
impl PageSink for Pages<'_> {
    async fn page(&mut self, page: Page) -> Result<(), Refusal> {
        let mut pieces = divide(page.entries).into_iter().peekable();
        let mut watermark = page.watermark;
        while let Some(entries) = pieces.next() {
            let watermark = match pieces.peek() {
                Some(_) => None,
                None => watermark.take(),
            };
            self.send(entries, watermark).await?;
        }
        Ok(())
    }
}

impl Pages<'_> {
    async fn send(
        &mut self,
        entries: Vec<Entry>,
        watermark: Option<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let number = self.next;
        let page = v1::Page {
            read: self.read,
            number,
            entries: entries.into_iter().map(v1::Entry::from).collect(),
            watermark: watermark.map(Bytes),
        };
        self.lease.post(&format!("pages/{number}"), &page).await?;
        self.next = number.checked_add(1).ok_or_else(|| {
            Refusal::new(Code::InternalFault).with("text", "the read has too many pages")
        })?;
        Ok(())
    }
}

/// Entries in pieces that are not too heavy; one empty piece for none.
fn divide(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut pieces = vec![Vec::new()];
    let mut weight = 0;
    for entry in entries {
        let more = weigh(&entry);
        if weight > 0 && weight + more > DIVIDE_PAGE_BYTES {
            pieces.push(Vec::new());
            weight = 0;
        }
        weight += more;
        if let Some(piece) = pieces.last_mut() {
            piece.push(entry);
        }
    }
    pieces
}

/// About how many bytes an entry takes on the wire.
pub fn weigh(entry: &Entry) -> usize {
    const EACH: usize = 16;
    let value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Binary(bytes) => bytes.len(),
        Value::Integer(_) | Value::Boolean(_) => 8,
    };
    let attributes = entry.attributes.iter();
    let attributes = attributes
        .map(|(name, values)| name.len() + values.iter().map(|v| value(v) + EACH).sum::<usize>());
    let links = entry.links.iter().map(|links| {
        let anchors = links.added.iter().chain(&links.removed);
        links.attribute.len() + anchors.map(|a| a.as_bytes().len() + 1).sum::<usize>()
    });
    4 * EACH + attributes.sum::<usize>() + links.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::{id::Anchor, object::EntryKind};

    fn heavy(bytes: usize) -> Entry {
        let mut entry = Entry::new(Anchor::new([1; 16]), EntryKind::Whole);
        entry
            .attributes
            .set("photo", vec![Value::binary(vec![0; bytes])]);
        entry
    }

    #[test]
    fn heavy_pages_are_divided_and_nothing_is_lost() {
        let sizes = |entries: Vec<Entry>| divide(entries).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![]), [0]);
        assert_eq!(sizes(vec![heavy(1), heavy(1)]), [2]);
        assert_eq!(
            sizes(vec![heavy(5 << 20), heavy(5 << 20), heavy(2 << 20)]),
            [1, 2]
        );
        assert_eq!(sizes(vec![heavy(20 << 20), heavy(1)]), [1, 1]);
    }
}
