//! `Switch`.

use regex::Regex;

use super::prelude::*;
use crate::expression::compile::Node;

pub(super) static SWITCH: Function = Function {
    name: "Switch",
    parameters: &[
        required("source", Takes::Text),
        optional("defaultValue", Takes::Values),
        required("key1", Takes::Text),
        required("value1", Takes::Values),
        repeated("switchValue", Takes::Values),
    ],
    manual: "The value that follows the key equal to the source, with regard to case; else the default. An empty key stands for null and empty.",
    examples: &[
        (
            "Switch(\"NL\", \"other\", \"BE\", \"Belgium\", \"NL\", \"Netherlands\")",
            "\"Netherlands\"",
        ),
        ("Switch(\"nl\", \"other\", \"NL\", \"x\")", "\"other\""),
        ("Switch([missing], \"d\", \"\", \"none\")", "\"none\""),
        ("Switch([missing], \"d\", \"a\", \"x\")", "\"d\""),
        ("Switch(\"x\", , \"a\", \"x\")", "NULL"),
        ("Switch(\"b\", Error(\"not run\"), \"b\", 1)", "1"),
    ],
    call: run,
    prepare: Some(prepare),
};

fn prepare(arguments: &[Option<Node>]) -> Result<Option<Regex>, String> {
    match arguments.len() % 2 {
        0 => Ok(None),
        _ => Err("Switch needs an even number of arguments: every key has a value".into()),
    }
}

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    let source = a.text(0)?.unwrap_or_default();
    for key in (2..a.len()).step_by(2) {
        if a.text(key)?.unwrap_or_default() == source {
            return a.values(key + 1);
        }
    }
    a.values(1)
}
