//! `DateFromNum`.

use super::prelude::*;
use super::time;

pub(super) static DATE_FROM_NUM: Function = Function {
    name: "DateFromNum",
    origin: Origin::Both,
    parameters: &[required("value", Takes::Each)],
    manual: "The time of a FILETIME (100 ns since 1601-01-01 UTC) in ISO 8601. Null for 0 and for never.",
    examples: &[
        (
            "DateFromNum(129699324000000000)",
            "\"2012-01-01T23:00:00Z\"",
        ),
        ("DateFromNum(0)", "NULL"),
        ("DateFromNum(9223372036854775807)", "NULL"),
        ("DateFromNum([missing])", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(number) = a.integer(0)? else {
        return Ok(null());
    };
    if number <= 0 || number == i64::MAX {
        return Ok(null());
    }
    let moment = time::from_filetime(number).ok_or_else(|| a.fail("the time is out of range"))?;
    Ok(one(time::iso(moment)))
}
