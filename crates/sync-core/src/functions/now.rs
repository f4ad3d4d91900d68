//! `Now`.

use super::prelude::*;
use super::time;

pub(super) static NOW: Function = Function {
    name: "Now",
    origin: Origin::Both,
    parameters: &[],
    manual: "The current time in UTC, in the form of CDate. It is the time at which the object is planned; nothing is planned again because time passes.",
    examples: &[
        ("Now()", "\"9/27/2021 2:09:16 PM\""),
        ("FormatDateTime(Now(), \"yyyy\")", "\"2021\""),
        ("DateAdd(\"d\", 1, Now()) > Now()", "True"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Ok(one(time::text(a.now()?)))
}
