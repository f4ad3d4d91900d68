//! What is handed out: Debian packages, RPMs, an archive, checksums, a bill of materials, and if asked a signed release for the
//! updater.
//!
//! The same programs give the same bytes: every time in them is `SOURCE_DATE_EPOCH`, or else the time of the last commit. Trap:
//! `--debug-build` is for tests; what it makes is large and slow, and says so in no other way.

mod archive;
mod bill;
mod debian;
mod layout;
mod redhat;
mod release;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::run;

/// Programs that are handed out.
const PROGRAMS: &[&str] = &[
    "hybridge",
    "hybridge-agent",
    "hybridge-updater",
    "hybridge-release",
];

#[derive(clap::Args)]
pub struct Arguments {
    /// Where everything goes; emptied first
    #[arg(long, default_value = "target/dist")]
    out: PathBuf,
    /// Package the programs of the development build
    #[arg(long)]
    debug_build: bool,
    /// Take the programs of this folder and build nothing
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// How often this version was packaged
    #[arg(long, default_value_t = 1)]
    revision: u32,
    /// Only these (deb, rpm, tar), several if need be
    #[arg(long = "only", value_name = "KIND")]
    only: Vec<Kind>,
    /// Sign a release for the updater with this private key (`hybridge-release key` makes one)
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Public keys the packaged updater believes, several if need be; with --sign also the one of that key
    #[arg(long = "trust", value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Channel of the release
    #[arg(long, default_value = "stable")]
    channel: String,
    /// For how many days the release is believed: until then a newer manifest must be signed
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Oldest version that may be updated to it directly
    #[arg(long, default_value = "0.0.0")]
    minimum: String,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Deb,
    Rpm,
    Tar,
}

/// What all parts need to know.
struct Dist {
    /// Where everything goes.
    out: PathBuf,
    /// Where things lie before they are packed.
    work: PathBuf,
    /// Stripped programs.
    programs: PathBuf,
    version: String,
    revision: u32,
    /// The one time in everything, unix seconds.
    epoch: u64,
    /// Whether it is worth compressing well.
    is_debug: bool,
    /// Public keys for the updater.
    keys: Vec<String>,
}

/// Makes everything.
pub fn make(arguments: &Arguments) -> anyhow::Result<()> {
    let built = match &arguments.programs {
        Some(folder) => absolute(folder),
        None => build(arguments.debug_build)?,
    };
    let out = absolute(&arguments.out);
    empty(&out)?;
    let work = out.join(".work");
    let dist = Dist {
        programs: work.join("programs"),
        version: version()?,
        revision: arguments.revision,
        epoch: epoch()?,
        is_debug: arguments.debug_build,
        keys: keys(arguments, &built)?,
        out,
        work,
    };
    strip(&dist, &built)?;
    let wants = |kind| arguments.only.is_empty() || arguments.only.contains(&kind);
    let bill = bill::write(&dist)?;
    if wants(Kind::Deb) || wants(Kind::Rpm) {
        for package in layout::packages() {
            let stage = layout::stage(&dist, &package, &bill)?;
            if wants(Kind::Deb) {
                debian::pack(&dist, &package, &stage)?;
            }
            if wants(Kind::Rpm) {
                redhat::pack(&dist, &package, &stage)?;
            }
        }
    }
    if wants(Kind::Tar) {
        archive::pack(&dist, &bill)?;
    }
    if let Some(key) = &arguments.sign {
        release::sign(&dist, &absolute(key), arguments)?;
    }
    std::fs::remove_dir_all(&dist.work)?;
    archive::sums(&dist.out)?;
    eprintln!("dist: {}", dist.out.display());
    Ok(())
}

fn build(is_debug: bool) -> anyhow::Result<PathBuf> {
    let mut cargo = run::cargo();
    cargo.args(["build", "--locked"]);
    let profile = if is_debug {
        "debug"
    } else {
        cargo.arg("--release");
        // Where it was built is nobody's business, and would make the bytes differ from place to place.
        let root = run::root();
        let home = std::env::var("CARGO_HOME").ok();
        let home = home.or_else(|| Some(format!("{}/.cargo", std::env::var("HOME").ok()?)));
        let mut flags = format!("--remap-path-prefix={}=hybridge", root.display());
        if let Some(home) = home {
            flags.push_str(&format!(" --remap-path-prefix={home}=cargo"));
        }
        cargo.env("RUSTFLAGS", flags);
        "release"
    };
    for package in ["hybridge", "agent", "updater"] {
        cargo.args(["--package", package]);
    }
    run::passes(cargo.arg("--bins"))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(target
        .unwrap_or_else(|| run::root().join("target"))
        .join(profile))
}

/// Copies the programs without what only a debugger reads.
fn strip(dist: &Dist, built: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(&dist.programs)?;
    // A backtrace of a release names functions.
    let how = if dist.is_debug {
        "--strip-all"
    } else {
        "--strip-debug"
    };
    for name in PROGRAMS {
        let from = built.join(name);
        if !from.exists() {
            bail!(
                "{} is missing; build it first (`cargo build --workspace --bins`)",
                from.display()
            );
        }
        let to = dist.programs.join(name);
        run::passes(run::program("strip").arg(how).arg("-o").arg(to).arg(from))?;
    }
    Ok(())
}

fn version() -> anyhow::Result<String> {
    let text = std::fs::read_to_string(run::root().join("Cargo.toml"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    let version = line.context("Cargo.toml names no version")?;
    Ok(version.trim().trim_matches('"').to_owned())
}

fn epoch() -> anyhow::Result<u64> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => run::output(run::program("git").args(["log", "-1", "--format=%ct"]))
            .context("set SOURCE_DATE_EPOCH where there is no git history")?,
    };
    text.trim()
        .parse()
        .with_context(|| format!("SOURCE_DATE_EPOCH: {text} is not a number of seconds"))
}

/// Lines of public keys for the updater.
fn keys(arguments: &Arguments, built: &Path) -> anyhow::Result<Vec<String>> {
    let mut keys = Vec::new();
    for path in &arguments.trust {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        keys.extend(text.lines().map(str::to_owned));
    }
    if let Some(key) = &arguments.sign {
        let mut program = run::program(built.join("hybridge-release"));
        keys.push(run::output(
            program.arg("public").arg("--key").arg(absolute(key)),
        )?);
    }
    let mut keys: Vec<String> = keys.iter().map(|key| key.trim().to_owned()).collect();
    keys.retain(|key| !key.is_empty() && !key.starts_with('#'));
    keys.sort();
    keys.dedup();
    Ok(keys)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn empty(folder: &Path) -> anyhow::Result<()> {
    // Whatever else lies there is not ours to delete.
    if folder.exists() && !folder.join("SHA256SUMS").exists() && folder.read_dir()?.next().is_some()
    {
        bail!(
            "{} holds something that is no distribution; name another folder",
            folder.display()
        );
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    Ok(())
}
