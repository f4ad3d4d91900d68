//! `Count`.

use super::prelude::*;

pub(super) static COUNT: Function = Function {
    name: "Count",
    origin: Origin::Both,
    parameters: &[required("attribute", Takes::Values)],
    manual: "The number of values; 0 for null.",
    examples: &[("Count([proxyAddresses])", "3"), ("Count([missing])", "0")],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(i64::try_from(a.values(0)?.len()).unwrap_or(i64::MAX)))
}
