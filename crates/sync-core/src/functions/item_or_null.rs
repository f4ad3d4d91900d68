//! `ItemOrNull`.

use super::prelude::*;

pub(super) static ITEM_OR_NULL: Function = Function {
    name: "ItemOrNull",
    origin: Origin::Connect,
    parameters: &[
        required("attribute", Takes::Values),
        required("index", Takes::Integer),
    ],
    manual: "The value with this number, from 1; null if there is none.",
    examples: &[
        (
            "ItemOrNull([proxyAddresses], 2)",
            "\"SMTP:anna@canal.example\"",
        ),
        ("ItemOrNull([proxyAddresses], 9)", "NULL"),
        ("ItemOrNull([sn], 0)", "NULL"),
        ("ItemOrNull([missing], 1)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    let number = a.integer(1)?.unwrap_or_default();
    let index = number
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok());
    let value = index.and_then(|index| values.get(index));
    Ok(value.map_or_else(null, |value| one(value.clone())))
}
