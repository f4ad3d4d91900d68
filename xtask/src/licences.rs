//! The licence of every crate that is built for Linux, against the allow-list of deny.toml.
//!
//! `cargo deny check` does this and more (advisories, duplicates); this is the part that needs nothing installed and no
//! network. Trap: the list is read from deny.toml by its layout, one entry per line; keep it so.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use crate::run;

/// What deny.toml allows: for all, and (crate, licence) for single ones.
struct Allowed {
    for_all: BTreeSet<String>,
    exceptions: BTreeSet<(String, String)>,
}

/// Checks every crate of the resolved tree.
pub fn check() -> anyhow::Result<()> {
    let path = run::root().join("deny.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let allowed = read_allowed(&text);
    let tree = run::tree("{p}|{l}")?;
    let crates: BTreeSet<(&str, &str)> = tree.lines().filter_map(read_crate).collect();
    let refused: Vec<_> = crates
        .iter()
        .filter(|(name, licence)| !is_allowed(&allowed, name, licence))
        .collect();
    for (name, licence) in &refused {
        eprintln!("licences: {name} is under \"{licence}\", which deny.toml does not allow");
    }
    if !refused.is_empty() {
        bail!(
            "{} crates are under a licence that is not allowed",
            refused.len()
        );
    }
    eprintln!("licences: {} crates, all allowed", crates.len());
    Ok(())
}

/// Name and licence of a line of `cargo tree`; a line without them (blank, between roots) is none.
fn read_crate(line: &str) -> Option<(&str, &str)> {
    let (package, licence) = line.split_once('|')?;
    Some((
        package.split_whitespace().next()?,
        licence.trim_end_matches("(*)").trim(),
    ))
}

fn read_allowed(text: &str) -> Allowed {
    let mut allowed = Allowed {
        for_all: BTreeSet::new(),
        exceptions: BTreeSet::new(),
    };
    let mut section = "";
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        if line.starts_with('[') {
            section = line;
        }
        if section != "[licenses]" {
            continue;
        }
        let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        match words.as_slice() {
            [licence, name] if line.contains("crate =") => {
                allowed
                    .exceptions
                    .insert(((*name).to_owned(), (*licence).to_owned()));
            }
            [licence] => {
                allowed.for_all.insert((*licence).to_owned());
            }
            _ => {}
        }
    }
    allowed
}

/// Whether an SPDX expression can be satisfied with what is allowed; `/` is the old way to write OR.
fn is_allowed(allowed: &Allowed, name: &str, licence: &str) -> bool {
    let spaced = licence
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "+WITH+");
    let mut words = spaced.split_whitespace().peekable();
    let permits = |word: &str| {
        let plain = word.replace("+WITH+", " WITH ");
        allowed.for_all.contains(&plain) || allowed.exceptions.contains(&(name.to_owned(), plain))
    };
    let satisfied = any_of(&mut words, &permits);
    satisfied && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, permits: &dyn Fn(&str) -> bool) -> bool {
    let mut satisfied = all_of(words, permits);
    while words.next_if_eq(&"OR").is_some() {
        satisfied |= all_of(words, permits);
    }
    satisfied
}

fn all_of(words: &mut Words<'_>, permits: &dyn Fn(&str) -> bool) -> bool {
    let mut satisfied = one(words, permits);
    while words.next_if_eq(&"AND").is_some() {
        satisfied &= one(words, permits);
    }
    satisfied
}

fn one(words: &mut Words<'_>, permits: &dyn Fn(&str) -> bool) -> bool {
    match words.next() {
        Some("(") => {
            let satisfied = any_of(words, permits);
            satisfied & words.next_if_eq(&")").is_some()
        }
        Some(word) => permits(word),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(licence: &str) -> bool {
        let text = "[advisories]\nignore = [\n  \"RUSTSEC-0\",\n]\n[licenses]\nallow = [\n  \"MIT\",\n  \"ISC\",\n  \"Apache-2.0 WITH LLVM-exception\",\n]\n\
                    exceptions = [\n  { allow = [\"MPL-2.0\"], crate = \"ldap3_proto\" },\n]\n[bans]\n  \"GPL-3.0\",\n";
        is_allowed(&read_allowed(text), "ldap3_proto", licence)
    }

    #[test]
    fn understands_spdx_expressions() {
        assert!(check("MIT"));
        assert!(check("GPL-3.0/MIT"));
        assert!(check("GPL-3.0 OR (ISC AND MIT)"));
        assert!(check("Apache-2.0 WITH LLVM-exception OR GPL-3.0"));
        assert!(!check("MIT AND GPL-3.0"));
        assert!(!check("(MIT OR ISC) AND GPL-3.0"));
        assert!(!check("Apache-2.0"));
    }

    #[test]
    fn refuses_what_is_not_an_expression() {
        assert!(!check(""));
        assert!(!check("(MIT"));
        assert!(!check("MIT ISC"));
    }

    #[test]
    fn exceptions_hold_for_their_crate_only() {
        assert!(check("MPL-2.0"));
        let allowed =
            read_allowed("[licenses]\n{ allow = [\"MPL-2.0\"], crate = \"ldap3_proto\" },\n");
        assert!(!is_allowed(&allowed, "other", "MPL-2.0"));
    }

    #[test]
    fn lists_of_other_sections_are_not_licences() {
        assert!(!check("RUSTSEC-0"));
        assert!(!check("GPL-3.0"));
    }
}
