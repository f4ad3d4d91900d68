//! The part of ASN.1 BER that LDAP uses (RFC 4511 §5.1), read from a slice and written to a vector.
//!
//! It never copies while reading and never recurses; nesting is the caller's. The trap: constructed
//! values are written with four length octets always, as Active Directory itself does. That is legal
//! BER, and a client that expects the shortest form has a fault worth finding.

use thiserror::Error;

/// Universal tags.
pub const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub const OCTETS: u8 = 0x04;
/// ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// SEQUENCE, constructed.
pub const SEQUENCE: u8 = 0x30;
/// SET, constructed.
pub const SET: u8 = 0x31;

/// Why octets are not the BER that was expected.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum BerError {
    /// The value ends before its length says.
    #[error("value is cut short; send the whole message")]
    Truncated,
    /// Another tag than expected.
    #[error("tag {found:#04x} where {wanted:#04x} belongs")]
    Tag {
        /// What the standard asks for here.
        wanted: u8,
        /// What was sent.
        found: u8,
    },
    /// A length or number that does not fit, or the indefinite form.
    #[error("length or number is out of range; use the definite form")]
    Range,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
    /// Filters nested too deeply, or a message that is too large.
    #[error("message exceeds the limits of this server")]
    Limit,
}

/// Reads consecutive values of one constructed value.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first octet.
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Nothing left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next value, if there is one.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes the next value whatever its tag.
    pub fn next_value(&mut self) -> Result<(u8, &'a [u8]), BerError> {
        let (head, length) = header(self.rest)?.ok_or(BerError::Truncated)?;
        let tag = self.rest.first().copied().ok_or(BerError::Truncated)?;
        let end = head.checked_add(length).ok_or(BerError::Range)?;
        let body = self.rest.get(head..end).ok_or(BerError::Truncated)?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok((tag, body))
    }

    /// Takes the next value, which must carry `wanted`.
    pub fn expect(&mut self, wanted: u8) -> Result<&'a [u8], BerError> {
        match self.next_value()? {
            (tag, body) if tag == wanted => Ok(body),
            (found, _) => Err(BerError::Tag { wanted, found }),
        }
    }

    /// Takes the next value only if it carries `tag`.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BerError> {
        if self.peek() == Some(tag) {
            self.expect(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Takes a constructed value and reads inside it.
    pub fn nested(&mut self, tag: u8) -> Result<Reader<'a>, BerError> {
        self.expect(tag).map(Reader::new)
    }

    /// Takes a whole number of at most eight octets.
    pub fn integer(&mut self, tag: u8) -> Result<i64, BerError> {
        integer(self.expect(tag)?)
    }

    /// Takes UTF-8 text.
    pub fn text(&mut self, tag: u8) -> Result<String, BerError> {
        text(self.expect(tag)?)
    }
}

/// The number held by the content octets of an INTEGER or ENUMERATED.
pub fn integer(body: &[u8]) -> Result<i64, BerError> {
    let first = *body.first().ok_or(BerError::Range)?;
    if body.len() > 8 {
        return Err(BerError::Range);
    }
    let start = if first & 0x80 == 0 { 0 } else { -1 };
    Ok(body
        .iter()
        .fold(start, |sum: i64, byte| (sum << 8) | i64::from(*byte)))
}

/// The text held by content octets.
pub fn text(body: &[u8]) -> Result<String, BerError> {
    std::str::from_utf8(body)
        .map(str::to_owned)
        .map_err(|_| BerError::Text)
}

/// Length of the whole value at the start of `buffer`, or `None` while its header is incomplete.
pub fn frame_length(buffer: &[u8]) -> Result<Option<usize>, BerError> {
    match header(buffer)? {
        Some((head, length)) => head.checked_add(length).map(Some).ok_or(BerError::Range),
        None => Ok(None),
    }
}

fn header(buffer: &[u8]) -> Result<Option<(usize, usize)>, BerError> {
    let Some(&first) = buffer.get(1) else {
        return Ok(None);
    };
    if first < 0x80 {
        return Ok(Some((2, usize::from(first))));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(BerError::Range);
    }
    let Some(octets) = buffer.get(2..2 + count) else {
        return Ok(None);
    };
    let length = octets
        .iter()
        .fold(0usize, |sum, byte| (sum << 8) | usize::from(*byte));
    Ok(Some((2 + count, length)))
}

/// Where an open constructed value started.
#[derive(Debug)]
#[must_use = "close what was opened"]
pub struct Open(usize);

/// Writes values one after another.
#[derive(Debug, Default)]
pub struct Writer {
    /// What has been written.
    pub bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a constructed value.
    pub fn open(&mut self, tag: u8) -> Open {
        self.bytes.extend_from_slice(&[tag, 0x84, 0, 0, 0, 0]);
        Open(self.bytes.len())
    }

    /// Ends the constructed value, filling in its length.
    pub fn close(&mut self, open: Open) {
        let length = u32::try_from(self.bytes.len() - open.0).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(open.0 - 4..open.0) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// A primitive value.
    pub fn octets(&mut self, tag: u8, body: &[u8]) {
        self.bytes.push(tag);
        match body.len() {
            length @ 0..=0x7f => self.bytes.push(length as u8),
            length => {
                self.bytes.push(0x84);
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(body);
    }

    /// A whole number in its shortest form.
    pub fn integer(&mut self, tag: u8, value: i64) {
        let all = value.to_be_bytes();
        let mut start = 0;
        while start < 7 {
            let (head, next) = (all[start], all[start + 1]);
            let is_padding = (head == 0 && next & 0x80 == 0) || (head == 0xff && next & 0x80 != 0);
            if !is_padding {
                break;
            }
            start += 1;
        }
        self.octets(tag, &all[start..]);
    }

    /// TRUE or FALSE.
    pub fn boolean(&mut self, tag: u8, value: bool) {
        self.octets(tag, &[if value { 0xff } else { 0 }]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_round_trip() {
        for value in [
            0,
            1,
            -1,
            127,
            128,
            -128,
            -129,
            255,
            2_147_483_648,
            -2_147_483_648,
        ] {
            let mut writer = Writer::new();
            writer.integer(INTEGER, value);
            assert_eq!(Reader::new(&writer.bytes).integer(INTEGER), Ok(value));
        }
    }

    #[test]
    fn nested_values_are_found_again() {
        let mut writer = Writer::new();
        let open = writer.open(SEQUENCE);
        writer.octets(OCTETS, &[7; 300]);
        writer.boolean(BOOLEAN, true);
        writer.close(open);
        assert_eq!(frame_length(&writer.bytes), Ok(Some(writer.bytes.len())));
        let mut outer = Reader::new(&writer.bytes);
        let mut inner = outer.nested(SEQUENCE).unwrap();
        assert_eq!(inner.expect(OCTETS).unwrap().len(), 300);
        assert_eq!(inner.expect(BOOLEAN), Ok(&[0xff][..]));
        assert!(inner.is_empty() && outer.is_empty());
    }

    #[test]
    fn truncated_and_indefinite_values_are_refused() {
        assert_eq!(
            Reader::new(&[4, 5, 1]).expect(OCTETS),
            Err(BerError::Truncated)
        );
        assert_eq!(frame_length(&[0x30, 0x80]), Err(BerError::Range));
        assert_eq!(frame_length(&[0x30]), Ok(None));
        assert_eq!(frame_length(&[0x30, 0x84, 0, 0]), Ok(None));
    }
}
