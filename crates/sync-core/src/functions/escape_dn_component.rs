//! `EscapeDNComponent`.

use super::dn::escape;
use super::prelude::*;

pub(super) static ESCAPE_DN_COMPONENT: Function = Function {
    name: "EscapeDNComponent",
    origin: Origin::Connect,
    parameters: &[required("component", Takes::Each)],
    manual: "One relative name, such as \"cn=Doe, John\", with everything escaped that a distinguished name does not allow. Without a type in front, the whole text is escaped as a value.",
    examples: &[
        (
            "EscapeDNComponent(\"cn=Doe, John\")",
            "\"cn=Doe\\\\, John\"",
        ),
        ("EscapeDNComponent(\"Doe, John\")", "\"Doe\\\\, John\""),
        ("EscapeDNComponent(\"cn= a=b \")", "\"cn=\\\\ a=b\\\\ \""),
        (
            "DNComponent(EscapeDNComponent(\"cn=\\\"x\\\"+#;\") & \",dc=y\", 1)",
            "\"\\\"x\\\"+#;\"",
        ),
        ("EscapeDNComponent([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    a.change_text(|text| {
        Some(match text.split_once('=') {
            Some((name, value)) if is_type(name) => format!("{name}={}", escape(value)),
            _ => escape(text),
        })
    })
}

fn is_type(name: &str) -> bool {
    let is_of_type = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    !name.is_empty() && name.chars().all(is_of_type)
}
