//! Plain attributes of one object in one piece of memory, their values encoded as they go over the wire.
//!
//! A block is never changed, only replaced, so a snapshot shares all of them. The trap: a record without a stamp of
//! its own dates from the object's creation; whoever reads change numbers has to say when that was.

use std::sync::Arc;

use crate::ber::{OCTETS, Reader, Writer};
use crate::schema::AttributeId;

/// A change number follows the head.
const STAMPED: u16 = 0x8000;
/// The length takes four octets instead of two.
const LONG: u16 = 0x4000;
const NUMBER: u16 = 0x3fff;

/// Values of one attribute, encoded one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// The values in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = Reader::new(self.0);
        std::iter::from_fn(move || rest.expect(OCTETS).ok())
    }

    /// The attribute has no value.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The values as they stand in a message.
    pub fn encoded(self) -> &'a [u8] {
        self.0
    }
}

/// Encodes values in order.
pub fn encode<V: AsRef<[u8]>>(values: impl AsRef<[V]>) -> Vec<u8> {
    let values = values.as_ref();
    // A head of two octets, seldom of six.
    let content: usize = values.iter().map(|value| value.as_ref().len() + 2).sum();
    let mut writer = Writer {
        bytes: Vec::with_capacity(content),
    };
    for value in values {
        writer.octets(OCTETS, value.as_ref());
    }
    writer.bytes
}

/// One attribute in a block. Without values it was cleared, which change tracking still has to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Which attribute.
    pub attribute: AttributeId,
    /// Change number of the last change; none if that was the creation.
    pub stamp: Option<u64>,
    /// What it holds.
    pub values: Values<'a>,
}

impl<'a> Record<'a> {
    /// A record of encoded values.
    pub fn new(attribute: AttributeId, stamp: Option<u64>, encoded: &'a [u8]) -> Self {
        Self {
            attribute,
            stamp,
            values: Values(encoded),
        }
    }
}

/// Records in the order of their attributes' numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Block(Arc<[u8]>);

impl std::borrow::Borrow<[u8]> for Block {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Block {
    /// Packs records, which have to come in the order of their attributes' numbers.
    pub fn pack<'a>(records: impl IntoIterator<Item = Record<'a>>) -> Self {
        let mut bytes = Vec::with_capacity(512);
        for record in records {
            let body = record.values.0;
            let mut head = record.attribute.0;
            let short = u16::try_from(body.len()).ok();
            head |= record.stamp.map_or(0, |_| STAMPED) | short.map_or(LONG, |_| 0);
            bytes.extend_from_slice(&head.to_le_bytes());
            bytes.extend(record.stamp.iter().flat_map(|usn| usn.to_le_bytes()));
            match short {
                Some(length) => bytes.extend_from_slice(&length.to_le_bytes()),
                None => {
                    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
                    bytes.extend_from_slice(&length.to_le_bytes());
                }
            }
            bytes.extend_from_slice(body);
        }
        Self(bytes.into())
    }

    /// The records in order.
    pub fn records(&self) -> Records<'_> {
        Records(&self.0)
    }

    /// The record of one attribute.
    pub fn find(&self, attribute: AttributeId) -> Option<Record<'_>> {
        self.records()
            .find(|record| record.attribute >= attribute)
            .filter(|record| record.attribute == attribute)
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The records of a block.
#[derive(Debug, Clone)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let head = u16::from_le_bytes(self.take()?);
        let stamp = match head & STAMPED {
            0 => None,
            _ => Some(u64::from_le_bytes(self.take()?)),
        };
        let length = match head & LONG {
            0 => usize::from(u16::from_le_bytes(self.take()?)),
            _ => u32::from_le_bytes(self.take()?) as usize,
        };
        let (body, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Record::new(AttributeId(head & NUMBER), stamp, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_read_again() {
        let (short, long) = (encode(["a", "bc"]), encode([vec![7u8; 70_000]]));
        let records = [
            Record::new(AttributeId(3), None, &short),
            Record::new(AttributeId(9), Some(77), &long),
            Record::new(AttributeId(283), Some(1 << 40), &[]),
        ];
        let block = Block::pack(records);
        assert_eq!(block.records().collect::<Vec<_>>(), records);
        let found = block.find(AttributeId(3)).unwrap();
        assert_eq!(found.values.iter().collect::<Vec<_>>(), [&b"a"[..], b"bc"]);
        let found = block.find(AttributeId(9)).unwrap();
        assert_eq!(found.values.iter().next().unwrap().len(), 70_000);
        assert!(block.find(AttributeId(283)).unwrap().values.is_empty());
        assert_eq!(block.find(AttributeId(4)), None);
    }
}
