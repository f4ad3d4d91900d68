//! `CloudProxyAddresses`.

use std::borrow::Cow;

use super::prelude::*;
use crate::mapping::identity;

pub(super) static CLOUD_PROXY_ADDRESSES: Function = Function {
    name: "CloudProxyAddresses",
    origin: Origin::Own,
    parameters: &[
        required("proxyAddresses", Takes::Values),
        optional("mail", Takes::Text),
    ],
    manual: "The addresses the target is to have: trimmed, each once, without malformed ones, legacy protocols and the target's reserved domain, with one primary: the source's, else the mail attribute.",
    examples: &[
        (
            "Join(\",\", CloudProxyAddresses([proxyAddresses], [mail]))",
            "\"smtp:anna@other.example,SMTP:anna@canal.example,x500:/o=x\"",
        ),
        (
            "CloudProxyAddresses([missing], \"m@x.example\")",
            "\"SMTP:m@x.example\"",
        ),
        (
            "CloudProxyAddresses(Split(\"X400:c=nl;a@b;smtp:a@tenant.example\", \";\"))",
            "NULL",
        ),
        (
            "Join(\",\", CloudProxyAddresses(Split(\"SMTP:a@x;SMTP:b@x;smtp:A@X\", \";\")))",
            "\"SMTP:a@x,smtp:b@x\"",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let addresses = identity::texts(&a.values(0)?);
    let mail = a.text(1)?;
    let kept = identity::proxy_addresses(&addresses, mail.as_deref(), a.environment().context);
    // Most stay as they are, and in the order of the source.
    let mut rest = addresses.iter();
    let kept = kept.into_iter().map(|one| match &one {
        Cow::Borrowed(text) => match rest.find(|have| std::ptr::eq(&***have, *text)) {
            Some(have) => Value::Text(have.clone()),
            None => Value::text(*text),
        },
        Cow::Owned(text) => Value::from(text.as_str()),
    });
    Ok(Operand::Owned(kept.collect()))
}
