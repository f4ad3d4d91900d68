//! `CloudMailNickname`.

use super::prelude::*;
use crate::{
    expression::evaluate::{Halt, text_like},
    mapping::identity,
};

pub(super) static CLOUD_MAIL_NICKNAME: Function = Function {
    name: "CloudMailNickname",
    origin: Origin::Own,
    parameters: &[
        required("mailNickname", Takes::Text),
        required("proxyAddresses", Takes::Values),
        required("mail", Takes::Text),
        required("userPrincipalName", Takes::Text),
        optional("fallback", Takes::Text),
    ],
    manual: "The mail nickname in the target: the source's own; else the one the target already has; else the local part of the primary address, the mail address, the sign-in name or the first other address; else the fallback. One that is made up keeps only characters a sign-in name may have.",
    examples: &[
        (
            "CloudMailNickname(\"nick\", [proxyAddresses], [mail], \"x@y\")",
            "\"nick\"",
        ),
        (
            "CloudMailNickname([missing], [proxyAddresses], \"m@x\", \"u@y\")",
            "\"anna\"",
        ),
        (
            "CloudMailNickname([missing], [missing], \"m m@x\", \"u@y\")",
            "\"mm\"",
        ),
        (
            "CloudMailNickname(NULL, NULL, NULL, NULL, \"Jo Bloggs\")",
            "\"JoBloggs\"",
        ),
        ("CloudMailNickname(NULL, NULL, NULL, NULL)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let names = names(a, 0)?;
    let Some(nickname) = identity::nickname(&names, a.environment().held) else {
        return Ok(null());
    };
    Ok(one(match &names.nickname {
        Some(own) => text_like(own, nickname),
        None => Value::text(nickname),
    }))
}

fn names(a: &Arguments<'_>, first: usize) -> Result<identity::Names, Halt> {
    Ok(identity::Names {
        nickname: a.text(first)?,
        addresses: identity::texts(&a.values(first + 1)?),
        mail: a.text(first + 2)?,
        sign_in_name: a.text(first + 3)?,
        fallback: a.text(first + 4)?,
    })
}
