//! `CloudUserPrincipalName`.

use super::prelude::*;
use crate::{
    expression::evaluate::{Halt, text_like},
    mapping::identity,
};

pub(super) static CLOUD_USER_PRINCIPAL_NAME: Function = Function {
    name: "CloudUserPrincipalName",
    origin: Origin::Own,
    parameters: &[
        required("userPrincipalName", Takes::Text),
        required("mailNickname", Takes::Text),
        required("proxyAddresses", Takes::Values),
        required("mail", Takes::Text),
        optional("fallback", Takes::Text),
    ],
    manual: "The sign-in name in the target: the source's if its domain is verified in the target and its characters are allowed; else the mail nickname at the initial domain, which then stays until the source's sign-in name changes.",
    examples: &[
        (
            "CloudUserPrincipalName(\"anna@canal.example\", NULL, NULL, NULL)",
            "\"anna@canal.example\"",
        ),
        (
            "CloudUserPrincipalName(\"anna@canal.local\", NULL, [proxyAddresses], NULL)",
            "\"anna@tenant.example\"",
        ),
        (
            "CloudUserPrincipalName(\"jürgen@canal.example\", NULL, NULL, NULL)",
            "\"jurgen@tenant.example\"",
        ),
        ("CloudUserPrincipalName(NULL, \"x\", NULL, NULL)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(name) = a.text(0)? else {
        return Ok(null());
    };
    let mut names = names(a, 1)?;
    names.sign_in_name = Some(name.clone());
    let environment = a.environment();
    let found = identity::sign_in_name(&name, &names, environment.context, environment.held);
    let Some(found) = found else {
        return Ok(null());
    };
    if found.is_calculated {
        environment.is_calculated.set(true);
    }
    Ok(one(text_like(&name, found.name)))
}

fn names(a: &Arguments<'_>, first: usize) -> Result<identity::Names, Halt> {
    Ok(identity::Names {
        nickname: a.text(first)?,
        addresses: identity::texts(&a.values(first + 1)?),
        mail: a.text(first + 2)?,
        sign_in_name: None,
        fallback: a.text(first + 3)?,
    })
}
