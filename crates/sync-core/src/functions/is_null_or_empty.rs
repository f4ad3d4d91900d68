//! `IsNullOrEmpty`.

use super::prelude::*;
use super::texts::is_null_or_empty;

pub(super) static IS_NULL_OR_EMPTY: Function = Function {
    name: "IsNullOrEmpty",
    origin: Origin::Both,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is no value, or only an empty text.",
    examples: &[
        ("IsNullOrEmpty([missing])", "True"),
        ("IsNullOrEmpty(\"\")", "True"),
        ("IsNullOrEmpty([sn])", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(is_null_or_empty(&a.values(0)?)))
}
