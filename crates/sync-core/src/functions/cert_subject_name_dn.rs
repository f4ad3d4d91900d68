//! `CertSubjectNameDN`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_SUBJECT_NAME_DN: Function = Function {
    name: "CertSubjectNameDN",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The name of the subject of a certificate, the most specific part first. Bytes or Base64.",
    examples: &[
        (
            "CertSubjectNameDN([userCertificate])",
            "\"CN=Anna, O=\\\"Canal, Ltd\\\", C=NL\"",
        ),
        ("CertSubjectNameDN([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |certificate| certificate.subject.clone())
}
