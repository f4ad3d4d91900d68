//! `CRef`.

use super::prelude::*;

pub(super) static CREF: Function = Function {
    name: "CRef",
    origin: Origin::Connect,
    parameters: &[required("value", Takes::Each)],
    manual: "A distinguished name as reference. Here references are names, so the text stays as it is.",
    examples: &[
        ("CRef(\"CN=a,DC=b\")", "\"CN=a,DC=b\""),
        ("DNComponent(CRef([distinguishedName]), 2)", "\"People\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|_| None)
}
