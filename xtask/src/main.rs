//! The project's chores, as `cargo xtask <chore>`: what a contributor and CI run is the same command.
//!
//! Never part of the product, and depends on no crate of it, so that the checks still run when the product does not build.
//! Trap: a chore that needs root or Debian packages says so in one line and fails; it never passes by doing less.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod arrows;
mod bench;
mod chaos;
mod ci;
mod codes;
mod dist;
mod faults;
mod fuzz;
mod lab;
mod licences;
mod run;
mod security;
mod suite;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything a change must pass: format, lints, documentation, arrows, licences, codes, tests
    Ci,
    /// The tests: the quick tier, or with --full every suite
    Test {
        /// Run the long suites too
        #[arg(long)]
        full: bool,
        /// Only this crate (may be repeated)
        #[arg(short, long = "package")]
        packages: Vec<String>,
        /// Words the names of the tests must contain
        filters: Vec<String>,
    },
    /// The real systems of the lab, e.g. `lab up dc1 --ip 127.0.0.31`, `lab status`, `lab env dc1`
    #[command(disable_help_flag = true)]
    Lab {
        /// Handed to lab/samba-lab.sh as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure beside a search and a replica of the same run (docs/performance.md says how)
    Bench(bench::Arguments),
    /// Several agents while server, agents and network fail at random
    Chaos(chaos::Arguments),
    /// Faults made for real, each diagnosed, cured and seen cured; needs root
    Faults(faults::Arguments),
    /// Who may depend on whom, and which outside crates must not be in the tree
    Arrows,
    /// The licence of every crate in the tree, against deny.toml
    Licences,
    /// Packages, archive, checksums, bill of materials, and with --sign a release for the updater
    Dist(dist::Arguments),
    /// Every error code has its page in both languages, and every page its code
    Codes,
    /// Every test that docs/security.md names exists
    Security,
    /// Fuzzing of everything that takes bytes of others, bounded; finds go to fuzz/finds
    Fuzz {
        /// Only this target
        target: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 120)]
        seconds: u64,
    },
    /// Files and functions that have grown long
    Tidy,
    /// What a power cut leaves: builds the shim, or undoes the writes a killed program had not synced
    Powercut {
        #[command(subcommand)]
        act: Powercut,
    },
}

#[derive(Subcommand)]
enum Powercut {
    /// Compile the shim and the undo tool into a directory
    Build {
        /// Where `powercut.so` and `powercut` go
        out: PathBuf,
    },
    /// Bring a data directory into the state a power cut would have left
    Undo {
        /// The directory that was $POWERCUT_DIR of the killed program
        directory: PathBuf,
        /// Keep a random part of the unsynced writes, as a disk does that was flushing in the background
        #[arg(long)]
        seed: Option<u64>,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(chore: Chore) -> anyhow::Result<()> {
    match chore {
        Chore::Ci => ci::run(),
        Chore::Test {
            full,
            packages,
            filters,
        } => {
            let tier = if full {
                suite::Tier::Full
            } else {
                suite::Tier::Quick
            };
            suite::run(tier, &packages, &filters)
        }
        Chore::Lab { arguments } => lab::samba(&arguments),
        Chore::Bench(arguments) => bench::measure(&arguments),
        Chore::Chaos(arguments) => chaos::go(&arguments),
        Chore::Faults(arguments) => faults::matrix(&arguments),
        Chore::Arrows => arrows::check(),
        Chore::Licences => licences::check(),
        Chore::Dist(arguments) => dist::make(&arguments),
        Chore::Codes => codes::check(),
        Chore::Security => security::check(),
        Chore::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
        Chore::Tidy => tidy::report(),
        Chore::Powercut { act } => match act {
            Powercut::Build { out } => lab::build_powercut(&out),
            Powercut::Undo { directory, seed } => lab::undo_powercut(&directory, seed),
        },
    }
}
