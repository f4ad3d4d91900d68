//! `RemoveDuplicates`.

use super::prelude::*;

pub(super) static REMOVE_DUPLICATES: Function = Function {
    name: "RemoveDuplicates",
    origin: Origin::Both,
    parameters: &[required("values", Takes::Values)],
    manual: "The values without repetitions; text is compared without regard to case, the first spelling stays.",
    examples: &[
        (
            "Join(\",\", RemoveDuplicates(Split(\"b,a,B,a\", \",\")))",
            "\"b,a\"",
        ),
        ("RemoveDuplicates([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let values = a.values(0)?;
    if values.len() < 2 {
        return Ok(values);
    }
    let mut seen = std::collections::HashSet::new();
    let kept = values.iter().filter(|value| {
        seen.insert(match value {
            Value::Text(text) => Value::from(text.to_lowercase()),
            other => (*other).clone(),
        })
    });
    Ok(Operand::Owned(kept.cloned().collect()))
}
