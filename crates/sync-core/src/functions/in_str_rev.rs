//! `InStrRev`.

use super::prelude::*;
use super::texts::{Comparison, index_from_1};

pub(super) static IN_STR_REV: Function = Function {
    name: "InStrRev",
    origin: Origin::Connect,
    parameters: &[
        required("text", Takes::Each),
        required("wanted", Takes::Text),
        optional("start", Takes::Integer),
        optional("compare", Takes::Text),
    ],
    manual: "The position of the last occurrence of a text inside another, in characters from 1; 0 if it is not there. With a start, the occurrence ends there or before. Pass vbTextCompare to disregard case.",
    examples: &[
        ("InStrRev(\"abbcdbbbef\", \"bb\")", "7"),
        ("InStrRev(\"abbcdbbbef\", \"bb\", 6)", "2"),
        ("InStrRev(\"abc\", \"x\")", "0"),
        ("InStrRev(\"äBcb\", \"b\", , vbTextCompare)", "4"),
        ("InStrRev(\"äBc\", \"b\", 2, vbTextCompare)", "2"),
        ("InStrRev([missing], \"x\")", "0"),
    ],
    call: run,
    ..PLAIN
};

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let (Some(text), Some(wanted)) = (a.text(0)?, a.text(1)?) else {
        return Ok(one(0));
    };
    let compare = Comparison::of(a, 3)?;
    let searched: String = match a.integer(2)? {
        None | Some(-1) => text.to_string(),
        Some(start) => {
            let count = usize::try_from(start).map_err(|_| a.fail("positions begin at 1"))?;
            text.chars().take(count).collect()
        }
    };
    Ok(one(compare
        .find_last(&searched, &wanted)
        .map_or(0, index_from_1)))
}
