//! The benchmark: builds the programs as they are released and runs the measurement beside them.
//!
//! Measures nothing itself. Trap: whatever else the machine does is in the figures; the share others took is one of them.

use anyhow::Context;

use crate::run;

/// What is built, each with the features it is released with.
const PACKAGES: [&str; 4] = ["hybridge", "agent", "forest", "scenarios"];

/// Builds and measures.
pub fn measure(arguments: &[String]) -> anyhow::Result<()> {
    let mut build = run::cargo();
    build.args(["build", "--release", "--bins"]);
    build.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    run::passes(&mut build)?;
    // Not `cargo run`: for one package alone it would choose other features and compile the outside crates again.
    let target = std::env::current_exe()?;
    let target = target
        .ancestors()
        .nth(2)
        .context("this program stands in no build directory")?;
    run::passes(run::program(target.join("release/bench")).args(arguments))
}
