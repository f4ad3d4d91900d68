//! `DefaultDomain`.

use super::prelude::*;

pub(super) static DEFAULT_DOMAIN: Function = Function {
    name: "DefaultDomain",
    origin: Origin::Cloud,
    parameters: &[],
    manual: "The initial domain of the target tenant.",
    examples: &[(
        "Join(\"@\", \"anna\", DefaultDomain())",
        "\"anna@tenant.example\"",
    )],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(match a.environment().context.initial_domain {
        "" => null(),
        domain => one(domain),
    })
}
