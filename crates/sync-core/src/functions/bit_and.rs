//! `BitAnd`.

use super::prelude::*;

pub(super) static BIT_AND: Function = Function {
    name: "BitAnd",
    origin: Origin::Both,
    parameters: &[
        required("value1", Takes::Integer),
        required("value2", Takes::Integer),
    ],
    manual: "The bits set in both integers. Null if one of them is.",
    examples: &[
        ("BitAnd(&HF, &HF7)", "7"),
        ("BitAnd([userAccountControl], 2)", "2"),
        ("BitAnd([groupType], -2147483648) <> 0", "True"),
        ("BitAnd([missing], 2)", "NULL"),
        (
            "BitAnd(\"x\", 2)",
            "error: BitAnd: argument 1 is no integer",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(match (a.integer(0)?, a.integer(1)?) {
        (Some(left), Some(right)) => one(left & right),
        _ => null(),
    })
}
