//! `DateAdd`.

use super::prelude::*;
use super::{interval::Interval, time};

pub(super) static DATE_ADD: Function = Function {
    name: "DateAdd",
    origin: Origin::Both,
    parameters: &[
        required("interval", Takes::Text),
        required("value", Takes::Integer),
        required("date", Takes::Text),
    ],
    manual: "The date so many intervals later, or earlier if the number is negative. Intervals: yyyy year, q quarter, m month, ww week, d, y and w day, h hour, n minute, s second. The last day of a month stays within the month.",
    examples: &[
        (
            "DateAdd(\"d\", 7, \"2012-03-16-07:00\")",
            "\"3/23/2012 7:00:00 AM\"",
        ),
        (
            "DateAdd(\"m\", 10, \"2012-03-16-07:00\")",
            "\"1/16/2013 7:00:00 AM\"",
        ),
        (
            "DateAdd(\"yyyy\", 2, \"2012-03-16-07:00\")",
            "\"3/16/2014 7:00:00 AM\"",
        ),
        (
            "DateAdd(\"m\", 3, CDate(\"2001-01-01\"))",
            "\"4/1/2001 12:00:00 AM\"",
        ),
        (
            "DateAdd(\"m\", 1, \"2012-01-31\")",
            "\"2/29/2012 12:00:00 AM\"",
        ),
        (
            "DateAdd(\"n\", -1, \"2012-01-01\")",
            "\"12/31/2011 11:59:00 PM\"",
        ),
        ("DateAdd(\"d\", [missing], \"2012-01-01\")", "NULL"),
        (
            "DateAdd(\"x\", 1, \"2012-01-01\")",
            "error: DateAdd: there is no interval x: use yyyy, q, m, ww, w, d, y, h, n or s",
        ),
        (
            "DateAdd(\"yyyy\", 99999, \"2012-01-01\")",
            "error: DateAdd: the time is out of range",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let interval = Interval::of(a, 0)?;
    let (Some(count), Some(date)) = (a.integer(1)?, a.text(2)?) else {
        return Ok(null());
    };
    let moment = time::parse_known(&date).map_err(|message| a.fail(message))?;
    let later = interval.after(moment, count);
    let later = later.ok_or_else(|| a.fail("the time is out of range"))?;
    Ok(one(time::text(later)))
}
