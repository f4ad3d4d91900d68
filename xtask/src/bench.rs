//! The benchmark: builds the programs as they are released and runs the measurement beside them.
//!
//! Measures nothing itself. Trap: whatever else the machine does is in the figures; the share others took is one of them.

use anyhow::Context;

use crate::run;

/// What is built, each with the features it is released with.
const PACKAGES: [&str; 4] = ["hybridge", "agent", "forest", "scenarios"];

/// What is measured, and of what.
#[derive(clap::Args)]
pub struct Arguments {
    /// What the run is about; `preview` measures that and the initial cycle, every other run the other three, `delta` with a
    /// thousand changes
    what: What,
    /// The directory that is read
    #[arg(long, default_value = "slapd")]
    source: Source,
    /// People in it
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(4..=2_000_000))]
    people: u32,
    /// Agents, for `agents`
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    agents: u32,
    /// Single changes, one after the other [default: 1000 for `delta`, otherwise 100]
    #[arg(long)]
    changes: Option<u32>,
    /// Seconds between two reads where nothing rings [default: the product's]
    #[arg(long)]
    interval: Option<u32>,
    /// Print one JSON object last, instead of a table
    #[arg(long)]
    json: bool,
    /// Leave the data directories for a look
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// The first cycle
    Initial,
    /// Single changes
    Delta,
    /// Cycles in which nothing changed
    Unchanged,
    /// Previews and idfix over everything
    Preview,
    /// Many agents with nothing to do, and all of them at once after a restart of the server; needs no directory
    Agents,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Source {
    /// OpenLDAP, loaded offline; measured beside a second one that replicates
    Slapd,
    /// The in-memory directory in the dialect of Active Directory
    Forest,
    /// A Samba domain controller of the lab, loaded offline; needs root and the lab's packages
    Samba,
}

impl Arguments {
    /// As the benchmark takes them.
    fn words(&self) -> Vec<String> {
        let what = match self.what {
            What::Initial => "initial",
            What::Delta => "delta",
            What::Unchanged => "unchanged",
            What::Preview => "preview",
            What::Agents => "agents",
        };
        let source = match self.source {
            Source::Slapd => "slapd",
            Source::Forest => "forest",
            Source::Samba => "samba",
        };
        let mut words: Vec<String> = vec![what.into(), "--source".into(), source.into()];
        words.extend(["--people".into(), self.people.to_string()]);
        words.extend(["--agents".into(), self.agents.to_string()]);
        for (name, number) in [("--changes", self.changes), ("--interval", self.interval)] {
            words.extend(
                number
                    .into_iter()
                    .flat_map(|n| [name.into(), n.to_string()]),
            );
        }
        for (name, is_set) in [("--json", self.json), ("--keep", self.keep)] {
            words.extend(is_set.then(|| name.into()));
        }
        words
    }
}

/// Builds and measures.
pub fn measure(arguments: &Arguments) -> anyhow::Result<()> {
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
    run::passes(run::program(target.join("release/bench")).args(arguments.words()))
}
