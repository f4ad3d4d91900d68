//! `IsDate`.

use super::prelude::*;
use super::time;

pub(super) static IS_DATE: Function = Function {
    name: "IsDate",
    origin: Origin::Connect,
    parameters: &[required("expression", Takes::Values)],
    manual: "Whether there is one value and CDate can read it.",
    examples: &[
        ("IsDate(\"2021-02-28\")", "True"),
        ("IsDate(\"2021-02-30\")", "False"),
        ("IsDate(\"soon\")", "False"),
        ("IsDate([missing])", "False"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    let is_date = |value: &Value| text_of(value).is_ok_and(|text| time::parse_known(&text).is_ok());
    Ok(one(matches!(values.as_ref(), [value] if is_date(value))))
}
