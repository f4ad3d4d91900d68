//! `CertNotAfter`.

use super::certificate::show;
use super::prelude::*;
use super::time;

pub(super) static CERT_NOT_AFTER: Function = Function {
    name: "CertNotAfter",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The time until which a certificate is valid, in UTC and in the form of CDate. Bytes or Base64.",
    examples: &[
        (
            "CertNotAfter([userCertificate])",
            "\"1/1/2022 12:00:00 AM\"",
        ),
        ("CertNotAfter([missing])", "NULL"),
        (
            "Count(Where($item, [userCertificate], CertNotAfter($item) > Now()))",
            "1",
        ),
        (
            "CertNotAfter([objectGUID])",
            "error: CertNotAfter: this is no certificate",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| time::text(certificate.not_after))
}
