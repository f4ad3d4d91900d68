//! `CertSignatureAlgorithmOid`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_SIGNATURE_ALGORITHM_OID: Function = Function {
    name: "CertSignatureAlgorithmOid",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The object identifier of the algorithm a certificate is signed with. Bytes or Base64.",
    examples: &[
        (
            "CertSignatureAlgorithmOid([userCertificate])",
            "\"1.2.840.10045.4.3.2\"",
        ),
        ("CertSignatureAlgorithmOid([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| certificate.signature_oid.clone())
}
