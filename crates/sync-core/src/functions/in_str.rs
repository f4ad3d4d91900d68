//! `InStr`.

use super::prelude::*;
use super::texts::{Comparison, index_from_1};

pub(super) static IN_STR: Function = Function {
    name: "InStr",
    origin: Origin::Both,
    parameters: &[
        required("text", Takes::Each),
        required("wanted", Takes::Text),
        optional("start", Takes::Integer),
        optional("compare", Takes::Text),
    ],
    manual: "The position of a text inside another, in characters from 1; 0 if it is not there. Pass vbTextCompare to disregard case.",
    examples: &[
        ("InStr(\"The quick brown fox\", \"quick\")", "5"),
        ("InStr(\"repEated\", \"e\", 3, vbBinaryCompare)", "7"),
        ("InStr(\"repEated\", \"e\", 3, vbTextCompare)", "4"),
        ("InStr(\"abc\", \"x\")", "0"),
        ("InStr([missing], \"x\")", "0"),
        ("InStr(\"ä€b\", \"b\")", "3"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (Some(text), Some(wanted)) = (a.text(0)?, a.text(1)?) else {
        return Ok(one(0));
    };
    let start = a.integer(2)?.unwrap_or(1);
    let skipped =
        usize::try_from(start.saturating_sub(1)).map_err(|_| a.fail("positions begin at 1"))?;
    let Some((offset, _)) = text.char_indices().nth(skipped) else {
        return Ok(one(0));
    };
    let rest = text.get(offset..).unwrap_or_default();
    let found = Comparison::of(a, 3)?.find(rest, &wanted);
    Ok(one(found.map_or(0, |at| index_from_1(at + skipped))))
}
