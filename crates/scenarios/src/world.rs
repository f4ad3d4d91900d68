//! A server and an agent in this process, over the real wire, in front of a source.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agent::{AgentConfig, ConnectorConfig, HostOptions, enrol::Enrolment, tls::Trust};
use engine::{ConnectorRow, JobRow, JobSettings, JobState, LogQuery, NewConnector, NewJob, Record};
use forest::{Forest, Rights, Served};
use secrecy::SecretString;
use server::app::{App, Config, Extras};
use sync_core::{id::ConnectorId, schema::preset};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::open;

/// Where objects come from.
pub struct Source {
    /// Settings of the agent's connector.
    pub settings: serde_json::Value,
    /// Domains to verify in the tenant.
    pub domains: Vec<String>,
}

impl Source {
    /// A forest, with an account that may read it.
    pub async fn forest(forest: &Forest, dir: &TempDir) -> (Self, Served) {
        forest
            .add_account("svc-hybridge", "Secret.Sync1", Rights::SYNC)
            .unwrap();
        let authority = forest::make_ca().unwrap();
        let served = forest
            .serve(
                "127.0.0.1:0".parse().unwrap(),
                Some(authority.server.clone()),
            )
            .await
            .unwrap();
        let ca = dir.path().join("forest-ca.pem");
        std::fs::write(&ca, &authority.ca_pem).unwrap();
        let secret = private_file(dir, "forest-secret", "Secret.Sync1");
        let settings = serde_json::json!({
            "urls": [format!("ldap://localhost:{}", served.addr.port())],
            "bind": "svc-hybridge@canal.example",
            "secret": { "file": secret },
            "ca_file": ca,
        });
        (
            Self {
                settings,
                domains: vec!["canal.example".into()],
            },
            served,
        )
    }
}

/// Sources are compared whole as soon as somebody looks, as if the last comparison were long ago.
pub fn compare_now(data: &std::path::Path) {
    let connection = rusqlite::Connection::open(data.join("engine.db")).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    let changed = connection.execute(
        "UPDATE connector SET compared_at = 0 WHERE compared_at IS NOT NULL",
        [],
    );
    assert!(changed.unwrap() > 0, "nothing was ever compared");
}

pub fn private_file(dir: &TempDir, name: &str, content: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Stops what it was given to when it goes.
struct Stop(CancellationToken);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

pub struct World {
    pub app: App,
    pub dir: TempDir,
    pub connector: ConnectorRow,
    pub job: JobRow,
    /// Further sources with a job each, into the same target.
    pub others: Vec<(ConnectorRow, JobRow)>,
    server_stop: Stop,
    agent_stop: Stop,
    agent_config: AgentConfig,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

pub fn quick_settings() -> JobSettings {
    JobSettings {
        settle_seconds: 1,
        interval_seconds: 1,
        // What is refused is easier to count when the whole object is.
        set_conflicts_aside: false,
        ..JobSettings::default()
    }
}

pub fn log_to_stderr() {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".into());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_test_writer()
        .try_init();
}

impl World {
    /// Starts everything and creates connector and job, paused.
    pub async fn new(dir: TempDir, source: &Source, settings: JobSettings) -> Self {
        Self::with(dir, source, settings, Extras::default()).await
    }

    /// The same, with a server that is started in another way.
    pub async fn with(
        dir: TempDir,
        source: &Source,
        settings: JobSettings,
        extras: Extras,
    ) -> Self {
        log_to_stderr();
        let (app, server_stop, task) = start_server(&dir, &source.domains, extras).await;
        let engine = app.engine().clone();
        let connector = engine
            .create_connector(&NewConnector {
                name: "ad".into(),
                kind: "ad".into(),
                config: serde_json::json!({}),
            })
            .unwrap();
        let target = engine
            .connector_named(server::app::DIRECTORY_CONNECTOR)
            .unwrap();
        let job = engine
            .create_job(&NewJob {
                name: "ad to directory".into(),
                source: connector.id,
                target: target.id,
                rules: preset::AD_TO_DIRECTORY.into(),
                settings,
            })
            .unwrap();
        let (token, print) = server::pki::new_token().unwrap();
        engine
            .add_enrolment_token(&print.to_string(), &[], engine.now() + 600_000)
            .unwrap();
        let agent_dir = dir.path().join("agent");
        let url = app.url();
        let enrolment = Enrolment {
            server: &url,
            trust: Trust::Authority(app.authority().pem()),
            token: SecretString::from(token),
            name: "agent one",
            network: Default::default(),
        };
        agent::enrol::enrol(enrolment, &agent_dir).await.unwrap();
        let agent_config = AgentConfig {
            server: None,
            connectors: vec![ConnectorConfig {
                name: "ad".into(),
                kind: "ad".into(),
                settings: source.settings.clone(),
            }],
            parallel: 4,
            network: Default::default(),
            updater: None,
        };
        let mut world = Self {
            app,
            dir,
            connector,
            job,
            others: Vec::new(),
            server_stop: Stop(server_stop),
            agent_stop: Stop(CancellationToken::new()),
            agent_config,
            tasks: vec![task],
        };
        world.start_agent();
        world
    }

    /// A further source, with a paused job into the same target.
    pub async fn add_source(&mut self, name: &str, source: &Source) {
        let engine = self.app.engine().clone();
        let new = NewConnector {
            name: name.into(),
            kind: "ad".into(),
            config: serde_json::json!({}),
        };
        let connector = engine.create_connector(&new).unwrap();
        let new = NewJob {
            name: format!("{name} to directory"),
            source: connector.id,
            target: self.job.target,
            rules: preset::AD_TO_DIRECTORY.into(),
            settings: self.job.settings.clone(),
        };
        let job = engine.create_job(&new).unwrap();
        self.others.push((connector, job));
        self.stop_agent().await;
        self.agent_config.connectors.push(ConnectorConfig {
            name: name.into(),
            kind: "ad".into(),
            settings: source.settings.clone(),
        });
        self.start_agent();
        self.app.jobs_changed();
    }

    /// Starts the job of a further source.
    pub fn start_other(&self, index: usize) {
        let job = self.others[index].1.id;
        self.app
            .engine()
            .set_job_state(job, JobState::Active)
            .unwrap();
        self.app.jobs_changed();
    }

    pub fn start_agent(&mut self) {
        let stop = CancellationToken::new();
        self.agent_stop = Stop(stop.clone());
        let options = HostOptions {
            version: agent::VERSION.to_owned(),
            data_directory: self.dir.path().join("agent"),
            config: self.agent_config.clone(),
            factory: Arc::new(agent::config::known_source),
        };
        self.tasks.push(tokio::spawn(async move {
            agent::run(options, stop).await.unwrap()
        }));
    }

    pub fn start_job(&self) {
        self.app
            .engine()
            .set_job_state(self.job.id, JobState::Active)
            .unwrap();
        self.app.jobs_changed();
    }

    /// Changes settings of the job, which may run.
    pub fn settle(&self, change: impl FnOnce(&mut JobSettings)) {
        let engine = self.app.engine();
        let mut settings = engine.job(self.job.id).unwrap().settings;
        change(&mut settings);
        engine.set_job_settings(self.job.id, &settings).unwrap();
        self.app.jobs_changed();
    }

    /// Pauses the job, so that what is done now is seen together.
    pub fn pause_job(&self) {
        self.app
            .engine()
            .set_job_state(self.job.id, JobState::Paused)
            .unwrap();
        self.app.jobs_changed();
    }

    /// Reads now, and waits until everything that follows from it is done (or held).
    pub async fn sync(&self) {
        let engine = self.app.engine();
        let active: Vec<ConnectorId> = self.active_sources();
        let before = self.last_read();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
        let mut calm = 0;
        loop {
            for source in &active {
                self.app.read_wake(*source).notify_one();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            // A read that began after the call shows the change; the second is for what it found.
            let are_read = active.iter().all(|id| self.reads_after(*id, before) >= 2);
            let quiet = are_read && self.is_quiet();
            calm = if quiet { calm + 1 } else { 0 };
            if calm >= 3 {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "not quiet after two minutes: {:?} {:?} connector {:?} job {:?}",
                open(engine),
                self.app.activity(self.job.id),
                engine.connector(self.connector.id).unwrap(),
                engine.job(self.job.id).unwrap().failure,
            );
        }
    }

    /// Nothing is read any more unless somebody asks.
    pub async fn read_only_when_asked(&self) {
        self.settle(|settings| {
            settings.doorbell = false;
            settings.interval_seconds = 86_400;
        });
        self.sync().await;
        // A ring of before may still lead to a read.
        let (mut last, mut calm) = (self.last_read(), 0);
        while calm < 10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            calm = if self.last_read() == last {
                calm + 1
            } else {
                0
            };
            last = self.last_read();
        }
    }

    /// How every read was made, oldest first.
    pub fn read_modes(&self) -> Vec<String> {
        let modes = self.app.engine().read(|c| {
            let mut statement = c.prepare("SELECT mode FROM read ORDER BY id")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        });
        modes.unwrap()
    }

    /// The newest read that ended well.
    pub fn reads(&self) -> i64 {
        self.app
            .engine()
            .read(|c| {
                Ok(c.query_row(
                    "SELECT coalesce(max(id), 0) FROM read WHERE state = 'complete'",
                    [],
                    |r| r.get(0),
                )?)
            })
            .unwrap()
    }

    /// The sources of jobs that are not paused.
    fn active_sources(&self) -> Vec<ConnectorId> {
        let jobs = self.app.engine().jobs().unwrap();
        let active = jobs.iter().filter(|job| job.state == JobState::Active);
        let mut sources: Vec<ConnectorId> = active.map(|job| job.source).collect();
        if sources.is_empty() {
            sources.push(self.connector.id);
        }
        sources.dedup();
        sources
    }

    /// The newest read of all.
    fn last_read(&self) -> i64 {
        let engine = self.app.engine();
        let last = engine.read(|c| {
            Ok(
                c.query_row("SELECT coalesce(max(id), 0) FROM read", [], |row| {
                    row.get(0)
                })?,
            )
        });
        last.unwrap()
    }

    /// How many reads of a source that began after this one ended well.
    pub fn reads_after(&self, source: ConnectorId, read: i64) -> i64 {
        let engine = self.app.engine();
        let count = engine.read(|c| {
            Ok(c.query_row(
                "SELECT count(*) FROM read WHERE state = 'complete' AND connector = ?1 AND id > ?2",
                [source.0, read],
                |row| row.get(0),
            )?)
        });
        count.unwrap()
    }

    fn is_quiet(&self) -> bool {
        open(self.app.engine()).is_empty()
    }

    pub fn log_since(&self, after: i64) -> Vec<Record> {
        let query = LogQuery {
            after: Some(after),
            ascending: true,
            limit: 1_000_000,
            ..LogQuery::default()
        };
        self.app.engine().log(&query).unwrap().records
    }

    pub fn log_end(&self) -> i64 {
        self.app.engine().log_end().unwrap()
    }

    pub fn linked(&self) -> i64 {
        self.app.engine().linked_count(self.job.id).unwrap()
    }

    pub fn source_id(&self) -> ConnectorId {
        self.connector.id
    }

    pub async fn stop_agent(&mut self) {
        self.agent_stop.0.cancel();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    /// Stops and starts the server on the same data; agents come back by themselves.
    pub async fn restart_server(mut self) -> Self {
        self.server_stop.0.cancel();
        let task = self.tasks.remove(0);
        task.await.unwrap();
        let port = self.app.config().listen.port();
        let domains = self.app.config().verified_domains.clone();
        let extras = self.app.config().extras.clone();
        let (dir, old) = (self.dir, self.app);
        drop(old);
        let (app, server_stop, task) = start_server_at(&dir, &domains, port, extras).await;
        self.tasks.insert(0, task);
        Self {
            app,
            dir,
            server_stop: Stop(server_stop),
            ..self
        }
    }
}

async fn start_server(
    dir: &TempDir,
    domains: &[String],
    extras: Extras,
) -> (App, CancellationToken, tokio::task::JoinHandle<()>) {
    start_server_at(dir, domains, 0, extras).await
}

async fn start_server_at(
    dir: &TempDir,
    domains: &[String],
    port: u16,
    extras: Extras,
) -> (App, CancellationToken, tokio::task::JoinHandle<()>) {
    let config = Config {
        data_directory: dir.path().join("server"),
        listen: ([127, 0, 0, 1], port).into(),
        names: vec!["127.0.0.1".into()],
        tenant_name: "Canal".into(),
        initial_domain: "canal.hybridge.example".into(),
        verified_domains: domains.to_vec(),
        adopts_directory: false,
        extras,
    };
    let (ready, told) = tokio::sync::oneshot::channel();
    let stop = CancellationToken::new();
    let until = stop.clone();
    let task = tokio::spawn(async move {
        server::app::run(config, server::api::router, ready, until)
            .await
            .unwrap();
    });
    (told.await.unwrap(), stop, task)
}
