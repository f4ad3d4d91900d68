//! `DateDiff`.

use super::prelude::*;
use super::{interval::Interval, time};

pub(super) static DATE_DIFF: Function = Function {
    name: "DateDiff",
    origin: Origin::Cloud,
    parameters: &[
        required("interval", Takes::Text),
        required("date1", Takes::Text),
        required("date2", Takes::Text),
    ],
    manual: "How many intervals lie between two dates; negative if the second is the earlier one. What is counted are the beginnings of years, quarters, months, weeks (on Sundays), days, hours, minutes and seconds between them; w counts whole weeks.",
    examples: &[
        (
            "DateDiff(\"d\", \"2021-08-18+08:00\", \"2021-08-31+08:00\")",
            "13",
        ),
        (
            "DateDiff(\"d\", \"8/25/2021 5:41:18 PM\", \"2012-03-16-07:00\")",
            "-3449",
        ),
        (
            "DateDiff(\"ww\", \"8/25/2021 5:41:18 PM\", \"2012-03-16-07:00\")",
            "-493",
        ),
        (
            "DateDiff(\"m\", \"8/25/2021 5:41:18 PM\", \"2012-03-16-07:00\")",
            "-113",
        ),
        (
            "DateDiff(\"yyyy\", \"8/25/2021 5:41:18 PM\", \"2012-03-16-07:00\")",
            "-9",
        ),
        ("DateDiff(\"h\", \"2021-08-18\", \"2021-08-19\")", "24"),
        ("DateDiff(\"n\", \"2021-08-18\", \"2021-08-19\")", "1440"),
        ("DateDiff(\"s\", \"2021-08-18\", \"2021-08-19\")", "86400"),
        ("DateDiff(\"q\", \"2021-03-31\", \"2021-04-01\")", "1"),
        ("DateDiff(\"w\", \"2021-03-01\", \"2021-03-14\")", "1"),
        ("DateDiff(\"d\", [missing], \"2021-08-19\")", "NULL"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let interval = Interval::of(a, 0)?;
    let (Some(first), Some(second)) = (a.text(1)?, a.text(2)?) else {
        return Ok(null());
    };
    let read = |text: &str| time::parse_known(text).map_err(|message| a.fail(message));
    Ok(one(interval.between(read(&first)?, read(&second)?)))
}
