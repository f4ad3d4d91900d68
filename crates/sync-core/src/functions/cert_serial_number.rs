//! `CertSerialNumber`.

use super::certificate::{hexadecimal, show};
use super::prelude::*;

pub(super) static CERT_SERIAL_NUMBER: Function = Function {
    name: "CertSerialNumber",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The serial number of a certificate in hexadecimal. Bytes or Base64.",
    examples: &[
        ("CertSerialNumber([userCertificate])", "\"1A2B\""),
        ("CertSerialNumber([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| hexadecimal(certificate.serial))
}
