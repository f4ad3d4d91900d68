//! Every test that docs/security.md names exists: a defence whose test was renamed or removed has none.
//!
//! Reads the table as text and looks for the functions in the crates. Trap: it looks for names; whether the test shows what the
//! table says is for whoever reads both.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::run;

/// Columns of the table.
const COLUMNS: usize = 3;

/// A test as the table names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    krate: String,
    path: String,
}

/// Checks the page, and names every test that is not there.
pub fn check() -> anyhow::Result<()> {
    let page = run::root().join("docs/security.md");
    let text =
        fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let mut problems = Vec::new();
    let mut count = 0;
    for row in rows(&text) {
        let (named, is_tested) = tests_of(&row[COLUMNS - 1]);
        if !is_tested {
            problems.push(format!("{}: no test is named", row[0]));
        }
        for test in named {
            count += 1;
            if !exists(&folder_of(&test.krate), &test.path)? {
                problems.push(format!(
                    "{}: there is no test {} in {}",
                    row[0], test.path, test.krate
                ));
            }
        }
    }
    for problem in &problems {
        eprintln!("security: {problem}");
    }
    if count == 0 || !problems.is_empty() {
        bail!("{} problems with docs/security.md", problems.len());
    }
    eprintln!("security: {count} tests are named, and all are there");
    Ok(())
}

/// The rows of the table, without its head.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| line.starts_with('|'));
    let cells = lines.map(|line| {
        let inside = line.trim_matches('|');
        inside
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    });
    let rows = cells.filter(|row: &Vec<String>| row.len() == COLUMNS);
    rows.skip(1)
        .filter(|row| !row[0].starts_with("--"))
        .collect()
}

/// The tests of a cell, and whether it names anything that shows a defence. `crate: path` sets the crate for those that follow.
fn tests_of(cell: &str) -> (Vec<Named>, bool) {
    let mut krate = String::new();
    let mut named = Vec::new();
    let mut is_tested = false;
    for span in cell.split('`').skip(1).step_by(2) {
        if span.starts_with("cargo xtask") {
            is_tested = true;
            continue;
        }
        let path = match span.split_once(": ") {
            Some((of, path)) => {
                of.clone_into(&mut krate);
                path
            }
            None => span,
        };
        // Another word in code, such as the name of a fuzzing target.
        if krate.is_empty() || !path.contains("::") && !span.contains(": ") {
            continue;
        }
        is_tested = true;
        named.push(Named {
            krate: krate.clone(),
            path: path.to_owned(),
        });
    }
    (named, is_tested)
}

/// The folder of a crate; the chores are none of the product's.
fn folder_of(krate: &str) -> PathBuf {
    match krate {
        "xtask" => run::root().join(krate),
        _ => run::root().join("crates").join(krate),
    }
}

/// Whether a crate has a test of this path: a function of that name in a file that belongs to the path, or a module.
fn exists(folder: &Path, path: &str) -> anyhow::Result<bool> {
    let mut parts: Vec<&str> = path.split("::").filter(|part| *part != "tests").collect();
    let name = parts.pop().unwrap_or_default();
    let function = format!("fn {name}(");
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("there is no crate {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let is_source = path.extension().is_some_and(|end| end == "rs");
            let stem = path.with_extension("");
            let place = stem.to_string_lossy();
            let is_there = parts.iter().all(|part| place.contains(part));
            if !is_source || !is_there {
                continue;
            }
            let is_module = parts.is_empty() && stem.file_name().is_some_and(|stem| stem == name);
            if is_module || fs::read_to_string(&path)?.contains(&function) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_crates_paths_and_what_follows_them() {
        let cell = "`agent: enrolment::one`, `leases::two`; `wire: frame::tests::three`, `cargo xtask fuzz` (target `ldap_message`)";
        let (named, is_tested) = tests_of(cell);
        let told: Vec<String> = named
            .iter()
            .map(|test| format!("{} {}", test.krate, test.path))
            .collect();
        assert!(is_tested);
        assert_eq!(
            told,
            [
                "agent enrolment::one",
                "agent leases::two",
                "wire frame::tests::three"
            ]
        );
        assert!(!tests_of("none yet").1);
    }

    #[test]
    fn finds_a_test_where_it_is_and_nowhere_else() {
        let own = run::root().join("xtask");
        assert!(
            exists(
                &own,
                "security::tests::reads_crates_paths_and_what_follows_them"
            )
            .unwrap()
        );
        assert!(!exists(&own, "codes::reads_crates_paths_and_what_follows_them").unwrap());
        assert!(!exists(&own, "security::there_is_no_such_test").unwrap());
    }

    #[test]
    fn the_head_of_a_table_is_no_row() {
        let text = "| Threat | Defence | Test |\n|---|---|---|\n| a | b | `agent: c::d` |\n";
        assert_eq!(rows(text), [["a", "b", "`agent: c::d`"]]);
    }
}
