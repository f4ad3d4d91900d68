//! `CDate`.

use super::prelude::*;
use super::time;

pub(super) static CDATE: Function = Function {
    name: "CDate",
    origin: Origin::Both,
    parameters: &[required("value", Takes::Each)],
    manual: "Reads a time in any usual form, converts it to UTC, and gives it as M/d/yyyy h:mm:ss tt. Times in this form, in ISO 8601 and in LDAP generalized time are compared as times.",
    examples: &[
        ("CDate(\"2020-03-16-07:00\")", "\"3/16/2020 7:00:00 AM\""),
        ("CDate(\"2021-06-30+08:00\")", "\"6/29/2021 4:00:00 PM\""),
        (
            "CDate(\"2009-06-15T01:45:30-07:00\")",
            "\"6/15/2009 8:45:30 AM\"",
        ),
        (
            "CDate(\"2013-01-10 4:00 PM -8\")",
            "\"1/11/2013 12:00:00 AM\"",
        ),
        ("CDate(\"12/25/2007\")", "\"12/25/2007 12:00:00 AM\""),
        ("CDate(\"20210927140916.0Z\") > CDate(\"9/3/2021\")", "True"),
        ("CDate([missing])", "NULL"),
        (
            "CDate(\"soon\")",
            "error: CDate: \"soon\" is not a time in any known form",
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
    Ok(one(time::text(moment)))
}
