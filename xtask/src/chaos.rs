//! Several agents while server, agents and network fail at random: builds the programs and runs it beside them.
//!
//! Trap: it is no benchmark; the programs are those of the tests, so the times are upper bounds.

use anyhow::Context;

use crate::run;

/// How much of it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Agents for the one source
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=50))]
    agents: u32,
    /// Faults, one after the other
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    faults: u32,
    /// People in the source
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(20..=200_000))]
    people: u32,
    /// Of faults and changes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object last, instead of a sentence
    #[arg(long)]
    json: bool,
}

/// Builds and runs.
pub fn go(arguments: &Arguments) -> anyhow::Result<()> {
    run::passes(run::cargo().args(["build", "--workspace", "--bins"]))?;
    let target = std::env::current_exe()?;
    let target = target
        .ancestors()
        .nth(2)
        .context("this program stands in no build directory")?;
    let mut chaos = run::program(target.join("debug/chaos"));
    for (name, number) in [
        ("--agents", u64::from(arguments.agents)),
        ("--faults", arguments.faults.into()),
        ("--people", arguments.people.into()),
        ("--seed", arguments.seed),
    ] {
        chaos.args([name, &number.to_string()]);
    }
    if arguments.json {
        chaos.arg("--json");
    }
    run::passes(&mut chaos)
}
