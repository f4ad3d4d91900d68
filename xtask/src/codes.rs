//! Every error code has a page in English and in Dutch with the four headings a reader relies on, no page is left over, and
//! every code is raised somewhere.
//!
//! Reads `codes!` of sync-core as text instead of depending on sync-core, which does not build when a page is missing.
//! Trap: the first word of a line inside `codes! { … }` is the name.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};

use crate::run;

const ENGLISH: [&str; 4] = [
    "## What happened",
    "## Cause",
    "## What to do",
    "## Where it shows",
];
const DUTCH: [&str; 4] = [
    "## Wat er gebeurd is",
    "## Oorzaak",
    "## Wat te doen",
    "## Waar het te zien is",
];

/// Checks all pages and names every problem.
pub fn check() -> anyhow::Result<()> {
    let source = run::root().join("crates/sync-core/src/code.rs");
    let text = std::fs::read_to_string(&source)
        .with_context(|| format!("cannot read {}", source.display()))?;
    let codes = codes_in(&text);
    if codes.is_empty() {
        bail!("no codes found in {}", source.display());
    }
    let folder = run::root().join("docs/codes");
    let mut problems = check_folder(&folder, &codes, ENGLISH)?;
    problems.extend(check_folder(&folder.join("nl"), &codes, DUTCH)?);
    problems.extend(raised_nowhere(&codes)?);
    for problem in &problems {
        eprintln!("codes: {problem}");
    }
    if !problems.is_empty() {
        bail!("{} problems with the pages of the codes", problems.len());
    }
    eprintln!(
        "codes: {} codes, each raised and with both pages",
        codes.len()
    );
    Ok(())
}

fn codes_in(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .skip_while(|line| line.trim() != "codes! {")
        .skip(1);
    let inside = lines.take_while(|line| line.trim() != "}").map(str::trim);
    let entries = inside.filter(|line| !line.is_empty() && !line.starts_with("//"));
    entries
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn check_folder(
    folder: &Path,
    codes: &BTreeSet<String>,
    headings: [&str; 4],
) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for code in codes {
        let path = folder.join(format!("{code}.md"));
        match std::fs::read_to_string(&path) {
            Ok(page) => problems.extend(
                faults_of(&page, code, headings)
                    .into_iter()
                    .map(|fault| format!("{}: {fault}", path.display())),
            ),
            Err(error) => problems.push(format!("{}: {error}", path.display())),
        }
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|extension| extension == "md")
            && !codes.contains(&stem)
            && stem != "README"
        {
            problems.push(format!("{}: there is no such code", path.display()));
        }
    }
    Ok(problems)
}

/// Codes that no source file of the product mentions, but the list itself.
fn raised_nowhere(codes: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
    let mut missing = codes.clone();
    let mut folders = vec![run::root().join("crates")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match path.is_dir() {
                true if !["tests", "examples", "forest", "scenarios"].contains(&&*name) => {
                    folders.push(path);
                }
                false if name.ends_with(".rs") && !path.ends_with("sync-core/src/code.rs") => {
                    let text = std::fs::read_to_string(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    strike_out(&text, &mut missing);
                }
                _ => {}
            }
        }
    }
    Ok(missing
        .iter()
        .map(|code| format!("{code}: nothing raises it"))
        .collect())
}

/// Takes those off the list that a text mentions before its tests.
fn strike_out(text: &str, missing: &mut BTreeSet<String>) {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    for mention in product.split("Code::").skip(1) {
        let end = mention
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(mention.len());
        if let Some(name) = mention.get(..end) {
            missing.remove(name);
        }
    }
}

fn faults_of(page: &str, code: &str, headings: [&str; 4]) -> Vec<String> {
    let mut faults = Vec::new();
    if page.lines().next() != Some(format!("# {code}").as_str()) {
        faults.push(format!("does not begin with \"# {code}\""));
    }
    let mut lines = page.lines();
    for heading in headings {
        if !lines.any(|line| line == heading) {
            faults.push(format!("\"{heading}\" is missing or not in its place"));
            break;
        }
        if !lines
            .clone()
            .take_while(|line| !line.starts_with("## "))
            .any(|line| !line.trim().is_empty())
        {
            faults.push(format!("nothing stands under \"{heading}\""));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# DiskFull\n\nText.\n\n## What happened\n\na\n\n## Cause\n\nb\n\n## What to do\n\nc\n\n## Where it shows\n\nd\n";

    #[test]
    fn reads_the_names_of_the_codes() {
        let text = "macro_rules! codes { x }\ncodes! {\n    // disk\n    DiskFull Us Later \"the disk is full\";\n    NotFound Rules Never \"no\";\n}\nimpl X {}\n";
        assert_eq!(
            codes_in(text).into_iter().collect::<Vec<_>>(),
            ["DiskFull", "NotFound"]
        );
    }

    #[test]
    fn what_only_tests_mention_is_raised_nowhere() {
        let mut missing = ["DiskFull", "NotFound", "Conflict"]
            .map(str::to_owned)
            .into();
        let text =
            "fn f() { Refusal::new(Code::DiskFull) }\n#[cfg(test)]\nmod tests { Code::NotFound }";
        strike_out(text, &mut missing);
        assert_eq!(
            missing.into_iter().collect::<Vec<_>>(),
            ["Conflict", "NotFound"]
        );
    }

    #[test]
    fn accepts_a_whole_page() {
        assert!(faults_of(GOOD, "DiskFull", ENGLISH).is_empty());
    }

    #[test]
    fn names_what_a_page_lacks() {
        assert_eq!(
            faults_of(GOOD, "Other", ENGLISH),
            ["does not begin with \"# Other\""]
        );
        let without = GOOD.replace("## Cause", "## Because");
        assert_eq!(
            faults_of(&without, "DiskFull", ENGLISH),
            ["\"## Cause\" is missing or not in its place"]
        );
        let empty = GOOD.replace("\nc\n", "\n\n");
        assert_eq!(
            faults_of(&empty, "DiskFull", ENGLISH),
            ["nothing stands under \"## What to do\""]
        );
    }
}
