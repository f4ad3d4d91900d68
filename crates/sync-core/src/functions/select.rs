//! `Select`.

use super::prelude::*;
use crate::expression::MAX_VALUES;

pub(super) static SELECT: Function = Function {
    name: "Select",
    origin: Origin::Connect,
    parameters: &[
        required("item", Takes::Variable),
        required("values", Takes::Values),
        required("function", Takes::Values),
    ],
    manual: "What the function gives for each value, in order. The variable stands for the value within the function. Null results are left out.",
    examples: &[
        (
            "Join(\",\", Select($item, Split(\"1-2,3-4\", \",\"), Replace($item, \"-\", \"\")))",
            "\"12,34\"",
        ),
        (
            "Select($a, Split(\"x,y\", \",\"), Select($b, Split(\"1,2\", \",\"), $a & $b))",
            "Split(\"x1,x2,y1,y2\", \",\")",
        ),
        ("Select($item, [missing], Error(\"not run\"))", "NULL"),
        (
            "Select($item, [sn], [department] & $item)",
            "\"SalesMüller\"",
        ),
    ],
    call: run,
    binds: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let mut all = Vec::new();
    for value in a.values(1)?.iter() {
        let made = a.values_with(2, Operand::One(value.clone()))?;
        all.extend(made.iter().cloned());
        if all.len() > MAX_VALUES {
            return Err(a.fail(format!("more than {MAX_VALUES} values")));
        }
    }
    Ok(Operand::Owned(all))
}
