//! `CertNotBefore`.

use super::certificate::show;
use super::prelude::*;
use super::time;

pub(super) static CERT_NOT_BEFORE: Function = Function {
    name: "CertNotBefore",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The time from which a certificate is valid, in UTC and in the form of CDate. Bytes or Base64.",
    examples: &[
        (
            "CertNotBefore([userCertificate])",
            "\"1/1/2021 12:00:00 AM\"",
        ),
        ("CertNotBefore([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| time::text(certificate.not_before))
}
