//! Search filters (RFC 4511 §4.5.1.7), read into a tree.
//!
//! Values stay octets. Nesting is limited, because the tree is evaluated by recursion.

use crate::ber::{self, BerError, OCTETS, Reader};

/// Deepest nesting that is read.
const DEPTH_LIMIT: usize = 64;

/// A filter tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not this one.
    Not(Box<Filter>),
    /// Equal; approximate match is the same in AD.
    Equal(String, Vec<u8>),
    /// Parts in order.
    Substring(String, Substring),
    /// Greater or equal.
    AtLeast(String, Vec<u8>),
    /// Less or equal.
    AtMost(String, Vec<u8>),
    /// Has any value.
    Present(String),
    /// A matching rule by OID on an attribute.
    Rule {
        /// OID of the rule.
        rule: String,
        /// The attribute.
        attribute: String,
        /// What to match.
        value: Vec<u8>,
    },
    /// An extensible match without rule or attribute: never true here.
    Undefined,
}

/// The parts of a substring assertion.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Substring {
    /// Must be at the start.
    pub initial: Option<Vec<u8>>,
    /// Must follow, in order.
    pub any: Vec<Vec<u8>>,
    /// Must be at the end.
    pub last: Option<Vec<u8>>,
}

impl Filter {
    /// Reads the next value as a filter.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, BerError> {
        let (tag, body) = reader.next_value()?;
        read(tag, body, 0)
    }

    /// `(objectClass=*)`
    pub fn anything() -> Self {
        Self::Present("objectClass".into())
    }
}

fn read(tag: u8, body: &[u8], depth: usize) -> Result<Filter, BerError> {
    if depth > DEPTH_LIMIT {
        return Err(BerError::Limit);
    }
    let mut reader = Reader::new(body);
    Ok(match tag {
        0xa0 => Filter::And(list(reader, depth)?),
        0xa1 => Filter::Or(list(reader, depth)?),
        0xa2 => {
            let (tag, body) = reader.next_value()?;
            Filter::Not(Box::new(read(tag, body, depth + 1)?))
        }
        0xa3 | 0xa8 => assertion(reader, Filter::Equal)?,
        0xa4 => substring(reader)?,
        0xa5 => assertion(reader, Filter::AtLeast)?,
        0xa6 => assertion(reader, Filter::AtMost)?,
        0x87 => Filter::Present(ber::text(body)?),
        0xa9 => rule(reader)?,
        found => {
            return Err(BerError::Tag {
                wanted: 0xa0,
                found,
            });
        }
    })
}

fn list(mut reader: Reader<'_>, depth: usize) -> Result<Vec<Filter>, BerError> {
    let mut filters = Vec::new();
    while !reader.is_empty() {
        let (tag, body) = reader.next_value()?;
        filters.push(read(tag, body, depth + 1)?);
    }
    Ok(filters)
}

fn assertion(
    mut reader: Reader<'_>,
    make: fn(String, Vec<u8>) -> Filter,
) -> Result<Filter, BerError> {
    let attribute = reader.text(OCTETS)?;
    Ok(make(attribute, reader.expect(OCTETS)?.to_vec()))
}

fn substring(mut reader: Reader<'_>) -> Result<Filter, BerError> {
    let attribute = reader.text(OCTETS)?;
    let mut parts = reader.nested(ber::SEQUENCE)?;
    let mut found = Substring::default();
    while !parts.is_empty() {
        match parts.next_value()? {
            (0x80, part) => found.initial = Some(part.to_vec()),
            (0x81, part) => found.any.push(part.to_vec()),
            (0x82, part) => found.last = Some(part.to_vec()),
            (tag, _) => {
                return Err(BerError::Tag {
                    wanted: 0x80,
                    found: tag,
                });
            }
        }
    }
    Ok(Filter::Substring(attribute, found))
}

fn rule(mut reader: Reader<'_>) -> Result<Filter, BerError> {
    let rule = reader.optional(0x81)?.map(ber::text).transpose()?;
    let attribute = reader.optional(0x82)?.map(ber::text).transpose()?;
    let value = reader.expect(0x83)?.to_vec();
    Ok(match (rule, attribute) {
        (Some(rule), Some(attribute)) => Filter::Rule {
            rule,
            attribute,
            value,
        },
        (None, Some(attribute)) => Filter::Equal(attribute, value),
        _ => Filter::Undefined,
    })
}
