//! `CloudPrimaryAddress`.

use super::prelude::*;
use crate::{expression::evaluate::text_like, mapping::identity};

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
    let text = mail.as_deref();
    let primary = identity::kept_primary(&addresses, text, a.environment().context);
    Ok(match (primary.or(text.map(str::trim)), &mail) {
        (Some(found), Some(mail)) => one(text_like(mail, found.into())),
        (found, _) => found.map_or_else(null, one),
    })
}
