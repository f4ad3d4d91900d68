//! `IgnoreFlowIfNullOrEmpty`.

use super::prelude::*;
use super::texts::is_null_or_empty;
use crate::expression::evaluate::Halt;

pub(super) static IGNORE_FLOW_IF_NULL_OR_EMPTY: Function = Function {
    name: "IgnoreFlowIfNullOrEmpty",
    origin: Origin::Cloud,
    parameters: &[required("expression", Takes::Values)],
    manual: "Leaves the attribute as it is in the target when the expression is null or empty.",
    examples: &[
        ("IgnoreFlowIfNullOrEmpty([missing])", "ignored"),
        ("IgnoreFlowIfNullOrEmpty(\"\")", "ignored"),
        ("IgnoreFlowIfNullOrEmpty(\"NL\")", "\"NL\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    if is_null_or_empty(&values) {
        return Err(Halt::Ignore);
    }
    Ok(values)
}
