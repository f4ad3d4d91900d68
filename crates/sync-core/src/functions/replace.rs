//! `Replace`.

use std::sync::Arc;

use regex::Regex;

use super::prelude::*;
use crate::expression::{
    MAX_TEXT_BYTES,
    compile::{Node, constant_text, regex},
    evaluate::Halt,
};

pub(super) static REPLACE: Function = Function {
    name: "Replace",
    parameters: &[
        required("source", Takes::Text),
        optional("oldValue", Takes::Text),
        optional("regexPattern", Takes::Text),
        optional("regexGroupName", Takes::Text),
        optional("replacementValue", Takes::Text),
        optional("replacementAttributeName", Takes::Values),
        optional("template", Takes::Text),
    ],
    manual: "Replaces text, with regard to case. With oldValue and replacementValue: every occurrence. With oldValue and template: puts the source into the template in place of oldValue. With regexPattern and replacementValue: every match (${name} stands for a group). With regexPattern, regexGroupName and replacementValue: the group in the first match. With regexPattern, regexGroupName and replacementAttributeName: the source if it has a value, else the group taken from the other attribute.",
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
            "Replace(\"a\", , , , \"b\", , )",
            "error: Replace: neither oldValue nor regexPattern is given",
        ),
    ],
    call: run,
    prepare: Some(prepare),
};

fn prepare(arguments: &[Option<Node>]) -> Result<Option<Regex>, String> {
    match constant_text(arguments, 2) {
        None => Ok(None),
        Some(pattern) => regex(pattern).map(Some),
    }
}

fn run<'e>(a: &Arguments<'e>) -> Outcome<'e> {
    Mode::of(a)?.run(a)
}

/// Which of the five ways of replacing the arguments ask for.
enum Mode {
    Text(Arc<str>),
    Template(Arc<str>, Arc<str>),
    Pattern(Regex),
    Group(Regex, Arc<str>),
    OtherAttribute(Regex, Arc<str>),
}

impl Mode {
    fn of(a: &Arguments<'_>) -> Result<Self, Halt> {
        let pattern = match (a.prepared(), a.text(2)?) {
            (Some(prepared), _) => Some(prepared.clone()),
            (None, Some(pattern)) => Some(regex(&pattern).map_err(|message| a.fail(message))?),
            (None, None) => None,
        };
        match (a.text(1)?, pattern, a.text(3)?) {
            (Some(old), _, _) if a.is_given(6) => {
                Ok(Self::Template(old, a.text(6)?.unwrap_or_default()))
            }
            (Some(old), _, _) => Ok(Self::Text(old)),
            (None, Some(pattern), None) => Ok(Self::Pattern(pattern)),
            (None, Some(pattern), Some(group)) if a.is_given(5) => {
                Ok(Self::OtherAttribute(pattern, group))
            }
            (None, Some(pattern), Some(group)) => Ok(Self::Group(pattern, group)),
            (None, None, _) => Err(a.fail("neither oldValue nor regexPattern is given")),
        }
    }

    fn run<'e>(&self, a: &Arguments<'e>) -> Outcome<'e> {
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
        let new = a.text(4)?.unwrap_or_default();
        let pieces = match self {
            Self::Text(old) => replace_text(&source, old, &new),
            Self::Template(old, template) => replace_text(template, old, &source),
            Self::Pattern(pattern) => replace_pattern(pattern, &source, &new),
            Self::Group(pattern, group) => replace_group(pattern, group, &source, &new),
            Self::OtherAttribute(..) => Ok(String::new()),
        };
        pieces.map(one).map_err(|message| a.fail(message))
    }
}

fn extract<'e>(pattern: &Regex, group: &str, a: &Arguments<'e>) -> Outcome<'e> {
    let Some(other) = a.text(5)? else {
        return Ok(null());
    };
    let found = pattern
        .captures(&other)
        .and_then(|groups| groups.name(group));
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

fn replace_pattern(pattern: &Regex, source: &str, new: &str) -> Result<String, String> {
    let (mut text, mut end) = (String::new(), 0);
    for groups in pattern.captures_iter(source) {
        let Some(whole) = groups.get(0) else { continue };
        push_bounded(
            &mut text,
            source.get(end..whole.start()).unwrap_or_default(),
        )?;
        // A replacement names at most one group per three bytes, so one expansion stays within the square of the bound
        // only if both are near it; checking the parts first keeps it within the bound itself.
        let least = new.matches('$').count().saturating_mul(whole.len());
        if text.len() + new.len() + least > MAX_TEXT_BYTES {
            return Err("the text would be too long".into());
        }
        let mut expanded = String::new();
        groups.expand(new, &mut expanded);
        push_bounded(&mut text, &expanded)?;
        end = whole.end();
    }
    push_bounded(&mut text, source.get(end..).unwrap_or_default())?;
    Ok(text)
}

fn replace_group(pattern: &Regex, group: &str, source: &str, new: &str) -> Result<String, String> {
    let Some(found) = pattern
        .captures(source)
        .and_then(|groups| groups.name(group))
    else {
        return Ok(source.to_owned());
    };
    let mut text = source.get(..found.start()).unwrap_or_default().to_owned();
    push_bounded(&mut text, new)?;
    push_bounded(&mut text, source.get(found.end()..).unwrap_or_default())?;
    Ok(text)
}
