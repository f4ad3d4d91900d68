//! `hybridge server`: the control plane in this process, until it is told to stop.
//!
//! Logs go to stderr. Trap: SIGTERM and Ctrl-C end it in order; a kill does not harm it either, only the next start is
//! slower.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use agent::supervisor::{self, Word};
use clap::Args;
use serde::Serialize;
use server::app::{self, Config, Extras};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::{
    failure::Failure,
    output::{Output, print},
};

/// How long the end may take once the parent is gone.
const LONGEST_END: Duration = Duration::from_secs(10);
/// Initial domain of a new tenant directory.
const INITIAL_DOMAIN: &str = "tenant.hybridge.example";

/// Arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Host name or address of this server, for its certificate; may be repeated, the first is told to agents
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// Name of the tenant, when the data directory is new
    #[arg(long, value_name = "NAME", default_value = "Tenant")]
    tenant: String,
    /// Initial domain of the tenant, when the data directory is new
    #[arg(long, value_name = "DOMAIN", default_value = INITIAL_DOMAIN)]
    initial_domain: String,
    /// Domain to be taken as verified; may be repeated
    #[arg(long = "tenant-domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Begin with an empty engine beside a tenant directory that is in use (after the engine's file was lost)
    #[arg(long)]
    adopt_directory: bool,
    /// Where backups go, if not into the data directory; another disk survives what this one does not
    #[arg(long, value_name = "DIR")]
    backup_dir: Option<PathBuf>,
    /// Where releases for agents lie, if not in `updates` of the data directory: a folder per channel, filled by `cargo xtask dist --sign`
    #[arg(long, value_name = "DIR")]
    updates_dir: Option<PathBuf>,
    /// File with the master key the secrets are sealed under, if it is not to lie in the data directory
    #[arg(long, value_name = "FILE", env = "HYBRIDGE_MASTER_KEY_FILE")]
    master_key_file: Option<PathBuf>,
    /// Tell /healthz, /readyz and /metrics here too, by plain HTTP without a token: an address of this machine only
    #[arg(long, value_name = "ADDRESS")]
    health_listen: Option<SocketAddr>,
    /// Begin in staging when there is no job yet: everything is read and planned, nothing is written before `hybridge staging promote`
    #[arg(long)]
    staging: bool,
    /// End when stdin ends (for a parent process)
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    url: String,
    data_directory: PathBuf,
}

/// Runs the server.
///
/// # Errors
/// By code, if it cannot start.
pub async fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let directory = context.access.data_directory();
    agent::log::to_files("info", "server", &directory);
    let config = Config {
        data_directory: directory.clone(),
        listen: arguments.listen,
        names: names(arguments),
        tenant_name: arguments.tenant.clone(),
        initial_domain: arguments.initial_domain.clone(),
        verified_domains: arguments.domains.clone(),
        adopts_directory: arguments.adopt_directory,
        extras: Extras {
            backup_directory: arguments.backup_dir.clone(),
            updates_directory: arguments.updates_dir.clone(),
            health_listen: arguments.health_listen,
            master_key_file: arguments.master_key_file.clone(),
            begins_staged: arguments.staging,
            shared_directory: None,
        },
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(agent::supervisor::stop_on_signal(shutdown.clone()));
    if arguments.stop_with_stdin {
        tokio::spawn(stop_with_stdin(shutdown.clone()));
    }
    let (sender, ready) = oneshot::channel();
    let serving = app::run(config, server::api::router, sender, shutdown);
    let place = directory.display().to_string();
    let telling = tell(ready, directory, context.output);
    let (served, _) = tokio::join!(serving, telling);
    served.map_err(|error| Failure::new(&error.refusal, place))
}

fn names(arguments: &Arguments) -> Vec<String> {
    match arguments.names.is_empty() {
        false => arguments.names.clone(),
        true if arguments.listen.ip().is_unspecified() => {
            vec!["localhost".into(), "127.0.0.1".into()]
        }
        true if arguments.listen.ip().is_loopback() => {
            vec![arguments.listen.ip().to_string(), "localhost".into()]
        }
        true => vec![arguments.listen.ip().to_string()],
    }
}

async fn tell(ready: oneshot::Receiver<app::App>, directory: PathBuf, output: Output) {
    let Ok(app) = ready.await else {
        return;
    };
    supervisor::tell(Word::Ready);
    supervisor::tell(Word::Status(&format!("listening on {}", app.url())));
    tokio::spawn(signs_of_life(app.clone()));
    let ready = Ready {
        url: app.url(),
        data_directory: directory,
    };
    match output {
        Output::Json => {
            let _ = print(&serde_json::to_string(&ready).unwrap_or_default());
        }
        Output::People => output.say(format!(
            "listening on {}; administrator's access in {}",
            ready.url,
            ready.data_directory.join("admin.json").display()
        )),
    }
}

/// Tells the supervisor that the main loop turns, for as long as it does.
async fn signs_of_life(app: app::App) {
    let Some(interval) = supervisor::sign_of_life_every() else {
        return;
    };
    let mut last = 0;
    loop {
        let turn = app.last_turn();
        // What was restored is read back first, and that may take its time without a turn of the loop.
        if turn != last || !app.is_rejoined() {
            supervisor::tell(Word::Alive);
        }
        last = turn;
        tokio::time::sleep(interval).await;
    }
}

/// Cancels when stdin ends: the parent is gone. If the rest does not end soon, the process is ended.
pub async fn stop_with_stdin(shutdown: CancellationToken) {
    let (sender, ended) = oneshot::channel();
    // A thread of its own: reading stdin cannot be called back.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
    shutdown.cancel();
    tokio::time::sleep(LONGEST_END).await;
    std::process::exit(0);
}
