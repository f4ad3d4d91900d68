//! `IsBitSet`.

use super::prelude::*;

pub(super) static IS_BIT_SET: Function = Function {
    name: "IsBitSet",
    origin: Origin::Connect,
    parameters: &[
        required("value", Takes::Integer),
        required("flag", Takes::Integer),
    ],
    manual: "Whether all bits of the flag are set in the value. Unknown if one of them is null.",
    examples: &[
        ("IsBitSet(&HF, 4)", "True"),
        ("IsBitSet([userAccountControl], 2)", "True"),
        ("IsBitSet(4, 3)", "False"),
        ("IsBitSet([missing], 2)", "NULL"),
    ],
    call: run,
    is_test: true,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(match (a.integer(0)?, a.integer(1)?) {
        (Some(value), Some(flag)) => one(flag != 0 && value & flag == flag),
        _ => null(),
    })
}
