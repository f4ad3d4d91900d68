//! `CertThumbprint`.

use super::certificate::thumbprint;
use super::prelude::*;

pub(super) static CERT_THUMBPRINT: Function = Function {
    name: "CertThumbprint",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The SHA-1 digest of a certificate in hexadecimal. Bytes or Base64.",
    examples: &[
        (
            "CertThumbprint([userCertificate])",
            "\"2C051F96FDC321077FF238EACF441C540CEB13F2\"",
        ),
        ("CertThumbprint([missing])", "NULL"),
    ],
    call: thumbprint,
    ..PLAIN
};
