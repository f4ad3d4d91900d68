//! `Item`.

use super::prelude::*;

pub(super) static ITEM: Function = Function {
    name: "Item",
    origin: Origin::Both,
    parameters: &[
        required("attribute", Takes::Values),
        required("index", Takes::Integer),
    ],
    manual: "The value with this number, from 1. Null stays null; a number out of bounds fails.",
    examples: &[
        ("Item([proxyAddresses], 2)", "\"SMTP:anna@canal.example\""),
        ("Item([missing], 1)", "NULL"),
        ("Item([sn], 2)", "error: Item: there is no value 2, only 1"),
        ("Item([sn], 0)", "error: Item: numbers begin at 1"),
        (
            "Mid(Item([proxyAddresses], Contains([proxyAddresses], \"SMTP:\")), 6)",
            "\"anna@canal.example\"",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    if values.is_empty() {
        return Ok(null());
    }
    let number = a.integer(1)?.unwrap_or_default();
    let index =
        usize::try_from(number.saturating_sub(1)).map_err(|_| a.fail("numbers begin at 1"))?;
    match values.get(index) {
        Some(value) => Ok(one(value.clone())),
        None => Err(a.fail(format!("there is no value {number}, only {}", values.len()))),
    }
}
