//! What functions ask of X.509 certificates: names, validity, numbers.
//!
//! Never verifies anything: whether a certificate is trusted is not decided here. Trap: bytes come from a directory where
//! anybody may have written them; whatever is not understood is no certificate.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use sha1::{Digest as _, Sha1};
use x509_parser::{
    asn1_rs::{Any, FromDer as _, Tag},
    certificate::X509Certificate,
    x509::X509Name,
};

use super::prelude::*;
use crate::{expression::evaluate::Halt, value::Value};

/// The parts of a certificate that functions show.
pub(super) struct Certificate<'a> {
    pub(super) version: u32,
    pub(super) serial: &'a [u8],
    pub(super) signature_oid: String,
    pub(super) issuer: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) subject: String,
    pub(super) key_oid: String,
}

/// Shows something of the certificate in the first argument. Null stays null.
pub(super) fn show<'e>(
    a: &Arguments<'e>,
    part: impl FnOnce(&Certificate<'_>) -> String,
) -> Outcome<'e> {
    let Some(bytes) = bytes(a)? else {
        return Ok(null());
    };
    let certificate = Certificate::read(&bytes).ok_or_else(|| no_certificate(a))?;
    Ok(one(part(&certificate)))
}

/// The SHA-1 digest of the certificate in the first argument, which the originals call by three names.
pub(super) fn thumbprint<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let bytes = bytes(a)?.map(|bytes| match Certificate::read(&bytes) {
        Some(_) => Ok(hexadecimal(&Sha1::digest(&bytes))),
        None => Err(no_certificate(a)),
    });
    Ok(bytes.transpose()?.map_or_else(null, one))
}

/// The bytes in the first argument; `None`: it is null.
fn bytes(a: &Arguments<'_>) -> Result<Option<Vec<u8>>, Halt> {
    match a.value(0)? {
        None => Ok(None),
        Some(value) => raw(&value).map(Some).ok_or_else(|| no_certificate(a)),
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

impl<'a> Certificate<'a> {
    /// Reads a certificate; `None`: it is none.
    ///
    /// # Source
    /// RFC 5280 §4.1 Basic Certificate Fields
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(bytes).ok()?;
        let body = certificate.tbs_certificate;
        Some(Self {
            version: body.version.0.checked_add(1)?,
            serial: body.raw_serial(),
            signature_oid: body.signature.algorithm.to_id_string(),
            issuer: name(&body.issuer),
            not_before: moment(body.validity.not_before.timestamp()),
            not_after: moment(body.validity.not_after.timestamp()),
            subject: name(&body.subject),
            key_oid: body.subject_pki.algorithm.algorithm.to_id_string(),
        })
    }
}

/// A time of a certificate. One that never expires says so with the last second of the year 9999 (RFC 5280 §4.1.2.5), which is
/// later than can be told; it counts as the latest that can.
fn moment(seconds: i64) -> Timestamp {
    let known = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    Timestamp::from_second(seconds.clamp(*known.start(), *known.end())).unwrap_or(Timestamp::MAX)
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
fn name(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_attributes()
        .map(|attribute| {
            let oid = attribute.attr_type().to_id_string();
            let value = quoted(&text(attribute.attr_value()));
            match TYPES.iter().find(|(known, _)| *known == oid) {
                Some((_, short)) => format!("{short}={value}"),
                None => format!("OID.{oid}={value}"),
            }
        })
        .collect();
    parts.reverse();
    parts.join(", ")
}

fn text(value: &Any<'_>) -> String {
    match value.tag() {
        Tag::BmpString => {
            let pairs = value.data.chunks_exact(2);
            let units: Vec<u16> = pairs
                .filter_map(|pair| <[u8; 2]>::try_from(pair).ok().map(u16::from_be_bytes))
                .collect();
            String::from_utf16_lossy(&units)
        }
        _ => String::from_utf8_lossy(value.data).into_owned(),
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
    fn a_damaged_certificate_is_read_as_one_or_not_at_all() {
        let object = sample::object();
        let Some(Value::Binary(whole)) = object.first("userCertificate") else {
            panic!()
        };
        assert!(Certificate::read(whole).is_some());
        for end in 0..whole.len() {
            assert!(Certificate::read(&whole[..end]).is_none());
            for bit in 0..8 {
                let mut damaged = whole.to_vec();
                damaged[end] ^= 1 << bit;
                let _ = Certificate::read(&damaged);
            }
        }
        assert!(Certificate::read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none());
    }

    #[test]
    fn what_never_expires_is_valid_until_the_latest_time_there_is() {
        let last_second_of_9999 = 253_402_300_799;
        assert_eq!(
            moment(last_second_of_9999).as_second(),
            Timestamp::MAX.as_second()
        );
        assert_eq!(moment(0), Timestamp::UNIX_EPOCH);
    }
}
