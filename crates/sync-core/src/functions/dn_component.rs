//! `DNComponent`.

use super::dn::parts;
use super::prelude::*;

pub(super) static DN_COMPONENT: Function = Function {
    name: "DNComponent",
    origin: Origin::Both,
    parameters: &[
        required("dn", Takes::Each),
        required("number", Takes::Integer),
    ],
    manual: "The value of the n-th relative name of a distinguished name, counted from 1 at the left; null if there is none.",
    examples: &[
        ("DNComponent([distinguishedName], 1)", "\"Müller, Anna\""),
        ("DNComponent([distinguishedName], 2)", "\"People\""),
        ("DNComponent(\"CN=a\", 5)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (Some(dn), Some(number)) = (a.text(0)?, a.integer(1)?) else {
        return Ok(null());
    };
    let index = number
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok());
    let index = index.ok_or_else(|| a.fail("numbers begin at 1"))?;
    let value = parts(&dn).into_iter().nth(index);
    Ok(value.map_or_else(null, |(_, value)| one(value)))
}
