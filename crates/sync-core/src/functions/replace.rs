//! `Replace`.

use std::{borrow::Cow, sync::Arc};

use super::{
    patterns::{pattern, pattern_of, replace_all, search},
    prelude::*,
};
use crate::expression::{
    compile::{Node, Prepared},
    evaluate::Halt,
    pattern::Pattern,
};

pub(super) static REPLACE: Function = Function {
    name: "Replace",
    origin: Origin::Both,
    parameters: &[
        required("source", Takes::Each),
        optional("oldValue", Takes::Text),
        optional("regexPattern", Takes::Text),
        optional("regexGroupName", Takes::Text),
        optional("replacementValue", Takes::Text),
        optional("replacementAttributeName", Takes::Values),
        optional("template", Takes::Text),
    ],
    manual: "Replaces text, with regard to case. With oldValue and replacementValue: every occurrence. With oldValue and template: puts the source into the template in place of oldValue. With regexPattern and replacementValue: every match (${name} stands for a group). With regexPattern, regexGroupName and replacementValue: the group in the first match. With regexPattern, regexGroupName and replacementAttributeName: the source if it has a value, else the group taken from the other attribute. The other form, Replace(source, oldValue, newValue) with three arguments, replaces every occurrence; \\n, \\r and \\t stand for line feed, carriage return and tab.",
    examples: &[
        ("Replace(\"EN-US\", \"-\", , , \"_\", , )", "\"EN_US\""),
        (
            "Replace(\"jsmith\", \"<username>\", , , , , \"<username>@contoso.example\")",
            "\"jsmith@contoso.example\"",
        ),
        (
            "Replace(\"+91 9998887777\", , \"\\\\+(?<isdCode>\\\\d* )(?<phoneNumber>\\\\d{10})\", , \"${phoneNumber}\", , )",
            "\"9998887777\"",
        ),
        (
            "Replace(\"+1 (999) 888-7777\", , \"[()\\\\s-]+\", , \"\", , )",
            "\"+19998887777\"",
        ),
        (
            "Replace(\"545 Tremont Street\", , \"(?<streetNumber>^\\\\d*)\", \"streetNumber\", \"888\", , )",
            "\"888 Tremont Street\"",
        ),
        (
            "Replace(\"anna@canal.example\", , \"(?<Suffix>@(.)*)\", \"Suffix\", \"\", , )",
            "\"anna\"",
        ),
        (
            "Replace([missing], , \"(?<local>^[^@]+)\", \"local\", , [mail], )",
            "\"anna\"",
        ),
        ("Replace([missing], \"a\", , , \"b\", , )", "NULL"),
        (
            "Replace([missing], , \"(?<x>z)\", \"x\", , [mail], )",
            "NULL",
        ),
        ("Replace(\"a.b\", \".\", \"-\")", "\"a-b\""),
        (
            "Replace(\"One Way\" & CRLF & \"Redmond\", \"\\r\\n\", \", \")",
            "\"One Way, Redmond\"",
        ),
        (
            "Join(\",\", Replace(Split(\"a-b,c-d\", \",\"), \"-\", , , \"\"))",
            "\"ab,cd\"",
        ),
        (
            "Replace(\"a\", , , , \"b\", , )",
            "error: Replace: neither oldValue nor regexPattern is given",
        ),
    ],
    call: run,
    prepare: Some(prepare),
    ..PLAIN
};

fn prepare(arguments: &[Option<Node>]) -> Result<Prepared, String> {
    match arguments {
        [_, Some(_), Some(_)] => Ok(Prepared {
            is_other_form: true,
            ..Prepared::default()
        }),
        _ => pattern_of(arguments, 2),
    }
}

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Mode::of(a)?.run(a)
}

/// Which of the ways of replacing the arguments ask for.
enum Mode<'e> {
    Text(Arc<str>, Arc<str>),
    Template(Arc<str>, Arc<str>),
    Pattern(Cow<'e, Pattern>),
    Group(Cow<'e, Pattern>, Arc<str>),
    OtherAttribute(Cow<'e, Pattern>, Arc<str>),
}

impl<'e> Mode<'e> {
    fn of(a: &Arguments<'e>) -> Result<Self, Halt> {
        let old = a.text(1)?;
        if a.is_other_form() {
            let (old, new) = (old.unwrap_or_default(), a.text(2)?.unwrap_or_default());
            return Ok(Self::Text(unescaped(&old), unescaped(&new)));
        }
        if let Some(old) = old {
            return Ok(match a.is_given(6) {
                true => Self::Template(old, a.text(6)?.unwrap_or_default()),
                false => Self::Text(old, a.text(4)?.unwrap_or_default()),
            });
        }
        let Some(pattern) = pattern(a, 2)? else {
            return Err(a.fail("neither oldValue nor regexPattern is given"));
        };
        let Some(group) = a.text(3)? else {
            return Ok(Self::Pattern(pattern));
        };
        if !pattern.has_group(&group) {
            return Err(a.fail(format!("the pattern has no group {group}")));
        }
        Ok(match a.is_given(5) {
            true => Self::OtherAttribute(pattern, group),
            false => Self::Group(pattern, group),
        })
    }

    fn run(&self, a: &Arguments<'e>) -> Outcome<'e> {
        let source = a.text(0)?;
        if let Self::OtherAttribute(pattern, group) = self {
            return match source.filter(|text| !text.is_empty()) {
                Some(source) => Ok(one(Value::Text(source))),
                None => extract(pattern, group, a),
            };
        }
        let Some(source) = source else {
            return Ok(null());
        };
        let new = || Ok(a.text(4)?.unwrap_or_default());
        let plain = |text: Result<String, String>| text.map_err(|message| a.fail(message));
        let text = match self {
            Self::Text(old, new) => plain(replace_text(&source, old, new)),
            Self::Template(old, template) => plain(replace_text(template, old, &source)),
            Self::Pattern(pattern) => replace_all(a, pattern, &source, &new()?),
            Self::Group(pattern, group) => replace_group(a, pattern, group, &source, &new()?),
            Self::OtherAttribute(..) => Ok(String::new()),
        };
        text.map(one)
    }
}

fn unescaped(text: &str) -> Arc<str> {
    let text = text.replace("\\r", "\r").replace("\\n", "\n");
    text.replace("\\t", "\t").into()
}

fn extract<'e>(pattern: &Pattern, group: &str, a: &Arguments<'e>) -> Outcome<'e> {
    let Some(other) = a.text(5)? else {
        return Ok(null());
    };
    let groups = search(a, pattern, &other, 0)?;
    let found = groups.as_ref().and_then(|groups| groups.name(group));
    Ok(found.map_or_else(null, |found| one(found.as_str())))
}

fn replace_text(source: &str, old: &str, new: &str) -> Result<String, String> {
    if old.is_empty() {
        return Ok(source.to_owned());
    }
    let mut text = String::new();
    for (index, piece) in source.split(old).enumerate() {
        if index > 0 {
            push_bounded(&mut text, new)?;
        }
        push_bounded(&mut text, piece)?;
    }
    Ok(text)
}

fn replace_group(
    a: &Arguments<'_>,
    pattern: &Pattern,
    group: &str,
    source: &str,
    new: &str,
) -> Result<String, Halt> {
    let groups = search(a, pattern, source, 0)?;
    let Some(found) = groups.as_ref().and_then(|groups| groups.name(group)) else {
        return Ok(source.to_owned());
    };
    let mut text = String::new();
    let after = source.get(found.end()..).unwrap_or_default();
    for part in [source.get(..found.start()).unwrap_or_default(), new, after] {
        push_bounded(&mut text, part).map_err(|message| a.fail(message))?;
    }
    Ok(text)
}
