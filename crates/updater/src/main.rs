//! `hybridge-updater`: the service beside an agent, and what an administrator asks of it on its machine.
//!
//! Trap: every verb but `status` takes the folder for itself; while the service is in the middle of an update they are refused.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use agent::{
    error::chain,
    state::State,
    supervisor::{self, Word},
};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use updater::{
    Settings, UpdateError,
    memory::Memory,
    versions::{self, version_of},
    work::{Outcome, Updater},
};

const SETTINGS: &str = "/etc/hybridge-updater/updater.json";
/// Whoever waits for a turn asks again after so long.
const AGAIN: Duration = Duration::from_secs(60);

/// The updater of Hybridge: keeps the agent of this machine on the version its control plane offers.
#[derive(Parser)]
#[command(
    name = "hybridge-updater",
    version,
    after_help = "When agents are updated is decided on the control plane: `hybridge agent updates`.\nExit codes: 0 done, 1 something has to be changed by you, 2 a fault of ours or of this machine."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Looks for a newer version from time to time, until it is told to stop.
    Run(Common),
    /// Shows what is in place, what happened last, and what is not tried again. Changes nothing.
    Status(Common),
    /// Says what is offered and whether it is believed. Installs nothing.
    Check(Common),
    /// Looks now, and installs what is offered if the control plane gives the turn.
    Apply(Common),
    /// Goes back to the version before; the one that runs now is not installed again.
    Rollback(Common),
    /// Runs the packaged program from now on, if it is newer.
    Adopt(Common),
}

#[derive(Args)]
struct Common {
    /// Settings (JSON).
    #[arg(long, default_value = SETTINGS)]
    settings: PathBuf,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// Version of the program in place.
    installed: Option<String>,
    /// Whether the service runs.
    is_running: bool,
    /// What is remembered.
    #[serde(flatten)]
    memory: Memory,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Came {
    phase: String,
    version: String,
    text: String,
}

impl From<Outcome> for Came {
    fn from(outcome: Outcome) -> Self {
        Self {
            phase: outcome.phase.into(),
            version: outcome.version,
            text: outcome.text,
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    agent::log::to_stderr("info");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(act(cli.verb)),
        Err(fault) => {
            eprintln!("error: the runtime cannot start: {fault}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {} ({})", chain(&fault), fault.code());
            ExitCode::from(fault.exit_code())
        }
    }
}

async fn act(verb: Verb) -> Result<(), UpdateError> {
    match verb {
        Verb::Run(common) => run(&common).await,
        Verb::Status(common) => status(&common).await,
        Verb::Check(common) => check(&common).await,
        Verb::Apply(common) => {
            let mut updater = Updater::open(Settings::read(&common.settings)?)?;
            let outcome = updater.attempt().await?;
            show(&common, &Came::from(outcome))
        }
        Verb::Rollback(common) => {
            let mut updater = Updater::open(Settings::read(&common.settings)?)?;
            let outcome = updater.roll_back().await?;
            show(&common, &Came::from(outcome))
        }
        Verb::Adopt(common) => {
            let mut updater = Updater::open(Settings::read(&common.settings)?)?;
            let text = match updater.adopt().await? {
                true => "the packaged program is newer and is run from now on",
                false => "the program in place is as new as the packaged one, or newer",
            };
            let version = updater.installed().await?.to_string();
            show(
                &common,
                &Came {
                    phase: "idle".into(),
                    version,
                    text: text.into(),
                },
            )
        }
    }
}

/// The service: looks from time to time.
async fn run(common: &Common) -> Result<(), UpdateError> {
    let settings = Settings::read(&common.settings)?;
    let directory = settings.directory.clone();
    let interval = settings.check_every();
    // Taken once, so that a wrong setting or a second updater is told at the start.
    drop(Updater::open(settings.clone())?);
    let shutdown = CancellationToken::new();
    tokio::spawn(supervisor::stop_on_signal(shutdown.clone()));
    supervisor::tell(Word::Ready);
    info!("updater starts");
    loop {
        tell_of_life(&directory);
        let looked = async {
            // Not held between two looks, so that an administrator can act.
            let mut updater = Updater::open(settings.clone())?;
            updater.attempt().await
        };
        let looked = tokio::select! {
            looked = looked => looked,
            () = shutdown.cancelled() => break,
        };
        let pause = match &looked {
            Ok(outcome) => {
                let text = format!("{}: {} {}", outcome.phase, outcome.version, outcome.text);
                info!("{text}");
                supervisor::tell(Word::Status(&text));
                if outcome.phase == "waiting" {
                    AGAIN.min(interval)
                } else {
                    interval
                }
            }
            Err(fault) => {
                let code = fault.code();
                warn!(%code, "no update: {}", chain(fault));
                supervisor::tell(Word::Status(&format!("no update: {code}")));
                interval
            }
        };
        if !wait(jittered(pause), &directory, &shutdown).await {
            break;
        }
    }
    supervisor::tell(Word::Stopping);
    info!("updater stopped");
    Ok(())
}

/// Waits, and says from time to time that this process lives; false: it is to end.
async fn wait(pause: Duration, directory: &std::path::Path, shutdown: &CancellationToken) -> bool {
    let until = tokio::time::Instant::now() + pause;
    while tokio::time::Instant::now() < until {
        tell_of_life(directory);
        let next = until.min(tokio::time::Instant::now() + AGAIN);
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = shutdown.cancelled() => return false,
        }
    }
    true
}

/// A tenth more or less, so that not all agents ask at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// For whoever looks after the machine, in the form in which the agent does it.
fn tell_of_life(directory: &std::path::Path) {
    let mut state = State::of_this_process();
    state.alive_at = jiff::Timestamp::now().as_millisecond();
    let _ = state.write(directory);
}

async fn status(common: &Common) -> Result<(), UpdateError> {
    let settings = Settings::read(&common.settings)?;
    let memory = Memory::read(&settings.directory)?;
    let program = versions::program_in(&settings.directory);
    let state = State::read(&settings.directory);
    let shown = Shown {
        installed: version_of(&program)
            .await
            .ok()
            .map(|version| version.to_string()),
        is_running: state.is_some_and(|state| state.living().is_some()),
        memory,
    };
    if common.json {
        return print_json(&shown);
    }
    println!(
        "in place: {}",
        shown.installed.as_deref().unwrap_or("nothing that runs")
    );
    println!(
        "the service {}",
        if shown.is_running {
            "runs"
        } else {
            "does not run"
        }
    );
    if let Some(step) = &shown.memory.step {
        println!("under way: version {}, {:?}", step.version, step.phase);
    }
    if let Some(last) = &shown.memory.last {
        println!(
            "last: {} {} {} {} {}",
            last.at, last.phase, last.version, last.code, last.text
        );
    }
    if !shown.memory.failed.is_empty() {
        println!("not tried again: {}", shown.memory.failed.join(", "));
    }
    Ok(())
}

async fn check(common: &Common) -> Result<(), UpdateError> {
    let mut updater = Updater::open(Settings::read(&common.settings)?)?;
    let link = updater.link()?;
    let installed = updater.installed().await?;
    let came = match updater.offered(&link).await? {
        None => Came {
            phase: "idle".into(),
            version: String::new(),
            text: "nothing is offered".into(),
        },
        Some(believed) => {
            let verdict = believed.verdict(installed, &updater.memory().failed);
            Came {
                phase: "idle".into(),
                version: believed.manifest.version,
                text: format!("believed; version {installed} is in place: {verdict:?}"),
            }
        }
    };
    show(common, &came)
}

fn show(common: &Common, came: &Came) -> Result<(), UpdateError> {
    if common.json {
        return print_json(came);
    }
    println!("{}  {}  {}", came.phase, came.version, came.text);
    Ok(())
}

fn print_json(value: &impl Serialize) -> Result<(), UpdateError> {
    let text = serde_json::to_string_pretty(value);
    println!(
        "{}",
        text.map_err(|fault| UpdateError::Invalid(fault.to_string()))?
    );
    Ok(())
}
