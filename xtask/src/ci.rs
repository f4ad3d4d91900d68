//! All that a change must pass, cheapest first, ending at the first step that fails.
//!
//! Never differs from what a contributor can run: CI calls exactly this. Trap: `cargo deny` is used where it is installed;
//! the checks that need no tool (arrows, licences) run always.

use crate::{arrows, codes, licences, run, security, suite, tidy};

/// Crates whose public items must all be documented.
const DOCUMENTED: &[&str] = &["sync-core", "wire", "connectors"];

/// Runs all steps.
pub fn run() -> anyhow::Result<()> {
    run::passes(run::cargo().args(["fmt", "--all", "--check"]))?;
    arrows::check()?;
    licences::check()?;
    codes::check()?;
    security::check()?;
    if run::has_cargo_command("deny") {
        run::passes(run::cargo().args(["deny", "--workspace", "check"]))?;
    } else {
        eprintln!(
            "ci: cargo-deny is not installed, so advisories are not looked up; `cargo install cargo-deny` adds them"
        );
    }
    run::passes(run::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    let documented = DOCUMENTED.iter().flat_map(|name| ["--package", *name]);
    run::passes(
        run::cargo()
            .env("RUSTDOCFLAGS", "-D warnings -D missing_docs")
            .args(["doc", "--no-deps"])
            .args(documented),
    )?;
    tidy::report()?;
    suite::run(suite::Tier::Quick, &[], &[])
}
