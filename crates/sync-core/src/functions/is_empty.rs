//! `IsEmpty`.

use super::prelude::*;
use super::texts::is_null_or_empty;

pub(super) static IS_EMPTY: Function = Function {
    name: "IsEmpty",
    origin: Origin::Connect,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is a value and it is an empty text.",
    examples: &[
        ("IsEmpty(\"\")", "True"),
        ("IsEmpty([missing])", "False"),
        ("IsEmpty(\"a\")", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    Ok(one(!values.is_empty() && is_null_or_empty(&values)))
}
