//! Messages from the server: frames cut from the stream, and their decoding.
//!
//! Entries are slices of the frame; nothing is copied but the names. It decodes what a server may send and nothing else,
//! so every byte of an answer passes through [`Reader`], which cannot panic. Trap: a frame's claimed length is believed
//! only up to [`MAX_MESSAGE_BYTES`]; a group of 500 000 members in one value list is larger, which is why ranges exist.

use std::{collections::HashMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::{
    ber::{self, BadBer, Reader},
    result::{Outcome, ResultCode},
};

/// The largest message accepted from a server.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;
/// How many different attribute names are kept for reuse in one search.
const MAX_INTERNED_NAMES: usize = 4096;
/// For how many attributes room is made because the entry before had as many.
const MOST_FORESEEN: usize = 256;
/// The tag of a search result entry.
const ENTRY: u8 = 0x64;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Not BER.
    #[error(transparent)]
    Ber(#[from] BadBer),
    /// Larger than allowed.
    #[error("message of {0} bytes is larger than the limit of {MAX_MESSAGE_BYTES}")]
    TooLarge(usize),
    /// The stream does not begin with an LDAP message.
    #[error("the stream does not speak LDAP (first byte {0:#04x})")]
    NotLdap(u8),
    /// A name or text that must be UTF-8 is not.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// A message id outside its range.
    #[error("message id {0} is out of range")]
    Id(i64),
    /// A sealed frame larger than allowed.
    #[error("sealed frame claims {0} bytes, more than the limit of {max}", max = crate::sealed::MAX_FRAME_BYTES)]
    FrameTooLarge(u32),
    /// A sealed frame that cannot be opened.
    #[error("sealed frame cannot be believed: {0}")]
    Unsealed(&'static str),
    /// A response a client does not expect.
    #[error("response of kind {0:#04x} does not belong to the request")]
    Kind(u8),
}

/// A response control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Object identifier.
    pub oid: String,
    /// Whether it is critical.
    pub is_critical: bool,
    /// Value.
    pub value: Option<Bytes>,
}

/// The values of one attribute: nearly always one, which then needs no memory of its own.
pub type Values = SmallVec<[Bytes; 1]>;

/// One entry of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Distinguished name as the server wrote it.
    pub dn: String,
    /// Attribute descriptions with their values, in the server's order.
    pub attributes: Vec<(Arc<str>, Values)>,
}

impl Entry {
    /// The values of an attribute description, compared without case.
    pub fn values(&self, name: &str) -> Option<&[Bytes]> {
        let found = self
            .attributes
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// The first value of an attribute.
    pub fn first(&self, name: &str) -> Option<&Bytes> {
        self.values(name)?.first()
    }

    /// The first value of an attribute as text, if it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.first(name)?).ok()
    }
}

/// A decoded message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Incoming {
    pub id: i32,
    pub body: Body,
}

/// What a server can say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Entry(Entry, Vec<Control>),
    Reference(Vec<String>),
    /// The end of an operation, with the application tag of the response, the name of an extended response and the
    /// credentials of a bind response.
    Done {
        tag: u8,
        outcome: Outcome,
        name: Option<String>,
        credentials: Option<Bytes>,
    },
    /// RFC 4511 §4.13: name and value.
    Intermediate(Option<String>, Option<Bytes>),
}

/// Attribute names seen in a search: a repeated name costs no allocation, and in its usual place no search either.
#[derive(Default)]
pub(crate) struct Names {
    places: HashMap<Arc<str>, usize>,
    /// Each name with the place of the one that followed it last.
    known: Vec<(Arc<str>, usize)>,
    /// Place of the name before.
    before: usize,
    /// How many attributes the entry before had.
    usual: usize,
}

impl Names {
    fn intern(&mut self, bytes: &[u8]) -> Result<Arc<str>, BadMessage> {
        let expected = self.known.get(self.before).map(|(_, next)| *next);
        if let Some(place) = expected
            && let Some((name, _)) = self.known.get(place)
            && name.as_bytes() == bytes
        {
            self.before = place;
            return Ok(name.clone());
        }
        let name = text(bytes, "an attribute name")?;
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.known.len() >= MAX_INTERNED_NAMES => return Ok(name.into()),
            None => {
                let name: Arc<str> = name.into();
                self.places.insert(name.clone(), self.known.len());
                self.known.push((name, 0));
                self.known.len() - 1
            }
        };
        if let Some((_, next)) = self.known.get_mut(self.before) {
            *next = place;
        }
        self.before = place;
        Ok(self
            .known
            .get(place)
            .map_or_else(|| name.into(), |(name, _)| name.clone()))
    }
}

/// Cuts the next whole message off the buffer; `None`: more bytes are needed.
pub(crate) fn cut(buffer: &mut BytesMut) -> Result<Option<Bytes>, BadMessage> {
    match buffer.first() {
        Some(&first) if first != ber::SEQUENCE => return Err(BadMessage::NotLdap(first)),
        _ => {}
    }
    let Some((_, header, length)) = ber::header(buffer)? else {
        return Ok(None);
    };
    if length > MAX_MESSAGE_BYTES {
        return Err(BadMessage::TooLarge(length));
    }
    let whole = header + length;
    if buffer.len() < whole {
        return Ok(None);
    }
    Ok(Some(buffer.split_to(whole).freeze()))
}

/// Whether a whole message is an entry, and for which request, without a look at what the entry holds.
pub(crate) fn entry_for(frame: &[u8]) -> Option<i32> {
    let mut message = Reader::new(Reader::new(frame).expect(ber::SEQUENCE).ok()?);
    let id = message.integer(ber::INTEGER).ok()?;
    let id = i32::try_from(id).ok()?;
    (message.peek() == Some(ENTRY)).then_some(id)
}

/// Decodes one whole message.
pub(crate) fn decode(frame: &Bytes, names: &mut Names) -> Result<Incoming, BadMessage> {
    let mut message = Reader::new(Reader::new(frame).expect(ber::SEQUENCE)?);
    let id = message.integer(ber::INTEGER)?;
    let id = i32::try_from(id).map_err(|_| BadMessage::Id(id))?;
    let (tag, content) = message.element()?;
    let body = match tag {
        ENTRY => {
            let entry = entry(frame, content, names)?;
            let controls = match message.optional(0xa0)? {
                Some(list) => controls(frame, list)?,
                None => Vec::new(),
            };
            Body::Entry(entry, controls)
        }
        0x73 => Body::Reference(texts(content, "a reference")?),
        0x79 => intermediate(frame, content)?,
        0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78 => {
            let (mut outcome, name, credentials) = outcome(frame, content)?;
            if let Some(list) = message.optional(0xa0)? {
                outcome.controls = controls(frame, list)?;
            }
            Body::Done {
                tag,
                outcome,
                name,
                credentials,
            }
        }
        other => return Err(BadMessage::Kind(other)),
    };
    Ok(Incoming { id, body })
}

fn entry(frame: &Bytes, content: &[u8], names: &mut Names) -> Result<Entry, BadMessage> {
    let mut parts = Reader::new(content);
    let dn = text(parts.expect(ber::OCTETS)?, "a distinguished name")?.to_owned();
    let mut list = Reader::new(parts.expect(ber::SEQUENCE)?);
    let mut attributes = Vec::with_capacity(names.usual);
    while !list.is_empty() {
        let mut attribute = Reader::new(list.expect(ber::SEQUENCE)?);
        let name = names.intern(attribute.expect(ber::OCTETS)?)?;
        let mut set = Reader::new(attribute.expect(ber::SET)?);
        let mut values = Values::new();
        while !set.is_empty() {
            values.push(frame.slice_ref(set.expect(ber::OCTETS)?));
        }
        attributes.push((name, values));
    }
    names.usual = attributes.len().min(MOST_FORESEEN);
    Ok(Entry { dn, attributes })
}

fn intermediate(frame: &Bytes, content: &[u8]) -> Result<Body, BadMessage> {
    let mut parts = Reader::new(content);
    let name = parts.optional(0x80)?.map(lossy);
    let value = parts.optional(0x81)?.map(|value| frame.slice_ref(value));
    Ok(Body::Intermediate(name, value))
}

type Done = (Outcome, Option<String>, Option<Bytes>);

fn outcome(frame: &Bytes, content: &[u8]) -> Result<Done, BadMessage> {
    let mut parts = Reader::new(content);
    let code = parts.integer(ber::ENUMERATED)?;
    let matched_dn = lossy(parts.expect(ber::OCTETS)?);
    let diagnostic = lossy(parts.expect(ber::OCTETS)?);
    let referrals = match parts.optional(0xa3)? {
        Some(list) => texts(list, "a referral")?,
        None => Vec::new(),
    };
    let credentials = parts.optional(0x87)?;
    let credentials = credentials.map(|token| frame.slice_ref(token));
    let name = parts.optional(0x8a)?.map(lossy);
    let outcome = Outcome {
        code: ResultCode(u32::try_from(code).unwrap_or(u32::MAX)),
        matched_dn,
        text: diagnostic.trim_end_matches(['\0', '\n']).to_owned(),
        referrals,
        controls: Vec::new(),
    };
    Ok((outcome, name, credentials))
}

fn controls(frame: &Bytes, content: &[u8]) -> Result<Vec<Control>, BadMessage> {
    let mut list = Reader::new(content);
    let mut all = Vec::new();
    while !list.is_empty() {
        let mut parts = Reader::new(list.expect(ber::SEQUENCE)?);
        let oid = text(parts.expect(ber::OCTETS)?, "a control's OID")?.to_owned();
        let is_critical = parts
            .optional(ber::BOOLEAN)?
            .is_some_and(|truth| truth.first().is_some_and(|byte| *byte != 0));
        let value = parts
            .optional(ber::OCTETS)?
            .map(|value| frame.slice_ref(value));
        all.push(Control {
            oid,
            is_critical,
            value,
        });
    }
    Ok(all)
}

fn texts(content: &[u8], what: &'static str) -> Result<Vec<String>, BadMessage> {
    let mut list = Reader::new(content);
    let mut all = Vec::new();
    while !list.is_empty() {
        all.push(text(list.expect(ber::OCTETS)?, what)?.to_owned());
    }
    Ok(all)
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str, BadMessage> {
    std::str::from_utf8(bytes).map_err(|_| BadMessage::NotUtf8(what))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
