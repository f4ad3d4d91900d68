//! `FormatDateTime`.

use super::prelude::*;
use super::time;

// LIMIT: a letter of a format gives up to nine characters.
const MAX_FORMAT_BYTES: usize = 1_000;

pub(super) static FORMAT_DATE_TIME: Function = Function {
    name: "FormatDateTime",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Each),
        optional("styles", Takes::Text),
        optional("inputFormat", Takes::Text),
        optional("outputFormat", Takes::Text),
    ],
    manual: "Reads a time by one format and writes it by another. Without an input format ISO 8601, LDAP generalized time and M/d/yyyy h:mm:ss tt are understood. With two arguments the second is the output format; with three, input and output format. Times with an offset are converted to UTC.",
    examples: &[
        (
            "FormatDateTime(\"20150123105347.1Z\", , \"yyyyMMddHHmmss.fZ\", \"yyyy-MM-dd\")",
            "\"2015-01-23\"",
        ),
        (
            "FormatDateTime(\"20150123105347.1Z\", \"yyyyMMddHHmmss.fZ\", \"d MMM yy h:mm tt\")",
            "\"23 Jan 15 10:53 AM\"",
        ),
        (
            "FormatDateTime(DateFromNum([pwdLastSet]), \"yyyyMMddHHmmss.0Z\")",
            "\"20210927140916.0Z\"",
        ),
        (
            "FormatDateTime(\"2021-06-30+08:00\", , \"yyyy-MM-ddzzz\", \"yyyy-MM-dd\")",
            "\"2021-06-29\"",
        ),
        (
            "FormatDateTime(CDate(\"12/25/2007\"), \"yyyy-MM-dd\")",
            "\"2007-12-25\"",
        ),
        (
            "FormatDateTime(\"2007-12-25\", \"D\")",
            "\"Tuesday, 25 December 2007\"",
        ),
        ("FormatDateTime([missing], \"yyyy\")", "NULL"),
        (
            "FormatDateTime(\"soon\", \"yyyy\")",
            "error: FormatDateTime: \"soon\" is not a time in any known form",
        ),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let (input, output) = match a.len() {
        0..=2 => (None, a.text(1)?),
        3 => (a.text(1)?, a.text(2)?),
        _ => (a.text(2)?, a.text(3)?),
    };
    let output = output.ok_or_else(|| a.fail("an output format is missing"))?;
    if output.len() > MAX_FORMAT_BYTES {
        return Err(a.fail(format!(
            "the format is longer than {MAX_FORMAT_BYTES} bytes"
        )));
    }
    let moment = match input {
        Some(format) => time::parse(source.trim(), &format),
        None => time::parse_known(source.trim()),
    };
    let moment = moment.map_err(|message| a.fail(message))?;
    let text = time::format(moment, &output);
    text.map(one).map_err(|message| a.fail(message))
}
