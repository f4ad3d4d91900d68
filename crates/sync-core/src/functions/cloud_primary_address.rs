//! `CloudPrimaryAddress`.

use super::prelude::*;
use crate::mapping::identity;

pub(super) static CLOUD_PRIMARY_ADDRESS: Function = Function {
    name: "CloudPrimaryAddress",
    origin: Origin::Own,
    parameters: &[
        required("proxyAddresses", Takes::Values),
        required("mail", Takes::Text),
    ],
    manual: "The mail address in the target: the primary of the proxy addresses, else the mail attribute.",
    examples: &[
        (
            "CloudPrimaryAddress([proxyAddresses], \"other@canal.example\")",
            "\"anna@canal.example\"",
        ),
        ("CloudPrimaryAddress([missing], \" m@x \")", "\"m@x\""),
        ("CloudPrimaryAddress([missing], [missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let addresses = identity::texts(&a.values(0)?);
    let mail = a.text(1)?;
    let kept = identity::proxy_addresses(&addresses, mail.as_deref(), a.environment().context);
    let primary = identity::primary_address(&kept).map(str::to_owned);
    let mail = mail.map(|mail| mail.trim().to_owned());
    Ok(primary.or(mail).map_or_else(null, one))
}
