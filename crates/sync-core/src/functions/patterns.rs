//! Regular expressions among the arguments of functions, and replacing by them.
//!
//! Never loops without paying for each search. Trap: replacements are written as in .NET: `$1`, `${name}`, `$0`, `$$`; what
//! names no group stands for itself.

use std::borrow::Cow;

use regex::Captures;

use crate::expression::{
    compile::{Node, Prepared, constant_text},
    evaluate::{Arguments, Halt, push_bounded},
    pattern::{COMPILE_WORK, Pattern},
};

/// Prepares the pattern in this argument, if it is a constant.
pub(super) fn pattern_of(arguments: &[Option<Node>], index: usize) -> Result<Prepared, String> {
    let text = constant_text(arguments, index);
    Ok(Prepared {
        pattern: text.map(Pattern::new).transpose()?,
        ..Prepared::default()
    })
}

/// The pattern in this argument; `None`: it is null.
pub(super) fn pattern<'e>(
    a: &Arguments<'e>,
    index: usize,
) -> Result<Option<Cow<'e, Pattern>>, Halt> {
    if let Some(prepared) = a.pattern() {
        return Ok(Some(Cow::Borrowed(prepared)));
    }
    let Some(text) = a.text(index)? else {
        return Ok(None);
    };
    a.spend(COMPILE_WORK)?;
    let made = Pattern::new(&text).map_err(|message| a.fail(message))?;
    Ok(Some(Cow::Owned(made)))
}

/// The next match at or after a byte, paid for.
pub(super) fn search<'t>(
    a: &Arguments<'_>,
    pattern: &Pattern,
    text: &'t str,
    at: usize,
) -> Result<Option<Captures<'t>>, Halt> {
    let work = pattern.work(text.len().saturating_sub(at));
    a.spend(work.map_err(|message| a.fail(message))?)?;
    Ok(pattern.captures_at(text, at))
}

/// The text with every match replaced.
pub(super) fn replace_all(
    a: &Arguments<'_>,
    pattern: &Pattern,
    source: &str,
    replacement: &str,
) -> Result<String, Halt> {
    let fail = |message| a.fail(message);
    let (mut text, mut copied, mut at) = (String::new(), 0, 0);
    while at <= source.len() {
        let Some(groups) = search(a, pattern, source, at)? else {
            break;
        };
        let Some(whole) = groups.get(0) else { break };
        let before = source.get(copied..whole.start()).unwrap_or_default();
        push_bounded(&mut text, before).map_err(fail)?;
        expand(&groups, replacement, &mut text).map_err(fail)?;
        copied = whole.end();
        // After an empty match the search goes on behind the next character.
        let rest = source.get(copied..).unwrap_or_default();
        let step = rest.chars().next().map_or(1, char::len_utf8);
        at = copied + if whole.is_empty() { step } else { 0 };
    }
    push_bounded(&mut text, source.get(copied..).unwrap_or_default()).map_err(fail)?;
    Ok(text)
}

/// Appends the replacement with its groups filled in.
fn expand(groups: &Captures<'_>, replacement: &str, text: &mut String) -> Result<(), String> {
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        push_bounded(text, before)?;
        let (filled, left) = reference(groups, after);
        push_bounded(text, filled)?;
        rest = left;
    }
    push_bounded(text, rest)
}

/// What stands after a dollar sign, filled in, and what is left.
fn reference<'t>(groups: &'t Captures<'_>, after: &'t str) -> (&'t str, &'t str) {
    if let Some(left) = after.strip_prefix('$') {
        return ("$", left);
    }
    let braced = after
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'));
    let (name, left) = braced.unwrap_or_else(|| {
        let end = after.find(|c: char| !c.is_ascii_digit());
        after.split_at(end.unwrap_or(after.len()))
    });
    let found = match name.parse::<usize>() {
        Ok(number) if number < groups.len() => Some(groups.get(number)),
        Ok(_) => None,
        Err(_) => groups.name(name).map(Some),
    };
    match found {
        Some(group) => (group.map_or("", |group| group.as_str()), left),
        None => ("$", after),
    }
}
