//! Fuzzing: each target of `fuzz/` for a bounded time, on a stable toolchain.
//!
//! The engine is libFuzzer, told by the compiler's own coverage pass where an input leads; no sanitizer is used, since nothing of
//! ours is `unsafe`. A find is left in `fuzz/finds/<target>`, where ordinary tests replay it from then on. Trap: the flags
//! are those of a whole build of its own, below `target/fuzz`.

use std::{fs, path::PathBuf};

use anyhow::{Context, bail};

use crate::run;

/// How long a target runs in the full tier.
pub const SECONDS_IN_FULL: u64 = 30;
/// An input on which a target works longer than this is a find.
const SLOW_SECONDS: u64 = 10;
/// Memory beyond which a target has a find.
const MEMORY_MIB: u64 = 1024;
/// The longest input that is made.
const INPUT_BYTES: u64 = 16 << 10;
const HOST: &str = "x86_64-unknown-linux-gnu";
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg",
    "fuzzing",
];

/// Runs one target, or all, each for so many seconds.
pub fn run(only: Option<&str>, seconds: u64) -> anyhow::Result<()> {
    let targets = targets()?;
    let chosen: Vec<&String> = match only {
        None => targets.iter().collect(),
        Some(name) => targets.iter().filter(|target| *target == name).collect(),
    };
    if chosen.is_empty() {
        bail!("there is no such target; there are {}", targets.join(", "));
    }
    build()?;
    let mut found = Vec::new();
    for target in chosen {
        if let Err(error) = fuzz(target, seconds) {
            eprintln!("fuzz: {error:#}");
            found.push(target.as_str());
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => bail!(
            "{} found something: see fuzz/finds; mend it, and keep the file as a test",
            found.join(", ")
        ),
    }
}

fn folder() -> PathBuf {
    run::root().join("fuzz")
}

/// The files of `fuzz/fuzz_targets`.
fn targets() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    let listed = fs::read_dir(folder().join("fuzz_targets")).context("fuzz/fuzz_targets")?;
    for file in listed {
        let path = file?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

fn built() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(given) => PathBuf::from(given).join("fuzz"),
        None => run::root().join("target/fuzz"),
    }
}

fn build() -> anyhow::Result<()> {
    run::passes(
        run::cargo()
            .current_dir(folder())
            .env("RUSTFLAGS", FLAGS.join(" "))
            .env("CARGO_TARGET_DIR", built())
            // Named, so that build scripts and macros are compiled without the flags.
            .args(["build", "--release", "--bins", "--target", HOST]),
    )
}

fn fuzz(target: &str, seconds: u64) -> anyhow::Result<()> {
    let corpus = folder().join("corpus").join(target);
    let finds = folder().join("finds").join(target);
    for path in [&corpus, &finds] {
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    }
    let program = built().join(HOST).join("release").join(target);
    run::passes(
        run::program(program)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={SLOW_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .arg(format!("-max_len={INPUT_BYTES}"))
            .arg(format!("-artifact_prefix={}/", finds.display()))
            .args(["-print_final_stats=1", "-verbosity=0"])
            .args([corpus, folder().join("seeds").join(target), finds]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_has_seeds() {
        let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
        let targets = targets().unwrap();
        assert!(!targets.is_empty());
        for target in targets {
            assert!(
                manifest.contains(&format!("name = \"{target}\"")),
                "{target}"
            );
            let seeds = fs::read_dir(folder().join("seeds").join(&target));
            assert!(seeds.unwrap().next().is_some(), "{target}");
        }
    }
}
