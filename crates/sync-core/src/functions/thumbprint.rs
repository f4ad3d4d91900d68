//! `Thumbprint`.

use super::certificate::thumbprint;
use super::prelude::*;

pub(super) static THUMBPRINT: Function = Function {
    name: "Thumbprint",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The SHA-1 digest of a certificate in hexadecimal. Bytes or Base64.",
    examples: &[
        (
            "Thumbprint([userCertificate])",
            "\"2C051F96FDC321077FF238EACF441C540CEB13F2\"",
        ),
        ("Thumbprint([missing])", "NULL"),
    ],
    call: thumbprint,
    ..PLAIN
};
