//! `CStr`.

use super::prelude::*;

pub(super) static CSTR: Function = Function {
    name: "CStr",
    origin: Origin::Both,
    parameters: &[required("value", Takes::Values)],
    manual: "The value as text. Of several values, each.",
    examples: &[
        ("CStr(42)", "\"42\""),
        ("CStr(1 = 1)", "\"True\""),
        ("CStr(NULL)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    let texts = values.iter().map(|value| Value::from(value.display()));
    Ok(Operand::Owned(texts.collect()))
}
