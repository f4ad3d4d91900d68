//! The fault matrix: builds the programs and runs it beside them, as root.
//!
//! Makes no fault itself. Trap: it makes network namespaces and rules of a firewall; whatever it made is gone when it ends, unless
//! it is killed.

use crate::run;

/// Which rows.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only rows whose names hold one of these words
    words: Vec<String>,
    /// Looks at an agent that is well, before the rows
    #[arg(long)]
    healthy: Option<u32>,
    /// Print one JSON object last
    #[arg(long)]
    json: bool,
}

/// Builds and runs.
pub fn matrix(arguments: &Arguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        run::is_root(),
        "namespaces and firewalls need root: run it as root"
    );
    let mut build = run::cargo();
    build.args(["build", "--workspace", "--bins"]);
    run::passes(&mut build)?;
    let mut faults = run::program(run::root().join("target/debug/faults"));
    faults.args(arguments.json.then_some("--json"));
    let healthy = arguments.healthy.map(|count| count.to_string());
    faults.args(
        healthy
            .iter()
            .flat_map(|count| ["--healthy", count.as_str()]),
    );
    faults.args(&arguments.words);
    run::passes(&mut faults)
}
