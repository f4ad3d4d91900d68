//! `CertVersion`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_VERSION: Function = Function {
    name: "CertVersion",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The version of the form of a certificate. Bytes or Base64.",
    examples: &[
        ("CertVersion([userCertificate])", "\"1\""),
        ("CertVersion([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| certificate.version.to_string())
}
