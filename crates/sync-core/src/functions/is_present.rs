//! `IsPresent`.

use super::prelude::*;
use super::texts::is_null_or_empty;

pub(super) static IS_PRESENT: Function = Function {
    name: "IsPresent",
    origin: Origin::Both,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is a value that is not an empty text.",
    examples: &[
        ("IsPresent([sn])", "True"),
        ("IsPresent(\"\")", "False"),
        ("IsPresent([missing])", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(!is_null_or_empty(&a.values(0)?)))
}
