//! A reader of BER elements in the subset LDAP uses (RFC 4511 §5.1): definite lengths, single-byte tags.
//!
//! It never copies and never recurses: a nested element is read by a new [`Reader`] over its content, so hostile nesting
//! costs nothing. Trap: AD writes every length in five bytes (`0x84 …`), which is valid BER though not minimal.

/// Why bytes are not an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBer {
    /// The element claims more bytes than there are.
    #[error("element ends after its container")]
    Truncated,
    /// Indefinite or absurd length.
    #[error("length form {0:#04x} is not allowed in LDAP")]
    Length(u8),
    /// A tag of more than one byte.
    #[error("tag form {0:#04x} is not used by LDAP")]
    Tag(u8),
    /// Another element was expected.
    #[error("tag {found:#04x} where {wanted:#04x} was expected")]
    Unexpected {
        /// What should be there.
        wanted: u8,
        /// What is there.
        found: u8,
    },
    /// An integer of no or too many bytes.
    #[error("integer of {0} bytes")]
    Integer(usize),
}

/// Octet string.
pub const OCTETS: u8 = 0x04;
/// Integer.
pub const INTEGER: u8 = 0x02;
/// Enumerated.
pub const ENUMERATED: u8 = 0x0a;
/// Boolean.
pub const BOOLEAN: u8 = 0x01;
/// Sequence.
pub const SEQUENCE: u8 = 0x30;
/// Set.
pub const SET: u8 = 0x31;

/// Reads elements one after another.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element, if there is one.
    pub fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element: tag and content.
    ///
    /// # Errors
    /// If the bytes are not one whole element.
    #[inline]
    pub fn element(&mut self) -> Result<(u8, &'a [u8]), BadBer> {
        let (tag, header, length) = header(self.0)?.ok_or(BadBer::Truncated)?;
        let end = header.checked_add(length).ok_or(BadBer::Truncated)?;
        let content = self.0.get(header..end).ok_or(BadBer::Truncated)?;
        self.0 = self.0.get(end..).unwrap_or_default();
        Ok((tag, content))
    }

    /// The content of the next element, which must have this tag.
    ///
    /// # Errors
    /// If it is another element, or not one.
    #[inline]
    pub fn expect(&mut self, wanted: u8) -> Result<&'a [u8], BadBer> {
        match self.element()? {
            (found, content) if found == wanted => Ok(content),
            (found, _) => Err(BadBer::Unexpected { wanted, found }),
        }
    }

    /// The content of the next element if it has this tag; otherwise nothing is consumed.
    ///
    /// # Errors
    /// If it has the tag and is not whole.
    pub fn optional(&mut self, wanted: u8) -> Result<Option<&'a [u8]>, BadBer> {
        match self.peek() {
            Some(tag) if tag == wanted => self.expect(wanted).map(Some),
            _ => Ok(None),
        }
    }

    /// The next element as a signed integer of this tag.
    ///
    /// # Errors
    /// If it is another element, or does not fit 64 bits.
    pub fn integer(&mut self, wanted: u8) -> Result<i64, BadBer> {
        let content = self.expect(wanted)?;
        let first = *content.first().ok_or(BadBer::Integer(0))?;
        if content.len() > 8 {
            return Err(BadBer::Integer(content.len()));
        }
        let sign: i64 = if first & 0x80 == 0 { 0 } else { -1 };
        Ok(content
            .iter()
            .fold(sign, |sum, byte| sum << 8 | i64::from(*byte)))
    }
}

/// Tag, length of the header and length of the content of the element these bytes begin with; `None`: more bytes are needed.
#[inline]
pub fn header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, BadBer> {
    let [tag, first, rest @ ..] = bytes else {
        return Ok(None);
    };
    if tag & 0x1f == 0x1f {
        return Err(BadBer::Tag(*tag));
    }
    if *first < 0x80 {
        return Ok(Some((*tag, 2, usize::from(*first))));
    }
    let count = usize::from(*first & 0x7f);
    if count == 0 || count > 4 {
        return Err(BadBer::Length(*first));
    }
    let Some(digits) = rest.get(..count) else {
        return Ok(None);
    };
    let length = digits
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let length = usize::try_from(length).map_err(|_| BadBer::Length(*first))?;
    Ok(Some((*tag, 2 + count, length)))
}
