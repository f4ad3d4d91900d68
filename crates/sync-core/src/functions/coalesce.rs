//! `Coalesce`.

use super::prelude::*;

pub(super) static COALESCE: Function = Function {
    name: "Coalesce",
    origin: Origin::Cloud,
    parameters: &[
        required("source1", Takes::Values),
        repeated("source", Takes::Values),
    ],
    manual: "The first argument that is not null. The last one is the default.",
    examples: &[
        ("Coalesce([missing], [sn])", "\"Müller\""),
        ("Coalesce(NULL, NULL, \"x\")", "\"x\""),
        ("Coalesce([missing])", "NULL"),
        ("Coalesce(\"\", \"x\")", "\"\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    for index in 0..a.len() {
        let values = a.values(index)?;
        if !values.is_empty() {
            return Ok(values);
        }
    }
    Ok(null())
}
