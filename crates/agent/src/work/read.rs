//! Reading a source into pages.
//!
//! Pages are numbered here and sent one after the other, while the next ones are read; a heavy page is divided. Trap: only the
//! last piece of a divided page carries its watermark, or a read continued there would skip the rest.

use std::pin::pin;

use async_trait::async_trait;
use bytes::Bytes;
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
use tokio::sync::mpsc;
use wire::agent::v1::{DIVIDE_PAGE_BYTES, PageOut};

use crate::{
    convert,
    lease::{self, Lease},
};

// LIMIT: packed pages that wait for the one under way.
const PAGES_WAITING: usize = 1;

/// What to read.
pub struct Order {
    pub read: i64,
    pub spec: ReadSpec,
    pub mode: ReadMode,
    pub first_page: u32,
}

/// A page on its way, packed.
struct Packed {
    place: String,
    frame: Bytes,
}

struct Pages {
    way: mpsc::Sender<Packed>,
    read: i64,
    next: u32,
}

/// Reads, and says how it ended.
pub async fn read(
    lease: &Lease,
    source: &mut Box<dyn Source>,
    order: Order,
) -> (Result<(), Refusal>, Option<Refusal>) {
    let (way, packed) = mpsc::channel(PAGES_WAITING);
    let reading = async {
        // Dropped when everything was read: then the way is at its end.
        let mut pages = Pages {
            way,
            read: order.read,
            next: order.first_page,
        };
        source.read(&order.spec, order.mode, &mut pages).await
    };
    let mut reading = pin!(reading);
    let mut sending = pin!(send(lease, packed));
    let end = tokio::select! {
        end = reading.as_mut() => sending.await.and(end),
        // A page that is refused ends the read at once.
        Err(refusal) = sending.as_mut() => Err(refusal),
    };
    let failure = end.as_ref().err().cloned();
    let told = lease.post("read-end", &convert::read_end(end)).await;
    (told, failure)
}

/// Sends page after page, each when the one before is stored.
async fn send(lease: &Lease, mut packed: mpsc::Receiver<Packed>) -> Result<(), Refusal> {
    while let Some(Packed { place, frame }) = packed.recv().await {
        lease.post_frame(&place, frame).await?;
    }
    Ok(())
}

#[async_trait]
impl PageSink for Pages {
    async fn page(&mut self, page: Page) -> Result<(), Refusal> {
        let pieces = divide(&page.entries);
        let last = pieces.len().saturating_sub(1);
        for (at, (entries, weight)) in pieces.into_iter().enumerate() {
            let watermark = page.watermark.as_deref().filter(|_| at == last);
            self.pack(entries, weight, watermark).await?;
        }
        Ok(())
    }
}

impl Pages {
    async fn pack(
        &mut self,
        entries: &[Entry],
        weight: usize,
        watermark: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let number = self.next;
        let page = PageOut {
            read: self.read,
            number,
            entries,
            watermark,
        };
        let place = format!("pages/{number}");
        let frame = lease::pack(&page, weight)?;
        // Only at the end of everything is nobody there to take it.
        let gone = |_| Refusal::new(Code::Conflict).with("text", "the read has ended");
        let packed = Packed { place, frame };
        self.way.send(packed).await.map_err(gone)?;
        self.next = number.checked_add(1).ok_or_else(|| {
            Refusal::new(Code::InternalFault).with("text", "the read has too many pages")
        })?;
        Ok(())
    }
}

/// Entries in pieces that are not too heavy, each with its weight; one empty piece for none.
fn divide(entries: &[Entry]) -> Vec<(&[Entry], usize)> {
    let mut pieces = Vec::new();
    let (mut from, mut weight) = (0, 0);
    for (at, entry) in entries.iter().enumerate() {
        let more = weigh(entry);
        if weight > 0 && weight + more > DIVIDE_PAGE_BYTES {
            pieces.push((entries.get(from..at).unwrap_or_default(), weight));
            (from, weight) = (at, 0);
        }
        weight += more;
    }
    pieces.push((entries.get(from..).unwrap_or_default(), weight));
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
        let sizes = |entries: Vec<Entry>| {
            let pieces = divide(&entries);
            let whole: Vec<Entry> = pieces.iter().flat_map(|(all, _)| all.to_vec()).collect();
            assert_eq!(whole, entries);
            pieces.iter().map(|(all, _)| all.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(vec![]), [0]);
        assert_eq!(sizes(vec![heavy(1), heavy(1)]), [2]);
        assert_eq!(
            sizes(vec![heavy(5 << 20), heavy(5 << 20), heavy(2 << 20)]),
            [1, 2]
        );
        assert_eq!(sizes(vec![heavy(20 << 20), heavy(1)]), [1, 1]);
    }
}
