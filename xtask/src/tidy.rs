//! Lists files and functions that have grown long. A guide for the eye: nothing is refused for its size.
//!
//! Counts lines of `*.rs` under crates/ and xtask/, tests at a file's end left out. Trap: a function is found by its
//! indentation, which holds as long as `cargo fmt` is applied.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::run;

const FILE_LOOK_AGAIN: usize = 400;
const FILE_SAY_WHY: usize = 800;
const FUNCTION_LOOK_AGAIN: usize = 40;
const FUNCTION_SAY_WHY: usize = 70;

/// Prints the report.
pub fn report() -> anyhow::Result<()> {
    let root = run::root();
    let mut files = Vec::new();
    collect(&root.join("crates"), &mut files)?;
    collect(&root.join("xtask"), &mut files)?;
    files.sort();
    for path in &files {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(&root).unwrap_or(path).display();
        for finding in findings(&text) {
            println!("{shown}{finding}");
        }
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn findings(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines
        .iter()
        .position(|line| *line == "#[cfg(test)]")
        .unwrap_or(lines.len());
    let code = lines.get(..end).unwrap_or_default();
    let mut found = Vec::new();
    if code.len() > FILE_LOOK_AGAIN {
        let reason = if code.len() > FILE_SAY_WHY {
            reason(code)
        } else {
            String::new()
        };
        found.push(format!(": {} lines{reason}", code.len()));
    }
    for (start, length) in functions(code) {
        if length > FUNCTION_LOOK_AGAIN {
            let around = code
                .get(start.saturating_sub(3)..start + length)
                .unwrap_or_default();
            let reason = if length > FUNCTION_SAY_WHY {
                reason(around)
            } else {
                String::new()
            };
            let name = code.get(start).map_or("", |line| name_of(line));
            found.push(format!(":{}: {name} has {length} lines{reason}", start + 1));
        }
    }
    found
}

/// The reason given with a `// LONG:` line, or that there is none.
fn reason(lines: &[&str]) -> String {
    let given = lines.iter().find_map(|line| line.split_once("// LONG:"));
    given.map_or_else(
        || ", and no `// LONG:` line says why".to_owned(),
        |(_, why)| format!(" ({})", why.trim()),
    )
}

/// First line and number of lines of every function with a body.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        if !is_function(line) || line.trim_end().ends_with(['}', ';']) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", " ".repeat(indent));
        let length = lines
            .iter()
            .skip(start)
            .position(|line| line.trim_end() == closing);
        found.extend(length.map(|length| (start, length + 1)));
    }
    found
}

fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.find(|word| {
        !matches!(
            *word,
            "pub" | "pub(crate)" | "pub(super)" | "async" | "const" | "unsafe" | "extern"
        )
    }) == Some("fn")
}

fn name_of(line: &str) -> &str {
    let after = line.split_once("fn ").map_or(line, |(_, after)| after);
    after.split(['(', '<']).next().unwrap_or(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize, first: &str) -> String {
        format!(
            "pub fn long(a: u8) {{\n{first}\n{}}}\n",
            "    a;\n".repeat(lines - 3)
        )
    }

    #[test]
    fn short_code_is_not_mentioned() {
        assert!(findings(&function(40, "")).is_empty());
    }

    #[test]
    fn long_functions_are_named_with_their_reason() {
        assert_eq!(findings(&function(41, "")), [":1: long has 41 lines"]);
        assert_eq!(
            findings(&function(71, "")),
            [":1: long has 71 lines, and no `// LONG:` line says why"]
        );
        assert_eq!(
            findings(&function(71, "    // LONG: a table")),
            [":1: long has 71 lines (a table)"]
        );
    }

    #[test]
    fn tests_do_not_count() {
        let text = format!(
            "fn short() {{\n}}\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "// line\n".repeat(900)
        );
        assert!(findings(&text).is_empty());
    }
}
