//! What the programs are built from: a bill of materials (CycloneDX 1.5) and the same for people.
//!
//! Read from the resolved tree, without the crates that only tests and builds use. Trap: it names what may be linked on this
//! platform; what the linker throws away is named, too.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use super::Dist;
use crate::run;

/// The files.
pub struct Bill {
    pub json: PathBuf,
    pub text: PathBuf,
}

/// Writes both.
pub fn write(dist: &Dist) -> anyhow::Result<Bill> {
    let tree = run::output(run::cargo().args([
        "tree",
        "--package",
        "hybridge",
        "--package",
        "agent",
        "--package",
        "updater",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ]))?;
    let parts: BTreeSet<(&str, &str, &str)> = tree.lines().filter_map(part).collect();
    let components: Vec<_> = parts
        .iter()
        .map(|(name, version, licence)| {
            json!({
                "type": "library", "name": name, "version": version,
                "purl": format!("pkg:cargo/{name}@{version}"),
                // An old way to write OR.
                "licenses": [{"expression": licence.replace('/', " OR ")}],
            })
        })
        .collect();
    let whole = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "application", "name": "hybridge", "version": dist.version}},
        "components": components,
    });
    let bill = Bill {
        json: dist.work.join("bill-of-materials.cdx.json"),
        text: dist.work.join("third-party.txt"),
    };
    std::fs::write(&bill.json, format!("{whole:#}\n"))?;
    let lines: String = parts
        .iter()
        .map(|(name, version, licence)| format!("{name} {version}: {licence}\n"))
        .collect();
    let head = "What the programs of Hybridge are built from, by crate, version and licence.\n\n";
    std::fs::write(&bill.text, format!("{head}{lines}"))?;
    for path in [&bill.json, &bill.text] {
        let name = path.file_name().unwrap_or_default();
        std::fs::copy(path, dist.out.join(name))?;
    }
    Ok(bill)
}

/// Name, version and licence of a line; ours and repeated ones (without a registry) are none.
fn part(line: &str) -> Option<(&str, &str, &str)> {
    let (package, licence) = line.split_once('|')?;
    if package.contains('/') {
        return None;
    }
    let mut words = package.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.trim_start_matches('v');
    Some((name, version, licence.trim_end_matches("(*)").trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_part_unless_it_is_ours() {
        assert_eq!(
            part("serde v1.0.2 (*)|MIT OR Apache-2.0 (*)"),
            Some(("serde", "1.0.2", "MIT OR Apache-2.0"))
        );
        assert_eq!(part("wire v0.0.0 (/somewhere/crates/wire)|MIT"), None);
        assert_eq!(part(""), None);
    }
}
