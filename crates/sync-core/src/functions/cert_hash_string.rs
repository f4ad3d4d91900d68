//! `CertHashString`.

use super::certificate::thumbprint;
use super::prelude::*;

pub(super) static CERT_HASH_STRING: Function = Function {
    name: "CertHashString",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Each)],
    manual: "The SHA-1 digest of a certificate in hexadecimal. Bytes or Base64.",
    examples: &[
        (
            "CertHashString([userCertificate])",
            "\"2C051F96FDC321077FF238EACF441C540CEB13F2\"",
        ),
        ("CertHashString([missing])", "NULL"),
    ],
    call: thumbprint,
    ..PLAIN
};
