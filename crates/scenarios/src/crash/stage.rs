//! A prepared data directory, and runs that each begin with a copy of it.
//!
//! Enrolment and configuration happen once, in this process; a run then has a server, agents and their own port. Trap: the
//! forest is one for all runs of a stage, so they go one after another, each from the same state of the forest.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use agent::{AgentConfig, ConnectorConfig, HostOptions, enrol::Enrolment, tls::Trust};
use engine::{JobSettings, JobState, NewConnector, NewJob};
use forest::{Forest, Restore, Served, Snapshot};
use secrecy::SecretString;
use server::app::App;
use sync_core::schema::preset;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    Outcome,
    process::{Died, Process, server_config},
};
use crate::Source;

/// Domain of the forest and of its people's addresses.
pub const DOMAIN: &str = "canal.example";
/// Agents that are enrolled.
pub const AGENTS: usize = 2;
/// Entries per page, so that even a small forest comes in several.
const PAGE: u32 = 10;
const LEASE_MS: u64 = 1_500;

/// Settings of a job that does not keep tests waiting.
pub fn settings() -> JobSettings {
    JobSettings {
        // Who holds a value that two want, and who does without, depends on when each is seen.
        set_conflicts_aside: false,
        settle_seconds: 1,
        interval_seconds: 1,
        // The changes of an act must come in one read, however fast the machine is.
        doorbell: false,
        ..JobSettings::default()
    }
}

/// Everything set up, nothing read.
pub struct Stage {
    /// The source.
    pub forest: Forest,
    program: &'static str,
    snapshot: Snapshot,
    tools: PathBuf,
    dir: TempDir,
    connector: ConnectorConfig,
    _served: Served,
}

impl Stage {
    /// Sets everything up in front of a forest. `program` is the helper `scenario-process`.
    pub async fn new(forest: Forest, program: &'static str) -> Self {
        Self::with(forest, program, settings()).await
    }

    /// The same with other settings of the job.
    pub async fn with(forest: Forest, program: &'static str, settings: JobSettings) -> Self {
        let job = settings;
        let dir = tempfile::tempdir().unwrap();
        let (source, served) = Source::forest(&forest, &dir).await;
        let mut settings = source.settings;
        settings["page_size_entries"] = PAGE.into();
        let connector = ConnectorConfig {
            name: "ad".into(),
            kind: "ad".into(),
            settings,
        };
        template(&dir.path().join("template"), &connector, job).await;
        let tools = dir.path().join("tools");
        build_powercut(&tools);
        build_clockshift(&tools);
        Self {
            snapshot: forest.snapshot(),
            forest,
            program,
            tools,
            dir,
            connector,
            _served: served,
        }
    }

    /// A new run: the forest and the data directory as they were when everything was set up.
    pub fn run(&self) -> Run<'_> {
        self.forest.restore(&self.snapshot, Restore::Rollback);
        let dir = tempfile::tempdir().unwrap();
        copy(&self.dir.path().join("template"), dir.path());
        let port = free_port();
        let config = AgentConfig {
            server: Some(format!("https://127.0.0.1:{port}")),
            connectors: vec![self.connector.clone()],
            parallel: 4,
            network: Default::default(),
            updater: None,
        };
        let text = serde_json::to_string(&config).unwrap();
        std::fs::write(dir.path().join("agent.json"), text).unwrap();
        Run {
            stage: self,
            dir,
            port,
            server: None,
            agents: [const { None }; AGENTS],
            environment: Vec::new(),
        }
    }
}

/// One life of a data directory.
pub struct Run<'a> {
    stage: &'a Stage,
    dir: TempDir,
    port: u16,
    /// The server, while it lives.
    pub server: Option<Process>,
    /// The agents, while they live.
    pub agents: [Option<Process>; AGENTS],
    /// Variables set for every process that is started from now on.
    pub environment: Vec<(String, String)>,
}

impl Run<'_> {
    /// Starts the server and returns when it listens; with a failpoint it may die before.
    pub async fn start_server(&mut self, failpoint: Option<&str>) {
        let mut server = self.launch(failpoint);
        if server.hear().await.is_ok() || failpoint.is_some() {
            self.server = Some(server);
            return;
        }
        panic!("the server does not start:\n{}", server.tail());
    }

    /// Starts the server without waiting for anything.
    pub fn launch(&self, failpoint: Option<&str>) -> Process {
        let data = self.data();
        let mut environment = vec![
            (
                "HYBRIDGE_FAILPOINT_LEASE_MS".to_owned(),
                LEASE_MS.to_string(),
            ),
            (
                "HYBRIDGE_FAILPOINT_TRACE".to_owned(),
                shown(&self.trace_file()),
            ),
            (
                "LD_PRELOAD".to_owned(),
                shown(&self.stage.tools.join("powercut.so")),
            ),
            ("POWERCUT_DIR".to_owned(), shown(&data)),
            ("POWERCUT_FAST".to_owned(), "1".to_owned()),
        ];
        for (name, value) in &self.environment {
            // Both libraries are loaded, the power cut's last.
            match environment.iter_mut().find(|(have, _)| have == name) {
                Some((_, have)) => *have = format!("{value}:{have}"),
                None => environment.push((name.clone(), value.clone())),
            }
        }
        if let Some(failpoint) = failpoint {
            environment.push(("HYBRIDGE_FAILPOINT".to_owned(), failpoint.to_owned()));
        }
        let words = ["server", &shown(&data), &self.port.to_string()];
        Process::start(
            self.stage.program,
            &words,
            &environment,
            &self.dir.path().join("server.log"),
        )
    }

    /// Starts one of the agents.
    pub fn start_agent(&mut self, which: usize) {
        let data = shown(&self.dir.path().join(format!("agent{which}")));
        let config = shown(&self.dir.path().join("agent.json"));
        let log = self.dir.path().join(format!("agent{which}.log"));
        let words = ["agent", &data, &config];
        let environment = &self.environment;
        self.agents[which] = Some(Process::start(
            self.stage.program,
            &words,
            environment,
            &log,
        ));
    }

    /// Kills the server and drops what it had not synced; with a seed, only part of that.
    pub fn cut_power(&mut self, seed: Option<u32>) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
        let mut undo = Command::new(self.stage.tools.join("powercut"));
        undo.arg("undo").arg(self.data());
        if let Some(seed) = seed {
            undo.arg(seed.to_string());
        }
        let output = undo.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Kills an agent.
    pub fn kill_agent(&mut self, which: usize) {
        if let Some(agent) = self.agents[which].take() {
            agent.kill();
        }
    }

    /// Orders a read and waits until everything that follows from it is done.
    pub async fn sync(&mut self) -> Result<(), Died> {
        match &mut self.server {
            Some(server) => server.order("sync", "quiet").await,
            None => Err(Died),
        }
    }

    /// Has an administrator do something; it is carried out with the next read.
    pub async fn order(&mut self, order: &str) -> Result<(), Died> {
        match &mut self.server {
            Some(server) => server.order(order, "done").await,
            None => Err(Died),
        }
    }

    /// Waits until a boundary was reached so often.
    pub async fn reaches(&self, boundary: &str, times: usize) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while self
            .trace()
            .iter()
            .filter(|point| *point == boundary)
            .count()
            < times
        {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{boundary} is not reached {times} times"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Commit boundaries reached so far, in order.
    pub fn trace(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.trace_file()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What the agents and the server wrote.
    pub fn log_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Ends everything in order and says how it ended.
    pub fn end(mut self) -> Outcome {
        for agent in &mut self.agents {
            agent.take();
        }
        if let Some(server) = self.server.take() {
            server.stop();
        }
        Outcome::of(&self.data())
    }

    /// Where the server's stores are.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("server")
    }

    fn trace_file(&self) -> PathBuf {
        self.dir.path().join("trace")
    }
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Environment in which a process sees the clock so many seconds ahead.
pub fn clock_ahead(stage: &Stage, seconds: i64) -> Vec<(String, String)> {
    let library = stage.tools.join("clockshift.so");
    vec![
        ("LD_PRELOAD".to_owned(), shown(&library)),
        ("CLOCKSHIFT_SECONDS".to_owned(), seconds.to_string()),
    ]
}

/// Builds the shim that shifts a process's clock (`clockshift.so`).
pub fn build_clockshift(to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/clockshift.c");
    let mut compiler = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".into()));
    compiler.args(["-O2", "-Wall", "-Werror", "-fPIC", "-shared", "-o"]);
    let status = compiler
        .arg(to.join("clockshift.so"))
        .arg(source)
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(status.success(), "the clock shim needs a C compiler");
}

fn build_powercut(to: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab/powercut/build.sh");
    let status = Command::new(script).arg(to).status().unwrap();
    assert!(status.success(), "the power cut tools need a C compiler");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// Connector, job and agents, made by a server in this process.
async fn template(dir: &Path, connector: &ConnectorConfig, settings: JobSettings) {
    let (ready, told) = tokio::sync::oneshot::channel();
    let stop = CancellationToken::new();
    let config = server_config(dir.join("server"), 0);
    let until = stop.clone();
    let task = tokio::spawn(async move {
        server::app::run(config, |_| axum::Router::new(), ready, until)
            .await
            .unwrap();
    });
    let app = told.await.unwrap();
    let job = create_job(&app, settings);
    for which in 0..AGENTS {
        enrol(&app, &dir.join(format!("agent{which}")), connector).await;
    }
    // The server is not told: it begins with the job when it starts the next time.
    app.engine().set_job_state(job, JobState::Active).unwrap();
    drop(app);
    stop.cancel();
    task.await.unwrap();
}

fn create_job(app: &App, settings: JobSettings) -> sync_core::id::JobId {
    let engine = app.engine();
    let new = NewConnector {
        name: "ad".into(),
        kind: "ad".into(),
        config: serde_json::json!({}),
    };
    let source = engine.create_connector(&new).unwrap();
    let target = engine
        .connector_named(server::app::DIRECTORY_CONNECTOR)
        .unwrap();
    let new = NewJob {
        name: "ad to directory".into(),
        source: source.id,
        target: target.id,
        rules: preset::AD_TO_DIRECTORY.into(),
        settings,
    };
    engine.create_job(&new).unwrap().id
}

/// Enrols an agent and lets it say once which connectors it serves.
async fn enrol(app: &App, dir: &Path, connector: &ConnectorConfig) {
    let engine = app.engine();
    let (token, print) = server::pki::new_token().unwrap();
    let until = engine.now() + 600_000;
    engine
        .add_enrolment_token(&print.to_string(), &[], until)
        .unwrap();
    let url = app.url();
    let enrolment = Enrolment {
        server: &url,
        trust: Trust::Authority(app.authority().pem()),
        token: SecretString::from(token),
        name: &dir.file_name().unwrap().to_string_lossy(),
        network: Default::default(),
    };
    agent::enrol::enrol(enrolment, dir).await.unwrap();
    let options = HostOptions {
        version: agent::VERSION.to_owned(),
        data_directory: dir.into(),
        config: AgentConfig {
            server: None,
            connectors: vec![connector.clone()],
            parallel: 4,
            network: Default::default(),
            updater: None,
        },
        factory: Arc::new(agent::config::known_source),
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(agent::run(options, stop.clone()));
    let has_spoken = || {
        let agents = engine.agents().unwrap();
        agents
            .last()
            .is_some_and(|agent| agent.facts.get("connectors").is_some())
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !has_spoken() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the agent does not speak"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}
