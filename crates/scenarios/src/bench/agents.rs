//! Many agents with nothing to do on one server, and all of them at once after it was started anew.
//!
//! The server is a process of its own; the agents are the real agent's code in this one, each with its own identity and
//! connections. Trap: everything runs on one machine, so a storm takes the agents' side of a thousand handshakes from the server.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use agent::{
    config::{AgentConfig, ConnectorConfig},
    enrol::Enrolment,
    host::HostOptions,
    tls::Trust,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use wire::api::v1::{Agent, Page};

use super::{
    api::Api,
    installation::{NAME, Process, start_server_at},
    procfs::Used,
    say,
};

/// How long they are looked at with nothing to do.
const IDLE: Duration = Duration::from_secs(60);
/// Until connections and heartbeats are spread.
const SETTLE: Duration = Duration::from_secs(25);
/// Enrolments at once.
const ENROLLERS: usize = 8;
/// How long a storm may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Idle {
    /// Agents.
    pub agents: usize,
    /// Seconds until all were enrolled.
    pub enrolment_seconds: f64,
    /// The server's memory before there was any agent.
    pub empty_kib: u64,
    /// The server's memory with all of them.
    pub resident_kib: u64,
    /// The server's processor time while nothing happened, for each second.
    pub cpu_share: f64,
    /// Bytes it wrote meanwhile, for each second.
    pub written_per_second: f64,
    /// From the start of the new server until it had heard of all of them.
    pub storm_seconds: f64,
    /// Processor time of the server until then.
    pub storm_cpu_seconds: f64,
    /// The most memory of the server until then.
    pub storm_peak_kib: u64,
}

impl Idle {
    fn kib_each(&self) -> f64 {
        self.resident_kib.saturating_sub(self.empty_kib) as f64 / self.agents as f64
    }

    fn cpu_us_each(&self) -> f64 {
        self.cpu_share * 1e6 / self.agents as f64
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "agents": self.agents,
            "enrolment_seconds": self.enrolment_seconds,
            "rss_server_empty_mib": self.empty_kib as f64 / 1024.0,
            "rss_server_mib": self.resident_kib as f64 / 1024.0,
            "rss_kib_per_agent": self.kib_each(),
            "cpu_share_of_one_core": self.cpu_share,
            "cpu_us_per_agent_and_second": self.cpu_us_each(),
            "bytes_written_per_second": self.written_per_second,
            "storm_seconds": self.storm_seconds,
            "storm_cpu_seconds": self.storm_cpu_seconds,
            "storm_peak_mib": self.storm_peak_kib as f64 / 1024.0,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        format!(
            "{} agents, enrolled in {:.1} s\n\
             memory of the server: {:.0} MiB without, {:.0} MiB with them: {:.0} KiB for each\n\
             idle: {:.2} % of one core, {:.0} µs for each agent and second, {:.0} bytes written for each second\n\
             all at once after a restart: heard again after {:.1} s, {:.1} s of processor time, at most {:.0} MiB",
            self.agents,
            self.enrolment_seconds,
            self.empty_kib as f64 / 1024.0,
            self.resident_kib as f64 / 1024.0,
            self.kib_each(),
            self.cpu_share * 100.0,
            self.cpu_us_each(),
            self.written_per_second,
            self.storm_seconds,
            self.storm_cpu_seconds,
            self.storm_peak_kib as f64 / 1024.0,
        )
    }
}

/// Measures.
///
/// # Panics
/// If server or agents do not do what they should.
pub async fn run(agents: usize) -> Idle {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("server");
    let server = start_server_at(dir.path(), &data, "127.0.0.1:0", &[]);
    let api = Api::new(&data);
    api.post(
        "connectors",
        json!({ "name": NAME, "kind": "ad", "config": {} }),
    )
    .await;
    let mut idle = Idle {
        agents,
        empty_kib: Used::of(server.id()).resident_kib,
        ..Idle::default()
    };
    let begun = Instant::now();
    let homes = enrol(dir.path(), &data, &api, agents).await;
    idle.enrolment_seconds = begun.elapsed().as_secs_f64();
    say(format!("{agents} agents enrolled"));

    let stop = CancellationToken::new();
    let mut hosts = JoinSet::new();
    for home in homes {
        hosts.spawn(agent::run(options(home), stop.clone()));
    }
    heard(&api, agents, 0).await;
    say("all were heard; now nothing happens");
    sleep(SETTLE).await;
    let (before, at) = (Used::of(server.id()), Instant::now());
    sleep(IDLE).await;
    let (after, seconds) = (Used::of(server.id()), at.elapsed().as_secs_f64());
    idle.resident_kib = after.resident_kib;
    idle.cpu_share = (after.cpu_seconds - before.cpu_seconds) / seconds;
    idle.written_per_second = (after.written_bytes - before.written_bytes) as f64 / seconds;

    let address = address(&data);
    drop(server);
    sleep(Duration::from_secs(2)).await;
    let began = jiff::Timestamp::now().as_millisecond();
    let at = Instant::now();
    let server: Process = start_server_at(dir.path(), &data, &address, &[]);
    heard(&Api::new(&data), agents, began).await;
    idle.storm_seconds = at.elapsed().as_secs_f64();
    let used = Used::of(server.id());
    (idle.storm_cpu_seconds, idle.storm_peak_kib) = (used.cpu_seconds, used.peak_kib);
    stop.cancel();
    while let Some(ended) = hosts.join_next().await {
        ended.unwrap().unwrap();
    }
    idle
}

fn address(data: &Path) -> String {
    let text = std::fs::read_to_string(data.join("admin.json")).unwrap();
    let admin: Value = serde_json::from_str(&text).unwrap();
    let url = admin["url"].as_str().unwrap();
    url.trim_start_matches("https://").to_owned()
}

fn options(home: PathBuf) -> HostOptions {
    HostOptions {
        version: agent::VERSION.to_owned(),
        data_directory: home,
        config: AgentConfig {
            server: None,
            connectors: vec![ConnectorConfig {
                name: NAME.into(),
                kind: "ad".into(),
                // Nobody asks for it.
                settings: json!({ "urls": ["ldaps://dc.invalid"], "bind": "nobody", "secret": { "file": "/nowhere" } }),
            }],
            parallel: 4,
            network: Default::default(),
            updater: None,
        },
        factory: Arc::new(agent::config::known_source),
    }
}

async fn enrol(dir: &Path, data: &Path, api: &Api, agents: usize) -> Vec<PathBuf> {
    let url = format!("https://{}", address(data));
    let homes: Vec<PathBuf> = (0..agents)
        .map(|number| dir.join(format!("agent{number}")))
        .collect();
    for part in homes.chunks(ENROLLERS) {
        let all = part.iter().map(|home| enrol_one(&url, home, api));
        futures_util::future::join_all(all).await;
    }
    homes
}

async fn enrol_one(url: &str, home: &Path, api: &Api) {
    let token = api.post("enrolment-tokens", json!({})).await;
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    let enrolment = Enrolment {
        server: url,
        trust: Trust::fingerprint(&text("authorityFingerprint")).unwrap(),
        token: SecretString::from(text("token")),
        name: "idle",
        network: Default::default(),
    };
    agent::enrol::enrol(enrolment, home).await.unwrap();
}

/// Waits until the server has heard of so many after this time, in milliseconds.
async fn heard(api: &Api, agents: usize, since: i64) {
    let begun = Instant::now();
    loop {
        let page: Page<Agent> = serde_json::from_value(api.show("agents").await).unwrap();
        let is_heard = |one: &&Agent| {
            let at = one
                .last_seen_at
                .as_deref()
                .and_then(|at| at.parse::<jiff::Timestamp>().ok());
            at.is_some_and(|at| at.as_millisecond() >= since)
        };
        let count = page.items.iter().filter(is_heard).count();
        if count == agents {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "only {count} of {agents} were heard"
        );
        sleep(Duration::from_millis(250)).await;
    }
}
