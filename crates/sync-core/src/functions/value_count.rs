//! `ValueCount`.

use super::prelude::*;

pub(super) static VALUE_COUNT: Function = Function {
    name: "ValueCount",
    origin: Origin::Connect,
    parameters: &[required("attribute", Takes::Values)],
    manual: "The number of values of the attribute of this name.",
    examples: &[
        ("ValueCount(\"proxyAddresses\")", "3"),
        ("ValueCount(\"missing\")", "0"),
        ("ValueCount([sn])", "1"),
    ],
    call: run,
    names_attribute: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let count = a.values(0)?.len();
    Ok(one(i64::try_from(count).unwrap_or(i64::MAX)))
}
