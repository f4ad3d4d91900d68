//! A server or an agent as a process of its own, for tests that kill it.
//!
//! `scenario-process server DATA PORT` and `scenario-process agent DATA CONFIG`; `agent-of` is an agent that says it has another
//! version. It ends when its stdin ends, so it never
//! outlives the test. The server listens to stdin too: `sync` reads the source and answers `quiet` when everything that
//! follows from it is done, `strict`, `decide` and `undo` are an administrator's acts, `stop` ends it in order. Trap: there is no shortcut into the stores here; what a test compares
//! it reads from them afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::{io::BufRead as _, path::PathBuf, sync::Arc};

use agent::{AgentConfig, HostOptions};
use scenarios::crash::process::{decide, make_strict, server_config, settle, undo};
use server::app::{self, App};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

#[tokio::main(worker_threads = 2)]
async fn main() {
    // Orders are answered on stdout, so the log goes elsewhere.
    agent::log::to_stderr("info");
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["server", data, port] => serve(data.into(), port.parse().unwrap()).await,
        ["agent", data, config] => host(data.into(), config.into()).await,
        [
            "agent-of",
            version,
            "run",
            "--config",
            config,
            "--data-dir",
            data,
        ] => {
            agent_of(version, data.into(), config.into()).await;
        }
        _ => panic!(
            "scenario-process server DATA PORT | agent DATA CONFIG | agent-of VERSION run --config CONFIG --data-dir DATA"
        ),
    }
}

/// Lines of stdin; closed when the parent is gone.
fn orders() -> mpsc::UnboundedReceiver<String> {
    let (sender, orders) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    orders
}

async fn serve(data: PathBuf, port: u16) {
    let mut orders = orders();
    let (ready, told) = tokio::sync::oneshot::channel();
    let shutdown = CancellationToken::new();
    let until = shutdown.clone();
    let served = tokio::spawn(async move {
        app::run(server_config(data, port), server::api::router, ready, until)
            .await
            .unwrap();
    });
    let app: App = told.await.unwrap();
    println!("ready");
    loop {
        match orders.recv().await.as_deref() {
            Some("sync") => println!("{}", settle(&app).await),
            Some("strict") => done(make_strict, &app),
            Some("decide") => done(decide, &app),
            Some("undo") => done(undo, &app),
            Some("stop") => {
                drop(app);
                shutdown.cancel();
                served.await.unwrap();
                return;
            }
            _ => std::process::exit(0),
        }
    }
}

/// An agent as its own program is, but of this version; it runs until it is ended.
async fn agent_of(version: &str, data: PathBuf, config: PathBuf) {
    let options = HostOptions {
        version: version.into(),
        data_directory: data,
        config: AgentConfig::read(&config).unwrap(),
        factory: Arc::new(agent::config::known_source),
    };
    agent::run(options, CancellationToken::new()).await.unwrap();
}

fn done(act: fn(&App), app: &App) {
    act(app);
    println!("done");
}

async fn host(data: PathBuf, config: PathBuf) {
    let mut orders = orders();
    let options = HostOptions {
        version: agent::VERSION.to_owned(),
        data_directory: data,
        config: AgentConfig::read(&config).unwrap(),
        factory: Arc::new(agent::config::known_source),
    };
    let running = agent::run(options, CancellationToken::new());
    tokio::select! {
        ended = running => ended.unwrap(),
        _ = orders.recv() => {}
    }
}
