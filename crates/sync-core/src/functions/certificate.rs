//! What functions ask of X.509 certificates: names, validity, numbers.
//!
//! Never verifies anything: whether a certificate is trusted is not decided here. Trap: bytes come from a directory where
//! anybody may have written them, so every length is checked and whatever is not understood is no certificate.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;

use super::time;
use crate::{
    expression::evaluate::{Arguments, Halt},
    value::Value,
};

/// The parts of a certificate that functions show.
pub(super) struct Certificate<'a> {
    pub(super) version: u8,
    pub(super) serial: &'a [u8],
    pub(super) signature_oid: String,
    pub(super) issuer: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) subject: String,
    pub(super) key_oid: String,
}

/// The bytes of the certificate in an argument; `None`: it is null.
pub(super) fn bytes(a: &Arguments<'_>) -> Result<Option<Vec<u8>>, Halt> {
    match a.value(0)? {
        None => Ok(None),
        Some(value) => {
            let found = raw(&value).filter(|bytes| Certificate::read(bytes).is_some());
            found.map(Some).ok_or_else(|| no_certificate(a))
        }
    }
}

fn no_certificate(a: &Arguments<'_>) -> Halt {
    a.fail("this is no certificate")
}

fn raw(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Binary(bytes) => Some(bytes.to_vec()),
        Value::Text(text) => BASE64.decode(text.trim()).ok(),
        Value::Integer(_) | Value::Boolean(_) => None,
    }
}

/// Whether a value is a certificate.
pub(super) fn is_certificate(value: &Value) -> bool {
    raw(value).is_some_and(|bytes| Certificate::read(&bytes).is_some())
}

/// Shows something of the certificate in the first argument. Null stays null.
pub(super) fn show(
    a: &Arguments<'_>,
    part: impl FnOnce(&Certificate<'_>) -> String,
) -> Result<Option<String>, Halt> {
    let Some(bytes) = bytes(a)? else {
        return Ok(None);
    };
    let certificate = Certificate::read(&bytes).ok_or_else(|| no_certificate(a))?;
    Ok(Some(part(&certificate)))
}

/// Tags of ASN.1.
mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const OID: u8 = 0x06;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const BMP_STRING: u8 = 0x1e;
    pub(super) const VERSION: u8 = 0xa0;
}

/// Elements of DER, one after the other.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The next element: its tag and its content.
    ///
    /// # Source
    /// ITU-T X.690 §8.1 General rules for encoding
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = digits
                    .iter()
                    .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, which has to have this tag.
    fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(content)
    }
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; `None`: it is none.
    ///
    /// # Source
    /// RFC 5280 §4.1 Basic Certificate Fields
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut outer = Elements(Elements(bytes).take(tag::SEQUENCE)?);
        let mut body = Elements(outer.take(tag::SEQUENCE)?);
        let (mut first, mut content) = body.next()?;
        let mut version = 1;
        if first == tag::VERSION {
            let number = Elements(content).take(tag::INTEGER)?;
            version = number.last()?.checked_add(1)?;
            (first, content) = body.next()?;
        }
        if first != tag::INTEGER {
            return None;
        }
        let signature_oid = algorithm(body.take(tag::SEQUENCE)?)?;
        let issuer = name(body.take(tag::SEQUENCE)?)?;
        let mut validity = Elements(body.take(tag::SEQUENCE)?);
        Some(Self {
            version,
            serial: content,
            signature_oid,
            issuer,
            not_before: moment(validity.next()?)?,
            not_after: moment(validity.next()?)?,
            subject: name(body.take(tag::SEQUENCE)?)?,
            key_oid: algorithm(Elements(body.take(tag::SEQUENCE)?).take(tag::SEQUENCE)?)?,
        })
    }
}

fn algorithm(content: &[u8]) -> Option<String> {
    oid(Elements(content).take(tag::OID)?)
}

fn moment((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let format = match tag {
        tag::UTC_TIME => "yyMMddHHmmssZ",
        tag::GENERALIZED_TIME => "yyyyMMddHHmmssZ",
        _ => return None,
    };
    time::parse(std::str::from_utf8(content).ok()?, format).ok()
}

/// An object identifier in dotted form.
fn oid(content: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut number = 0_u64;
    for byte in content {
        number = number.checked_mul(128)? | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        match text.is_empty() {
            true => {
                let first = (number / 40).min(2);
                write!(text, "{first}.{}", number - first * 40).ok()?;
            }
            false => write!(text, ".{number}").ok()?,
        }
        number = 0;
    }
    Some(text)
}

const TYPES: [(&str, &str); 10] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "S"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("1.2.840.113549.1.9.1", "E"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// A name with its most specific part first, as Windows shows it.
fn name(content: &[u8]) -> Option<String> {
    let mut sets = Elements(content);
    let mut parts = Vec::new();
    while !sets.0.is_empty() {
        let mut members = Elements(sets.take(tag::SET)?);
        while !members.0.is_empty() {
            let mut pair = Elements(members.take(tag::SEQUENCE)?);
            let oid = oid(pair.take(tag::OID)?)?;
            let value = quoted(&text(pair.next()?));
            let known = TYPES.iter().find(|(known, _)| *known == oid);
            parts.push(match known {
                Some((_, short)) => format!("{short}={value}"),
                None => format!("OID.{oid}={value}"),
            });
        }
    }
    parts.reverse();
    Some(parts.join(", "))
}

fn text((tag, content): (u8, &[u8])) -> String {
    match tag {
        tag::BMP_STRING => {
            let pairs = content.chunks_exact(2);
            let units: Vec<u16> = pairs
                .filter_map(|pair| <[u8; 2]>::try_from(pair).ok().map(u16::from_be_bytes))
                .collect();
            String::from_utf16_lossy(&units)
        }
        _ => String::from_utf8_lossy(content).into_owned(),
    }
}

fn quoted(value: &str) -> String {
    let is_special = |c: char| ",+=\"\n<>#;".contains(c);
    match value.contains(is_special) || value.trim() != value || value.is_empty() {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value.to_owned(),
    }
}

/// Upper-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::sample;

    #[test]
    fn no_damaged_certificate_is_read_beyond_its_end() {
        let object = sample::object();
        let Some(Value::Binary(whole)) = object.first("userCertificate") else {
            panic!()
        };
        assert!(Certificate::read(whole).is_some());
        for end in 0..whole.len() {
            let _ = Certificate::read(&whole[..end]);
            for bit in 0..8 {
                let mut damaged = whole.to_vec();
                damaged[end] ^= 1 << bit;
                let _ = Certificate::read(&damaged);
            }
        }
        assert!(Certificate::read(&whole[..100]).is_none());
        assert!(Certificate::read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none());
    }

    #[test]
    fn identifiers_are_shown_with_dots() {
        assert_eq!(
            oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]).as_deref(),
            Some("1.2.840.10045.2.1")
        );
        assert_eq!(oid(&[0x88, 0x37]).as_deref(), Some("2.999"));
        assert_eq!(oid(&[0xff; 12]), None);
    }
}
