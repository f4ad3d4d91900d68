//! `RegexReplace`.

use super::patterns::{pattern, pattern_of, replace_all};
use super::prelude::*;
use crate::expression::compile::{Node, Prepared};

pub(super) static REGEX_REPLACE: Function = Function {
    name: "RegexReplace",
    origin: Origin::Own,
    parameters: &[
        required("source", Takes::Each),
        required("pattern", Takes::Text),
        required("replacement", Takes::Text),
    ],
    manual: "Replaces every match of a regular expression; $1 and ${name} in the replacement stand for groups.",
    examples: &[
        (
            "RegexReplace(\"+1 (999) 888-7777\", \"[()\\\\s+-]+\", \"\")",
            "\"19998887777\"",
        ),
        (
            "RegexReplace(\"Doe, John\", \"(\\\\w+), (?<given>\\\\w+)\", \"${given} $1\")",
            "\"John Doe\"",
        ),
        ("RegexReplace(\"a\", \"b*\", \"-\")", "\"-a-\""),
        (
            "RegexReplace(\"5\", \"5\", \"$$1$0$9${x}\")",
            "\"$15$9${x}\"",
        ),
        ("RegexReplace([missing], \"a\", \"b\")", "NULL"),
    ],
    call: run,
    prepare: Some(prepare),
    ..PLAIN
};

fn prepare(arguments: &[Option<Node>]) -> Result<Prepared, String> {
    pattern_of(arguments, 1)
}

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let Some(source) = a.text(0)? else {
        return Ok(null());
    };
    let Some(pattern) = pattern(a, 1)? else {
        return Err(a.fail("the pattern is null"));
    };
    replace_all(a, &pattern, &source, &a.text(2)?.unwrap_or_default()).map(one)
}
