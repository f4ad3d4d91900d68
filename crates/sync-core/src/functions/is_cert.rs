//! `IsCert`.

use super::certificate::is_certificate;
use super::prelude::*;

pub(super) static IS_CERT: Function = Function {
    name: "IsCert",
    origin: Origin::Connect,
    parameters: &[required("certificate", Takes::Values)],
    manual: "Whether there is one value and it is a certificate, bytes or Base64.",
    examples: &[
        ("IsCert([userCertificate])", "True"),
        ("IsCert([objectGUID])", "False"),
        ("IsCert([missing])", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    Ok(one(
        matches!(values.as_ref(), [value] if is_certificate(value)),
    ))
}
