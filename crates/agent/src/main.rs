//! `hybridge-agent`: enrols, runs and checks an agent.
//!
//! Trap: the token is never an argument, because arguments are shown to every user of the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use agent::{
    AgentConfig, AgentError, HostOptions,
    allow_list::allow_list,
    check::{Checked, check},
    config::known_source,
    doctor::{Patient, Settings, examine},
    enrol::{Enrolment, enrol, host_name},
    error::chain,
    identity::Identity,
    network::{Network, NetworkConfig},
    permissions::permissions,
    run,
    state::Lock,
    tls::Trust,
};
use clap::{Args, Parser, Subcommand};
use connectors::ldap::permissions::{Dialect, Feature};
use secrecy::SecretString;
use sync_core::code::Code;
use tokio_util::sync::CancellationToken;
use wire::agent::v1::{Check, CheckState};

const TOKEN_VARIABLE: &str = "HYBRIDGE_ENROLMENT_TOKEN";

/// The agent of Hybridge: reads directories in your network for your control plane.
#[derive(Parser)]
#[command(
    name = "hybridge-agent",
    version,
    after_help = "Every error names a code; `hybridge codes CODE` explains it.\nExit codes: 0 done, 1 something has to be changed by you, 2 a fault of ours or of this machine."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Gives this machine an identity, with a one-time token made on the server.
    Enrol(EnrolArguments),
    /// Runs the agent until it is told to stop.
    Run(RunArguments),
    /// Connects to the server and to every source once, and says what works.
    Check {
        #[command(flatten)]
        run: RunArguments,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Examines the agent step by step: what works, what does not, why, and what cures it. Changes nothing.
    Doctor {
        #[command(flatten)]
        run: RunArguments,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Which rights the account of an Active Directory connector has, and the lines that grant what it lacks.
    Permissions {
        #[command(subcommand)]
        verb: PermissionsVerb,
    },
    /// Lets the running agent write every step down for some minutes, in logs/agent-trace.log of its data directory.
    Trace {
        /// Where the identity is kept.
        #[arg(long)]
        data_dir: PathBuf,
        /// For how long; 0 ends it.
        #[arg(long, value_parser = clap::value_parser!(u32).range(0..=1_440))]
        minutes: u32,
    },
    /// Prints which hosts and ports have to be open, outbound, and what each of them is for.
    AllowList(AllowListArguments),
}

#[derive(Subcommand)]
enum PermissionsVerb {
    /// Says which rights are granted and which are missing.
    Check(PermissionsArguments),
    /// Prints the lines that grant what is missing, for the domain's administrator to run.
    Script {
        #[command(flatten)]
        arguments: PermissionsArguments,
        /// For whom: samba-tool, dsacls or powershell.
        #[arg(long = "for", default_value = "dsacls")]
        dialect: Dialect,
    },
}

#[derive(Args)]
struct PermissionsArguments {
    /// Settings (JSON).
    #[arg(long)]
    config: PathBuf,
    /// The connector; the first one of kind ad if not given.
    #[arg(long)]
    connector: Option<String>,
    /// What the account is to be used for, several if need be: basic-read, dirsync, password-hash-sync, password-write-back, hybrid-exchange, user-group-create-delete, consistency-guid. Without it: basic-read and dirsync.
    #[arg(long = "feature")]
    features: Vec<Feature>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct AllowListArguments {
    /// Settings (JSON).
    #[arg(long)]
    config: PathBuf,
    /// Where the identity is kept; it knows the control plane's address.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Address of the control plane, before the agent is enrolled.
    #[arg(long)]
    server: Option<String>,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct EnrolArguments {
    /// Address of the control plane (https://host:8443).
    #[arg(long)]
    server: String,
    /// File with the control plane's certification authority (PEM).
    #[arg(long, required_unless_present = "fingerprint")]
    ca: Option<PathBuf>,
    /// SHA-256 of that authority, in its place.
    #[arg(long, conflicts_with = "ca")]
    fingerprint: Option<String>,
    /// File with the token; otherwise HYBRIDGE_ENROLMENT_TOKEN is used.
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Name shown to administrators; the host name if not given.
    #[arg(long)]
    name: Option<String>,
    /// Where the identity is kept.
    #[arg(long)]
    data_dir: PathBuf,
    /// Settings (JSON), for the proxy and the authorities in them; without them HTTPS_PROXY and NO_PROXY count.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct RunArguments {
    /// Settings (JSON): the connectors, with addresses, account and how it signs in (simple, external, negotiate).
    #[arg(long)]
    config: PathBuf,
    /// Where the identity is kept.
    #[arg(long)]
    data_dir: PathBuf,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match &cli.verb {
        Verb::Run(arguments) => agent::log::to_files("info", "agent", &arguments.data_dir),
        _ => agent::log::to_stderr("info"),
    }
    // One thread: an agent mostly waits, and what it reads is handed from task to task, which between threads costs more than
    // the work. The threads beside it look up names and list for a judge.
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
        Ok(code) => code,
        Err(fault) => {
            eprintln!("error: {} ({})", chain(&fault), fault.code());
            ExitCode::from(fault.exit_code())
        }
    }
}

async fn act(verb: Verb) -> Result<ExitCode, AgentError> {
    match verb {
        Verb::Enrol(arguments) => enrol_here(arguments).await,
        Verb::Run(arguments) => run_here(arguments).await,
        Verb::Check { run, json } => check_here(run, json).await,
        Verb::Doctor { run, json } => doctor_here(run, json).await,
        Verb::Permissions { verb } => permissions_here(verb).await,
        Verb::Trace { data_dir, minutes } => trace_here(&data_dir, minutes),
        Verb::AllowList(arguments) => allow_list_here(&arguments),
    }
}

async fn enrol_here(arguments: EnrolArguments) -> Result<ExitCode, AgentError> {
    let trust = match (&arguments.ca, &arguments.fingerprint) {
        (Some(path), _) => Trust::Authority(read(path)?),
        (None, Some(text)) => Trust::fingerprint(text)?,
        (None, None) => {
            return Err(AgentError::Invalid(
                "--ca or --fingerprint is needed".into(),
            ));
        }
    };
    let name = arguments.name.unwrap_or_else(host_name);
    let network = match &arguments.config {
        Some(path) => AgentConfig::read(path)?.network,
        None => NetworkConfig::default(),
    };
    let enrolment = Enrolment {
        server: &arguments.server,
        trust,
        token: token(arguments.token_file.as_deref())?,
        name: &name,
        network: Network::new(&network)?,
    };
    let identity = enrol(enrolment, &arguments.data_dir).await?;
    eprintln!(
        "enrolled as agent {} at {}",
        identity.agent_id, identity.server
    );
    Ok(ExitCode::SUCCESS)
}

fn token(file: Option<&Path>) -> Result<SecretString, AgentError> {
    match file {
        Some(path) => read(path).map(SecretString::from),
        None => std::env::var(TOKEN_VARIABLE)
            .map(SecretString::from)
            .map_err(|_| {
                AgentError::Invalid(format!(
                    "no token: give --token-file or set {TOKEN_VARIABLE}"
                ))
            }),
    }
}

fn read(path: &Path) -> Result<String, AgentError> {
    let fault = |source| AgentError::File {
        act: "reading",
        path: path.into(),
        source,
    };
    fs::read_to_string(path).map_err(fault)
}

async fn run_here(arguments: RunArguments) -> Result<ExitCode, AgentError> {
    let options = HostOptions {
        version: agent::VERSION.to_owned(),
        data_directory: arguments.data_dir,
        config: AgentConfig::read(&arguments.config)?,
        factory: Arc::new(known_source),
    };
    // Before the lock: a folder without an identity is none of an agent.
    Identity::read(&options.data_directory)?;
    let _lock = Lock::take(&options.data_directory)?;
    let shutdown = CancellationToken::new();
    tokio::spawn(agent::supervisor::stop_on_signal(shutdown.clone()));
    run(options, shutdown).await?;
    Ok(ExitCode::SUCCESS)
}

async fn check_here(arguments: RunArguments, json: bool) -> Result<ExitCode, AgentError> {
    let config = AgentConfig::read(&arguments.config)?;
    let all = check(&arguments.data_dir, &config, &known_source).await;
    if json {
        print_json(&all)?;
    } else {
        all.iter().for_each(show);
    }
    let is_ok = all.iter().all(|checked| checked.is_ok);
    Ok(ExitCode::from(u8::from(!is_ok)))
}

async fn doctor_here(arguments: RunArguments, json: bool) -> Result<ExitCode, AgentError> {
    let patient = Patient {
        data_directory: &arguments.data_dir,
        config: Settings::File(arguments.config),
        factory: &known_source,
        is_self: false,
    };
    let found = examine(&patient).await;
    if json {
        print_json(&found)?;
    } else {
        found.checks.iter().for_each(show_check);
    }
    let failed = found.checks.iter().find(|c| c.state == CheckState::Failed);
    let code = failed.and_then(|check| Code::from_name(check.code.as_deref()?));
    Ok(ExitCode::from(match (failed, code) {
        (None, _) => 0,
        (Some(_), code) => code.map_or(2, Code::exit_code),
    }))
}

fn show_check(check: &Check) {
    let word = match check.state {
        CheckState::Ok => "ok",
        CheckState::Warning => "warning",
        CheckState::Failed => "failed",
        CheckState::Skipped => "-",
    };
    let subject = match &check.connector {
        Some(connector) => format!("{connector}/{}", check.id),
        None => check.id.clone(),
    };
    println!("{word:7}  {subject}: {}", check.text);
    if let Some(code) = &check.code {
        println!(
            "         {code}; what to do: {}",
            check.cure.as_deref().unwrap_or("-")
        );
    }
}

async fn permissions_here(verb: PermissionsVerb) -> Result<ExitCode, AgentError> {
    let (mut arguments, dialect) = match verb {
        PermissionsVerb::Check(arguments) => (arguments, None),
        PermissionsVerb::Script { arguments, dialect } => (arguments, Some(dialect)),
    };
    if arguments.features.is_empty() {
        arguments.features = vec![Feature::BasicRead, Feature::DirSync];
    }
    let config = AgentConfig::read(&arguments.config)?;
    let connector = arguments.connector.as_deref();
    let found = match permissions(&config, connector, &arguments.features, dialect).await {
        Ok(found) => found,
        Err(refusal) => {
            eprintln!("error: {refusal} ({})", refusal.code);
            return Ok(ExitCode::from(refusal.code.exit_code()));
        }
    };
    let is_whole = found.rights.iter().all(|right| right.is_granted);
    if arguments.json {
        print_json(&found)?;
    } else if dialect.is_some() {
        eprintln!("for {} ({})", found.account, found.sid);
        found.script.iter().for_each(|line| println!("{line}"));
    } else {
        println!("{} ({})", found.account, found.sid);
        for right in &found.rights {
            let word = if right.is_granted {
                "granted"
            } else {
                "MISSING"
            };
            println!("{word}  {} ({})", right.right, right.features.join(", "));
        }
    }
    // A script that was printed is done; a check that found something missing is for somebody to act on.
    Ok(ExitCode::from(u8::from(dialect.is_none() && !is_whole)))
}

fn trace_here(data_directory: &Path, minutes: u32) -> Result<ExitCode, AgentError> {
    let folder = data_directory.join(logs::FOLDER);
    let how_long = std::time::Duration::from_secs(60) * minutes;
    // Beside an identity only, or a mistyped folder would be made.
    Identity::read(data_directory)?;
    logs::ask_for_trace(&folder, how_long).map_err(|source| AgentError::File {
        act: "writing",
        path: folder.clone(),
        source,
    })?;
    match minutes {
        0 => println!("the running agent ends its trace within half a minute"),
        minutes => println!(
            "the running agent traces for {minutes} minutes, from half a minute from now at the latest, into {}",
            folder.join("agent-trace.log").display()
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn allow_list_here(arguments: &AllowListArguments) -> Result<ExitCode, AgentError> {
    let config = AgentConfig::read(&arguments.config)?;
    let given = arguments.server.clone().or_else(|| config.server.clone());
    let server = match (given, &arguments.data_dir) {
        (Some(server), _) => server,
        (None, Some(directory)) => Identity::read(directory)?.server,
        (None, None) => {
            return Err(AgentError::Invalid(
                "where the control plane is is not known: give --server or --data-dir".into(),
            ));
        }
    };
    let all = allow_list(&config, &server)?;
    if arguments.json {
        print_json(&all)?;
    } else {
        println!("Outbound only; nothing has to be open towards the agent.");
        for opening in &all {
            println!(
                "{:5}  {}:{} ({})  {}",
                opening.from, opening.host, opening.port, opening.protocol, opening.purpose
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_json(value: &impl serde::Serialize) -> Result<(), AgentError> {
    let text = serde_json::to_string_pretty(value);
    println!(
        "{}",
        text.map_err(|fault| AgentError::Invalid(fault.to_string()))?
    );
    Ok(())
}

fn show(checked: &Checked) {
    let word = if checked.is_ok { "ok    " } else { "failed" };
    println!("{word}  {}: {}", checked.subject, checked.text);
    if let Some(cure) = &checked.cure {
        println!("        {cure}");
    }
}
