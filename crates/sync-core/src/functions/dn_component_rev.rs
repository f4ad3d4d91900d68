//! `DNComponentRev`.

use super::dn::parts;
use super::prelude::*;

pub(super) static DN_COMPONENT_REV: Function = Function {
    name: "DNComponentRev",
    origin: Origin::Connect,
    parameters: &[
        required("dn", Takes::Each),
        required("number", Takes::Integer),
        optional("options", Takes::Text),
    ],
    manual: "The value of the n-th relative name of a distinguished name, counted from 1 at the right; null if there is none. With the option \"DC\", names of type DC are not counted.",
    examples: &[
        (
            "DNComponentRev(\"cn=Joe,ou=Atlanta,ou=GA,ou=US, dc=contoso,dc=com\", 3)",
            "\"US\"",
        ),
        (
            "DNComponentRev(\"cn=Joe,ou=Atlanta,ou=GA,ou=US, dc=contoso,dc=com\", 1, \"DC\")",
            "\"US\"",
        ),
        ("DNComponentRev([distinguishedName], 1)", "\"example\""),
        ("DNComponentRev(\"CN=a\", 2)", "NULL"),
        (
            "DNComponentRev(\"CN=a\", 1, \"XY\")",
            "error: DNComponentRev: there is no option XY: use DC",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (Some(dn), Some(number)) = (a.text(0)?, a.integer(1)?) else {
        return Ok(null());
    };
    let skips_domains = match a.text(2)?.as_deref() {
        None | Some("") => false,
        Some(option) if option.eq_ignore_ascii_case("DC") => true,
        Some(other) => return Err(a.fail(format!("there is no option {other}: use DC"))),
    };
    let index = number
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok());
    let index = index.ok_or_else(|| a.fail("numbers begin at 1"))?;
    let mut parts = parts(&dn);
    parts.retain(|(name, _)| !(skips_domains && name.eq_ignore_ascii_case("dc")));
    let value = parts.into_iter().rev().nth(index);
    Ok(value.map_or_else(null, |(_, value)| one(value)))
}
