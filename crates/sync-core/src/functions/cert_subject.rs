//! `CertSubject`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_SUBJECT: Function = Function {
    name: "CertSubject",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The name of the subject of a certificate, the most specific part first. Bytes or Base64.",
    examples: &[
        (
            "CertSubject([userCertificate])",
            "\"CN=Anna, O=\\\"Canal, Ltd\\\", C=NL\"",
        ),
        ("CertSubject([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| certificate.subject.clone())
}
