//! The two test tiers. Quick is what CI runs on every change; full adds the long suites (large directories, hundreds of kills).
//!
//! The tier reaches the tests as `HYBRIDGE_TIER`, the lab's folder as `LAB_ROOT`. Never skips a suite for want of a tool: it
//! installs it or fails. Trap: documentation tests are no part of nextest and are run on their own.

use std::process::Command;

use crate::{fuzz, lab, run};

/// Says to nextest how many tests run at once.
const THREADS: &str = "NEXTEST_TEST_THREADS";

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Minutes.
    Quick,
    /// Everything.
    Full,
}

impl Tier {
    fn name(self) -> &'static str {
        match self {
            Tier::Quick => "quick",
            Tier::Full => "full",
        }
    }
}

/// Builds everything and runs the tests of a tier, of some packages only if any are named.
pub fn run(tier: Tier, packages: &[String], filters: &[String]) -> anyhow::Result<()> {
    lab::prepare()?;
    // Tests that start real processes need the programs, whichever packages are tested. With the tests in the same call the
    // outside crates are compiled once: apart, they would be with other features, and so a second time.
    let mut build = run::cargo();
    build.args(["build", "--bins"]);
    if packages.is_empty() {
        build.args(["--workspace", "--tests"]);
    } else {
        build.args(["--package", "hybridge", "--package", "agent"]);
    }
    run::passes(&mut build)?;
    let has_nextest = run::has_cargo_command("nextest");
    let mut tests = in_tier(tier);
    if has_nextest {
        tests.args(["nextest", "run", "--no-fail-fast", "--no-tests", "pass"]);
        if tier == Tier::Full {
            tests.args(["--profile", "full"]);
        }
        if std::env::var_os(THREADS).is_none() {
            tests.env(THREADS, at_once().to_string());
        }
    } else {
        tests.args(["test", "--no-fail-fast"]);
    }
    run::passes(
        select(&mut tests, packages)
            .args(if has_nextest { &[][..] } else { &["--"] })
            .args(filters),
    )?;
    if has_nextest && filters.is_empty() {
        let mut documentation = in_tier(tier);
        documentation.args(["test", "--doc", "--quiet"]);
        // A package without a library has no documentation tests and cargo refuses it by name.
        let libraries: Vec<String> = packages
            .iter()
            .filter(|name| *name != "xtask" && *name != "hybridge")
            .cloned()
            .collect();
        if packages.is_empty() || !libraries.is_empty() {
            run::passes(select(&mut documentation, &libraries))?;
        }
    }
    if tier == Tier::Full && packages.is_empty() && filters.is_empty() {
        fuzz::run(None, fuzz::SECONDS_IN_FULL)?;
    }
    Ok(())
}

/// How many tests run at once: a test of real processes waits for half of its time.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(2, |processors| 2 * processors.get())
}

fn in_tier(tier: Tier) -> Command {
    let mut command = run::cargo();
    command
        .env("HYBRIDGE_TIER", tier.name())
        .env("LAB_ROOT", lab::root());
    command
}

fn select<'a>(command: &'a mut Command, packages: &[String]) -> &'a mut Command {
    if packages.is_empty() {
        return command.arg("--workspace");
    }
    command.args(packages.iter().flat_map(|name| ["--package", name]))
}
