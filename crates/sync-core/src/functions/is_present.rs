//! `IsPresent`.

use super::prelude::*;
use super::texts::is_null_or_empty;

pub(super) static IS_PRESENT: Function = Function {
    name: "IsPresent",
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is a value that is not an empty text.",
    examples: &[
        ("IsPresent([sn])", "True"),
        ("IsPresent(\"\")", "False"),
        ("IsPresent([missing])", "False"),
    ],
    call: run,
    prepare: None,
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(!is_null_or_empty(&a.values(0)?)))
}
