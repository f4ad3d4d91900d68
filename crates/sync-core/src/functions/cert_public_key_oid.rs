//! `CertPublicKeyOid`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_PUBLIC_KEY_OID: Function = Function {
    name: "CertPublicKeyOid",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The object identifier of the kind of public key in a certificate. Bytes or Base64.",
    examples: &[
        (
            "CertPublicKeyOid([userCertificate])",
            "\"1.2.840.10045.2.1\"",
        ),
        ("CertPublicKeyOid([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| certificate.key_oid.clone())
}
