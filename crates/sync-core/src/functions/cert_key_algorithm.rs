//! `CertKeyAlgorithm`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_KEY_ALGORITHM: Function = Function {
    name: "CertKeyAlgorithm",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The object identifier of the kind of public key in a certificate. Bytes or Base64.",
    examples: &[
        (
            "CertKeyAlgorithm([userCertificate])",
            "\"1.2.840.10045.2.1\"",
        ),
        ("CertKeyAlgorithm([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| certificate.key_oid.clone())
}
