//! `IsNull`.

use super::prelude::*;

pub(super) static IS_NULL: Function = Function {
    name: "IsNull",
    origin: Origin::Both,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is no value.",
    examples: &[("IsNull([missing])", "True"), ("IsNull(\"\")", "False")],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(a.values(0)?.is_empty()))
}
