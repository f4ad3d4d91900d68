//! `Switch`.

use super::prelude::*;
use crate::expression::compile::{Node, Prepared};

pub(super) static SWITCH: Function = Function {
    name: "Switch",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Text),
        optional("defaultValue", Takes::Values),
        repeated("switchValue", Takes::Values),
    ],
    manual: "The value that follows the key equal to the source, with regard to case; else the default. An empty key stands for null and empty. The other form, Switch(condition, value, condition, value…), gives the value after the first condition that is true, else null; it is understood where every odd argument is a comparison, a test such as IsPresent, True or False.",
    examples: &[
        (
            "Switch([department] = \"IT\", 1, IsPresent([sn]), 2, True, Error(\"not run\"))",
            "2",
        ),
        ("Switch([department] = \"IT\", 1, [missing] = 1, 2)", "NULL"),
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
    ..PLAIN
};

fn prepare(arguments: &[Option<Node>]) -> Result<Prepared, String> {
    let mut odd = arguments.iter().step_by(2);
    let is_other_form = odd.all(|argument| argument.as_ref().is_some_and(Node::is_logical));
    let least = if is_other_form { 2 } else { 4 };
    if arguments.len() < least || !arguments.len().is_multiple_of(2) {
        return Err("Switch needs an even number of arguments: every key has a value".into());
    }
    Ok(Prepared {
        is_other_form,
        ..Prepared::default()
    })
}

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    if a.is_other_form() {
        for condition in (0..a.len()).step_by(2) {
            if a.truth(condition)? == Some(true) {
                return a.values(condition + 1);
            }
        }
        return Ok(null());
    }
    let source = a.text(0)?.unwrap_or_default();
    for key in (2..a.len()).step_by(2) {
        if a.text(key)?.unwrap_or_default() == source {
            return a.values(key + 1);
        }
    }
    a.values(1)
}
