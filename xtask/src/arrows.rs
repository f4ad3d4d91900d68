//! Who may depend on whom: the arrows of ARCHITECTURE.md as a table, checked against the manifests.
//!
//! Never looks at source text: a crate that is not declared cannot be used. Trap: an arrow that is allowed here but not
//! drawn in ARCHITECTURE.md is a mistake of whoever added it; change both in one commit.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::run;

/// One crate of ours: what it may use, and outside crates that would break what it promises.
struct Rule {
    name: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
}

const IMPURE: &[&str] = &[
    "tokio",
    "async-trait",
    "rusqlite",
    "reqwest",
    "hyper",
    "axum",
    "rustls",
    "fastrand",
    "tracing",
];

const RULES: &[Rule] = &[
    Rule {
        name: "sync-core",
        may_use: &[],
        never: IMPURE,
    },
    Rule {
        name: "wire",
        may_use: &["sync-core"],
        never: IMPURE,
    },
    Rule {
        name: "negotiate",
        may_use: &[],
        never: &["rusqlite", "reqwest", "axum", "rustls"],
    },
    Rule {
        name: "ldap",
        may_use: &["negotiate"],
        never: &["rusqlite", "reqwest", "axum"],
    },
    Rule {
        name: "connectors",
        may_use: &["sync-core", "ldap", "negotiate", "directory"],
        never: &["rusqlite", "axum"],
    },
    Rule {
        name: "fold",
        may_use: &[],
        never: &["tokio", "reqwest", "axum", "hyper", "rustls"],
    },
    Rule {
        name: "engine",
        may_use: &["sync-core", "fold"],
        never: &["reqwest", "axum", "hyper", "rustls"],
    },
    Rule {
        name: "directory",
        may_use: &["fold"],
        never: &["reqwest", "axum", "hyper", "rustls", "tokio"],
    },
    Rule {
        name: "logs",
        may_use: &[],
        never: &["tokio", "rusqlite", "reqwest", "axum", "hyper", "rustls"],
    },
    Rule {
        name: "server",
        may_use: &[
            "sync-core",
            "wire",
            "engine",
            "directory",
            "connectors",
            "logs",
        ],
        never: &["rusqlite"],
    },
    Rule {
        name: "agent",
        may_use: &["sync-core", "wire", "connectors", "negotiate", "logs"],
        never: &["rusqlite", "axum"],
    },
    Rule {
        name: "updater",
        may_use: &["sync-core", "wire", "agent"],
        never: &["rusqlite", "axum"],
    },
    Rule {
        name: "forest",
        may_use: &[],
        never: &["rusqlite"],
    },
    Rule {
        name: "hybridge",
        may_use: &[
            "sync-core",
            "wire",
            "server",
            "agent",
            "forest",
            "connectors",
            "ldap",
            "directory",
        ],
        never: &["axum"],
    },
    // Only tests: it puts the whole together as the programs do, and nothing may use it.
    Rule {
        name: "scenarios",
        may_use: &[
            "sync-core",
            "wire",
            "engine",
            "directory",
            "server",
            "agent",
            "forest",
            "connectors",
            "ldap",
        ],
        never: &[],
    },
    Rule {
        name: "xtask",
        may_use: &[],
        never: IMPURE,
    },
];

/// Arrows of tests only, (who, what): the agent is tested against the real server.
const IN_TESTS: &[(&str, &str)] = &[("agent", "server")];

/// One TLS provider, and no C library that the system would have to bring.
const BANNED_FROM_TREE: &[&str] = &["ring", "openssl-sys", "native-tls"];

/// Checks the manifests and the resolved tree.
pub fn check() -> anyhow::Result<()> {
    let text = run::output(run::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value =
        serde_json::from_str(&text).context("cargo metadata printed something that is not JSON")?;
    let mut problems = wrong_arrows(&metadata);
    let tree = run::tree("{p}")?;
    problems.extend(banned_crates(&tree));
    for problem in &problems {
        eprintln!("arrows: {problem}");
    }
    if !problems.is_empty() {
        bail!("{} of the dependencies must not be there", problems.len());
    }
    eprintln!("arrows: all as drawn");
    Ok(())
}

fn wrong_arrows(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
            problems.push(format!(
                "{name} has no line in the table of xtask/src/arrows.rs"
            ));
            continue;
        };
        let dependencies = package["dependencies"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        for dependency in dependencies {
            let used = dependency["name"].as_str().unwrap_or_default();
            let in_tests = dependency["kind"].as_str() == Some("dev");
            let is_ours = ours.contains(used);
            if is_ours && !may_use(rule, used, in_tests) {
                problems.push(format!("{name} must not use {used}"));
            }
            if !is_ours && !in_tests && rule.never.contains(&used) {
                problems.push(format!("{name} must not use the outside crate {used}"));
            }
        }
    }
    problems
}

fn may_use(rule: &Rule, used: &str, in_tests: bool) -> bool {
    // The forest shares no code with what it tests, so the tests of any crate but the pure one may use it.
    let forest_for_tests = used == "forest" && rule.name != "sync-core";
    rule.may_use.contains(&used)
        || (in_tests && (forest_for_tests || IN_TESTS.contains(&(rule.name, used))))
}

fn banned_crates(tree: &str) -> Vec<String> {
    let present: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let banned = BANNED_FROM_TREE
        .iter()
        .filter(|name| present.contains(*name));
    banned
        .map(|name| {
            format!("{name} is in the tree; `cargo tree --invert {name}` shows who brought it")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(name: &str, used: &str, kind: Option<&str>) -> Vec<String> {
        let package =
            |name: &str, dependencies: Value| json!({"name": name, "dependencies": dependencies});
        let metadata = json!({"packages": [
            package(name, json!([{"name": used, "kind": kind}])),
            package("engine", json!([])), package("forest", json!([])), package("server", json!([])),
        ]});
        wrong_arrows(&metadata)
    }

    #[test]
    fn refuses_an_arrow_that_is_not_drawn() {
        assert_eq!(
            check("connectors", "engine", None),
            ["connectors must not use engine"]
        );
        assert_eq!(
            check("agent", "server", None),
            ["agent must not use server"]
        );
    }

    #[test]
    fn lets_tests_use_the_forest_but_not_the_core() {
        assert!(check("connectors", "forest", Some("dev")).is_empty());
        assert_eq!(
            check("connectors", "forest", None),
            ["connectors must not use forest"]
        );
        assert_eq!(
            check("sync-core", "forest", Some("dev")),
            ["sync-core must not use forest"]
        );
    }

    #[test]
    fn keeps_the_core_pure() {
        assert_eq!(
            check("sync-core", "tokio", None),
            ["sync-core must not use the outside crate tokio"]
        );
        assert!(check("sync-core", "serde", None).is_empty());
    }

    #[test]
    fn names_a_crate_without_a_rule() {
        assert_eq!(
            check("newcomer", "serde", None),
            ["newcomer has no line in the table of xtask/src/arrows.rs"]
        );
    }

    #[test]
    fn finds_a_banned_crate_by_its_whole_name() {
        assert!(banned_crates("stringprep v0.1.5\nrustls v0.23.1\n").is_empty());
        assert_eq!(banned_crates("rustls v0.23.1\nring v0.17.8 (*)\n").len(), 1);
    }
}
