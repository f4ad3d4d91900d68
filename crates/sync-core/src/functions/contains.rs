//! `Contains`.

use super::prelude::*;
use super::texts::{Comparison, index_from_1};

pub(super) static CONTAINS: Function = Function {
    name: "Contains",
    origin: Origin::Connect,
    parameters: &[
        required("values", Takes::Values),
        required("text", Takes::Text),
        optional("compare", Takes::Text),
    ],
    manual: "The position, from 1, of the first value that contains the text; 0 if none does. Pass vbTextCompare to disregard case.",
    examples: &[
        ("Contains([proxyAddresses], \"SMTP:\")", "2"),
        ("Contains([proxyAddresses], \"ANNA@\", vbTextCompare)", "1"),
        ("Contains([proxyAddresses], \"nobody\")", "0"),
        ("Contains([missing], \"x\")", "0"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    let Some(wanted) = a.text(1)? else {
        return Ok(one(0));
    };
    let compare = Comparison::of(a, 2)?;
    for (index, value) in values.iter().enumerate() {
        let text = text_of(value).map_err(|message| a.fail(message))?;
        if compare.find(&text, &wanted).is_some() {
            return Ok(one(index_from_1(index)));
        }
    }
    Ok(one(0))
}
