//! `hybridge-release`: makes the key of a publisher, and signs releases with it.
//!
//! Never runs on a machine that is updated. Trap: whoever has the key decides what every agent runs; keep it off the network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use agent::error::chain;
use clap::{Args, Parser, Subcommand};
use sync_core::update::Version;
use updater::{
    UpdateError,
    error::file,
    signing::SigningKey,
    versions::{PROGRAM, digest},
};
use wire::release::{FORM, MANIFEST_FILE, Manifest, Program};

const DAY_SECONDS: i64 = 86_400;

/// Signs releases of Hybridge's agent.
#[derive(Parser)]
#[command(name = "hybridge-release", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Makes a private key.
    Key {
        /// Where it goes; only its owner can read it.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prints the public key of a private one: the line for the updaters' list.
    Public {
        /// The private key.
        #[arg(long)]
        key: PathBuf,
    },
    /// Writes a release: the program, and a manifest that vouches for it.
    Sign(Sign),
}

#[derive(Args)]
struct Sign {
    /// The private key.
    #[arg(long)]
    key: PathBuf,
    /// The agent's program.
    #[arg(long)]
    program: PathBuf,
    /// Its version.
    #[arg(long)]
    version: String,
    /// Oldest version that may be updated to it directly.
    #[arg(long, default_value = "0.0.0")]
    minimum: String,
    /// Channel.
    #[arg(long, default_value = "stable")]
    channel: String,
    /// For how many days it is believed.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Number of the manifest, larger than that of every one before; the time if not given.
    #[arg(long)]
    serial: Option<u64>,
    /// Architecture of the program; this machine's if not given.
    #[arg(long, default_value = std::env::consts::ARCH)]
    architecture: String,
    /// Folder it is written to; it goes into the control plane's folder of updates, named as the channel.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match act(&cli.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {} ({})", chain(&fault), fault.code());
            ExitCode::from(fault.exit_code())
        }
    }
}

fn act(verb: &Verb) -> Result<(), UpdateError> {
    match verb {
        Verb::Key { out } => println!("{}", SigningKey::create(out)?.public()),
        Verb::Public { key } => println!("{}", SigningKey::read(key)?.public()),
        Verb::Sign(arguments) => sign(arguments)?,
    }
    Ok(())
}

fn sign(arguments: &Sign) -> Result<(), UpdateError> {
    let key = SigningKey::read(&arguments.key)?;
    for version in [&arguments.version, &arguments.minimum] {
        if Version::parse(version).is_none() {
            return Err(UpdateError::Invalid(format!(
                "{version} is not a version such as 1.2.3"
            )));
        }
    }
    let now = jiff::Timestamp::now().as_second();
    let system = std::env::consts::OS;
    let name = format!(
        "{PROGRAM}-{}-{system}-{}",
        arguments.version, arguments.architecture
    );
    let out = arguments.out.join(&name);
    fs::create_dir_all(&arguments.out).map_err(file("making", &arguments.out))?;
    let size = fs::copy(&arguments.program, &out).map_err(file("copying", &arguments.program))?;
    let manifest = Manifest {
        form: FORM,
        channel: arguments.channel.clone(),
        serial: arguments.serial.unwrap_or(u64::try_from(now).unwrap_or(0)),
        issued_at: now,
        expires_at: now.saturating_add(i64::from(arguments.days) * DAY_SECONDS),
        version: arguments.version.clone(),
        minimum: arguments.minimum.clone(),
        programs: vec![Program {
            name: PROGRAM.into(),
            system: system.into(),
            architecture: arguments.architecture.clone(),
            file: name,
            size,
            sha256: digest(&out).map_err(file("reading", &out))?,
        }],
    };
    publish(&arguments.out, &key, &manifest)
}

/// Last of all, so that a manifest never names what is not there yet.
fn publish(folder: &Path, key: &SigningKey, manifest: &Manifest) -> Result<(), UpdateError> {
    let text = serde_json::to_string_pretty(&key.sign(manifest)?)
        .map_err(|fault| UpdateError::Invalid(fault.to_string()))?;
    let path = folder.join(MANIFEST_FILE);
    let new = folder.join(format!("{MANIFEST_FILE}.new"));
    fs::write(&new, text).map_err(file("writing", &new))?;
    fs::rename(&new, &path).map_err(file("writing", &path))
}
