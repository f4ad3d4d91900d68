//! `CertFormat`.

use super::certificate::show;
use super::prelude::*;

pub(super) static CERT_FORMAT: Function = Function {
    name: "CertFormat",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "X509 for every certificate. Bytes or Base64.",
    examples: &[
        ("CertFormat([userCertificate])", "\"X509\""),
        ("CertFormat([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    show(a, |_| "X509".to_owned())
}
