//! Segments of the log: records packed one by one and compressed together, with an index by link.
//!
//! A record is found without unpacking its neighbours, and the index says how far back the record of the same link before it lies,
//! so that the history of one object is followed from its newest record to its oldest. Never judges records. Trap: numbers are
//! relative (a record's place in its segment, the distance to the one before), so merging segments changes places and no distance.

use serde::{Deserialize, Serialize};

use crate::{
    log::Record,
    store::{Result, StoreError, pack, pack_onto, unpack},
};

/// How segments are written now.
pub(crate) const FORMAT: i64 = 3;
/// Room for a record of a usual person.
const USUAL_RECORD_BYTES: usize = 1_024;
/// A segment never unpacks to more than this.
const LARGEST: usize = 256 << 20;

/// Where a record of a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// The link.
    pub link: i64,
    /// Place within the segment.
    pub place: u32,
    /// How many numbers before it the link's record before has; 0: there is none.
    pub back: i64,
}

/// The records of a segment, each still packed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    lengths: Vec<u32>,
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Stored(u64, u32, u64);

impl Plain {
    /// Packs records.
    pub fn of(records: &[Record]) -> Result<Self> {
        let mut lengths = Vec::with_capacity(records.len());
        let mut bytes = Vec::with_capacity(records.len() * USUAL_RECORD_BYTES);
        for record in records {
            let start = bytes.len();
            bytes = pack_onto(record, bytes)?;
            lengths.push(u32::try_from(bytes.len() - start).unwrap_or(u32::MAX));
        }
        Ok(Self { lengths, bytes })
    }

    /// From its compressed form.
    pub fn open(data: &[u8]) -> Result<Self> {
        let plain = decompressed(data)?;
        let damaged = |_| StoreError::Blob("log segment");
        let (lengths, bytes): (Vec<u32>, &[u8]) =
            postcard::take_from_bytes(&plain).map_err(damaged)?;
        Ok(Self {
            lengths,
            bytes: bytes.to_vec(),
        })
    }

    /// Its compressed form.
    pub fn close(&self) -> Result<Vec<u8>> {
        // A length takes at most five bytes, and their number ten.
        let room = self.bytes.len() + 5 * self.lengths.len() + 10;
        let mut plain = pack_onto(&self.lengths, Vec::with_capacity(room))?;
        plain.extend_from_slice(&self.bytes);
        Ok(lz4_flex::compress_prepend_size(&plain))
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Adds the records of the segment behind.
    pub fn append(&mut self, behind: &Self) {
        self.lengths.extend_from_slice(&behind.lengths);
        self.bytes.extend_from_slice(&behind.bytes);
    }

    /// One record.
    pub fn record(&self, place: usize) -> Result<Record> {
        let damaged = || StoreError::Blob("log segment");
        let before = self.lengths.get(..place).ok_or_else(damaged)?;
        let start: usize = before.iter().map(|length| *length as usize).sum();
        let length = *self.lengths.get(place).ok_or_else(damaged)? as usize;
        let bytes = self.bytes.get(start..start.saturating_add(length));
        unpack(bytes.ok_or_else(damaged)?)
    }

    /// All records in order.
    pub fn records(&self) -> Result<Vec<Record>> {
        let mut rest = self.bytes.as_slice();
        let mut all = Vec::with_capacity(self.lengths.len());
        for length in &self.lengths {
            let (bytes, behind) = rest
                .split_at_checked(*length as usize)
                .ok_or(StoreError::Blob("log segment"))?;
            all.push(unpack(bytes)?);
            rest = behind;
        }
        Ok(all)
    }
}

/// What a compressed segment holds.
pub(crate) fn decompressed(data: &[u8]) -> Result<Vec<u8>> {
    let size = data
        .first_chunk::<4>()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    if size > LARGEST {
        return Err(StoreError::Blob("log segment"));
    }
    lz4_flex::decompress_size_prepended(data).map_err(|_| StoreError::Blob("log segment"))
}

/// The stored form of an index: by link, then place; links as differences.
pub(crate) fn close_index(mut entries: Vec<Entry>) -> Result<Vec<u8>> {
    entries.sort_unstable();
    let mut last = 0;
    let stored = entries.iter().map(|entry| {
        let difference = entry.link.wrapping_sub(last).cast_unsigned();
        last = entry.link;
        Stored(difference, entry.place, entry.back.cast_unsigned())
    });
    pack(&stored.collect::<Vec<_>>())
}

/// All entries of an index.
pub(crate) fn open_index(objects: &[u8]) -> Result<Vec<Entry>> {
    let stored: Vec<Stored> = unpack(objects)?;
    let mut link: i64 = 0;
    let entries = stored.into_iter().map(|Stored(difference, place, back)| {
        link = link.wrapping_add(difference.cast_signed());
        Entry {
            link,
            place,
            back: back.cast_signed(),
        }
    });
    Ok(entries.collect())
}

/// The entries of one link, the newest last.
pub(crate) fn of_link(objects: &[u8], link: i64) -> Result<Vec<Entry>> {
    let mut all = open_index(objects)?;
    all.retain(|entry| entry.link == link);
    Ok(all)
}
