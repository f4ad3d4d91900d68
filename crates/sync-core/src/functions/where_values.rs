//! `Where`.

use super::prelude::*;

pub(super) static WHERE: Function = Function {
    name: "Where",
    origin: Origin::Connect,
    parameters: &[
        required("item", Takes::Variable),
        required("values", Takes::Values),
        required("condition", Takes::Boolean),
    ],
    manual: "The values for which the condition is true. The variable stands for the value within the condition.",
    examples: &[
        (
            "Where($item, [proxyAddresses], InStr($item, \"SIP:\", , vbTextCompare) <> 1)",
            "[proxyAddresses]",
        ),
        (
            "Where($item, [proxyAddresses], Left($item, 5) = \"SMTP:\")",
            "\"SMTP:anna@canal.example\"",
        ),
        ("Where($item, [proxyAddresses], [missing] = \"x\")", "NULL"),
        (
            "Where($item, Split(\"5,12,30\", \",\"), $item > 9)",
            "Split(\"12,30\", \",\")",
        ),
    ],
    call: run,
    binds: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(1)?;
    let mut kept = Vec::new();
    for value in values.iter() {
        let truth = a.truth_with(2, Operand::One(value.clone()))?;
        if truth == Some(true) {
            kept.push(value.clone());
        }
    }
    Ok(match kept.len() == values.len() {
        true => values,
        false => Operand::Owned(kept),
    })
}
