//! `IIF`.

use super::prelude::*;

pub(super) static IIF: Function = Function {
    name: "IIF",
    origin: Origin::Both,
    parameters: &[
        required("condition", Takes::Boolean),
        required("ifTrue", Takes::Values),
        required("ifFalse", Takes::Values),
    ],
    manual: "The second argument if the condition is true, else the third. An unknown condition (a missing value was compared) is not true.",
    examples: &[
        ("IIF([department] = \"Sales\", \"S\", \"other\")", "\"S\""),
        ("IIF([missing] = \"x\", 1, 2)", "2"),
        ("IIF([missing] <> \"x\", 1, 2)", "2"),
        ("IIF(IsPresent([sn]) && 1 < 2, 1, 2)", "1"),
        ("IIF(IsPresent([missing]) || [sn] = \"Müller\", 1, 2)", "1"),
        ("IIF(True, \"a\", Error(\"not run\"))", "\"a\""),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    match a.truth(0)? {
        Some(true) => a.values(1),
        _ => a.values(2),
    }
}
