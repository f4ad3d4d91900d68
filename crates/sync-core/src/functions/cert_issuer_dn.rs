//! `CertIssuerDN`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_ISSUER_DN: Function = Function {
    name: "CertIssuerDN",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The name of the issuer of a certificate, the most specific part first. Bytes or Base64.",
    examples: &[
        ("CertIssuerDN([userCertificate])", "\"CN=Root, O=Canal\""),
        ("CertIssuerDN([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| certificate.issuer.clone())
}
