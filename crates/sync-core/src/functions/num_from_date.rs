//! `NumFromDate`.

use super::prelude::*;
use super::time;

pub(super) static NUM_FROM_DATE: Function = Function {
    name: "NumFromDate",
    origin: Origin::Both,
    parameters: &[required("value", Takes::Each)],
    manual: "The FILETIME (100 ns since 1601-01-01 UTC) of a time in any form CDate reads.",
    examples: &[
        (
            "NumFromDate(CDate(\"2012-01-01 23:00:00\"))",
            "129699324000000000",
        ),
        (
            "DateFromNum(NumFromDate(\"2024-05-01 23:59:59-08:00\"))",
            "\"2024-05-02T07:59:59Z\"",
        ),
        ("NumFromDate([missing])", "NULL"),
        (
            "NumFromDate(\"0001-01-01\")",
            "error: NumFromDate: the time is before 1601",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(text) = a.text(0)? else {
        return Ok(null());
    };
    let moment = time::parse_known(&text).map_err(|message| a.fail(message))?;
    let number = time::to_filetime(moment);
    number
        .map(one)
        .ok_or_else(|| a.fail("the time is before 1601"))
}
