//! `RandomNum`.

use super::prelude::*;

pub(super) static RANDOM_NUM: Function = Function {
    name: "RandomNum",
    origin: Origin::Connect,
    parameters: &[
        required("start", Takes::Integer),
        required("end", Takes::Integer),
    ],
    manual: "A random integer from start to end, both included. The same object and attribute always get the same one.",
    examples: &[
        (
            "With($n, RandomNum(100, 999), $n >= 100 && $n <= 999)",
            "True",
        ),
        ("RandomNum(7, 7)", "7"),
        (
            "RandomNum(2, 1)",
            "error: RandomNum: the end is less than the start",
        ),
        ("RandomNum([missing], 1)", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (Some(start), Some(end)) = (a.integer(0)?, a.integer(1)?) else {
        return Ok(null());
    };
    if end < start {
        return Err(a.fail("the end is less than the start"));
    }
    // All 64 bits together have no bound of their own.
    let count = end.abs_diff(start).saturating_add(1);
    let offset = a.random(|stream| stream.below(count))?;
    Ok(one(start.saturating_add_unsigned(offset)))
}
