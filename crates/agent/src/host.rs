//! The agent's life: heartbeats, long polls, work, until it is told to stop.
//!
//! Reconnects for ever; says once when the connection is lost and once when it is back. Trap: heartbeat and long poll are
//! two connections on purpose, so that a long read never makes the agent look dead.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use wire::agent::v1::{Heartbeat, HeartbeatAnswer, LeaseAnswer, LeaseRequest, Leased};

use crate::{
    config::{AgentConfig, SourceFactory},
    enrol::{follow, renew},
    error::{AgentError, chain},
    identity::Identity,
    link::{CONTROL_TIMEOUT, Link},
    network::{Network, Patience},
    state::{Failure, State, uptime_ms},
    supervisor::{self, Word},
    tls::{fingerprints, for_identity},
    work::{Bench, carry_out},
};

const POLL: Duration = Duration::from_secs(25);
// How long after its end an empty answer may still come.
const POLL_MARGIN: Duration = Duration::from_secs(20);
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(1);
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 30_000;
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
// Every so many failures the loss of the connection is said again.
const SAY_AGAIN: u32 = 20;

/// What an agent is run with.
pub struct HostOptions {
    /// Where its identity is.
    pub data_directory: PathBuf,
    /// Its settings.
    pub config: AgentConfig,
    /// Version of the program, as told to the server; [`crate::VERSION`] outside tests.
    pub version: String,
    /// Makes its sources; [`crate::config::known_source`] outside tests.
    pub factory: Arc<dyn SourceFactory>,
}

/// Runs until `shutdown`.
///
/// # Errors
/// Only what makes starting impossible: no identity, a damaged one, a wrong address.
pub async fn run(options: HostOptions, shutdown: CancellationToken) -> Result<(), AgentError> {
    let identity = Identity::read(&options.data_directory)?;
    let server = options.config.server.as_deref().unwrap_or(&identity.server);
    let network = Network::new(&options.config.network)?;
    let tls = for_identity(&identity, network.further_roots())?;
    let link = Arc::new(Link::new(server, network, tls)?);
    info!(
        agent = identity.agent_id,
        server = link.server(),
        "agent {} starts",
        identity.agent_id
    );
    let busy = Arc::new(AtomicU32::new(0));
    let session = format!("{:032x}", fastrand::u128(..));
    let directory = options.data_directory.clone();
    let beats = Beats {
        state: State {
            version: options.version,
            ..State::of_this_process()
        },
        link: link.clone(),
        config: options.config.clone(),
        data_directory: options.data_directory,
        identity,
        started: Instant::now(),
        busy: busy.clone(),
        session: session.clone(),
        assignment: None,
    };
    let bench = Arc::new(Bench {
        link,
        data_directory: directory,
        config: options.config,
        factory: options.factory,
        shutdown: shutdown.clone(),
        shelf: Default::default(),
        cooldown: Default::default(),
        busy,
        session,
    });
    let mut work = Work::default();
    // Ready is whoever tries: a control plane that cannot be reached must not make the service fail.
    supervisor::tell(Word::Ready);
    tokio::select! {
        never = beats.beat() => match never {},
        never = signs_of_life() => match never {},
        never = poll(&bench, &mut work) => match never {},
        () = shutdown.cancelled() => {}
    }
    supervisor::tell(Word::Stopping);
    // The rest of the work says goodbye; what does not is cut off, and its lease expires.
    let goodbye = async {
        while work.passing.join_next().await.is_some() {}
        while work.lasting.join_next().await.is_some() {}
    };
    if timeout(GOODBYE_TIMEOUT, goodbye).await.is_err() {
        work.passing.shutdown().await;
        work.lasting.shutdown().await;
    }
    info!("agent stopped");
    Ok(())
}

type Never = std::convert::Infallible;

/// On the thread that does all the work, so that silence means that the work stands still.
async fn signs_of_life() -> Never {
    let Some(interval) = supervisor::sign_of_life_every() else {
        return std::future::pending().await;
    };
    loop {
        supervisor::tell(Word::Alive);
        sleep(interval).await;
    }
}

/// Work under way.
#[derive(Default)]
struct Work {
    /// What ends by itself, and takes a hand until then.
    passing: JoinSet<()>,
    /// Doorbells: they last, and take no hand, or an agent of many connectors would have none left to read with.
    lasting: JoinSet<()>,
}

async fn poll(bench: &Arc<Bench>, work: &mut Work) -> Never {
    let mut connection = Connection::default();
    let patience = Patience::new(POLL);
    loop {
        while work.passing.try_join_next().is_some() {}
        while work.lasting.try_join_next().is_some() {}
        bench.shelf.sweep();
        let running = u32::try_from(work.passing.len()).unwrap_or(u32::MAX);
        bench.busy.store(running, Ordering::Relaxed);
        let capacity = bench.config.parallel.max(1).saturating_sub(running);
        if capacity == 0 {
            work.passing.join_next().await;
            continue;
        }
        // Work that ends meanwhile does not shorten the poll: there was capacity for at least one piece all the time.
        let asked = Instant::now();
        match lease(bench, capacity, patience.now()).await {
            Ok(leases) => {
                connection.is_well();
                if leases.is_empty() {
                    patience.went_well();
                }
                for leased in leases {
                    debug!(
                        lease = leased.lease,
                        connector = leased.connector,
                        "leased work for connector {}",
                        leased.connector
                    );
                    if matches!(leased.work, wire::agent::v1::Work::Watch { .. }) {
                        work.lasting.spawn(carry_out(bench.clone(), leased));
                        continue;
                    }
                    bench.busy.fetch_add(1, Ordering::Relaxed);
                    work.passing.spawn(carry_out(bench.clone(), leased));
                }
            }
            Err(fault) => {
                let is_unanswered = matches!(fault, AgentError::Unreachable { .. });
                if is_unanswered && patience.broke(asked.elapsed()) {
                    debug!("a poll broke; the next ones wait {:?}", patience.now());
                }
                connection.is_broken(&fault).await;
            }
        }
    }
}

async fn lease(bench: &Bench, capacity: u32, wait: Duration) -> Result<Vec<Leased>, AgentError> {
    let request = LeaseRequest {
        connectors: bench.config.hosted(),
        capacity,
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        session: bench.session.clone(),
    };
    let answer: LeaseAnswer = bench
        .link
        .control("/lease", &request, wait + POLL_MARGIN)
        .await?;
    Ok(answer.leases)
}

struct Beats {
    state: State,
    link: Arc<Link>,
    config: AgentConfig,
    data_directory: PathBuf,
    identity: Identity,
    started: Instant,
    busy: Arc<AtomicU32>,
    session: String,
    /// The newest assignment the server told of.
    assignment: Option<u64>,
}

impl Beats {
    async fn beat(mut self) -> Never {
        let mut failures = 0;
        loop {
            if let Some(logs) = logs::here() {
                logs.heed();
            }
            let beaten = self.once().await;
            self.tell(beaten.as_ref().err());
            match beaten {
                Ok(answer) => {
                    failures = 0;
                    let before = self.assignment.replace(answer.config_generation);
                    if before.is_some_and(|before| before != answer.config_generation) {
                        info!(
                            assignment = answer.config_generation,
                            "connectors were assigned to agents anew"
                        );
                    }
                    let is_news = self.heed(answer).await;
                    // What changed is told soon: somebody may wait for it.
                    sleep(if is_news { SOON } else { HEARTBEAT_INTERVAL }).await;
                }
                // The poll says that the connection is lost; twice would be noise.
                Err(_) => {
                    sleep(pause(failures)).await;
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    /// Leaves word of how it is doing for who looks after the machine.
    fn tell(&mut self, fault: Option<&AgentError>) {
        let now = Timestamp::now().as_millisecond();
        self.state.alive_at = now;
        self.state.alive_uptime_ms = uptime_ms().unwrap_or(0);
        match fault {
            None => {
                self.state.contact_at = now;
                self.state.failure = None;
            }
            Some(fault) => {
                self.state.failure = Some(Failure {
                    code: fault.code().name().into(),
                    text: chain(fault),
                });
            }
        }
        // A full disk must not stop the work; the doctor finds it.
        if let Err(fault) = self.state.write(&self.data_directory) {
            debug!(%fault, "the state could not be written");
        }
    }

    async fn once(&self) -> Result<HeartbeatAnswer, AgentError> {
        let beat = Heartbeat {
            version: self.state.version.clone(),
            uptime_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            memory_bytes: memory_bytes(),
            clock_ms: Timestamp::now().as_millisecond(),
            connectors: self.config.hosted(),
            leases: self.busy.load(Ordering::Relaxed),
            session: self.session.clone(),
            authorities: fingerprints(&self.identity.authority),
        };
        self.link
            .control("/heartbeat", &beat, CONTROL_TIMEOUT)
            .await
    }

    /// Does what the server wants; whether anything changed.
    async fn heed(&mut self, answer: HeartbeatAnswer) -> bool {
        let mut is_news = false;
        if let Some(authority) = answer.authority {
            match follow(&self.link, &self.identity, authority, &self.data_directory) {
                Ok(next) => {
                    self.identity = next;
                    is_news = true;
                }
                Err(fault) => warn!(
                    cause = chain(&fault),
                    "the change of the tenant's authority could not be followed yet"
                ),
            }
        }
        if answer.renew {
            is_news |= self.renew().await;
        }
        is_news
    }

    async fn renew(&mut self) -> bool {
        match renew(&self.link, &self.identity, &self.data_directory).await {
            Ok(next) => {
                self.identity = next;
                true
            }
            Err(fault) => {
                warn!(
                    cause = chain(&fault),
                    "the certificate could not be renewed yet"
                );
                false
            }
        }
    }
}

/// Whether the server answers, said when it changes.
#[derive(Default)]
struct Connection {
    failures: u32,
    has_been_well: bool,
}

impl Connection {
    fn is_well(&mut self) {
        if self.failures > 0 || !self.has_been_well {
            info!("connected to the control plane");
            supervisor::tell(Word::Status("connected to the control plane"));
        }
        self.failures = 0;
        self.has_been_well = true;
    }

    async fn is_broken(&mut self, fault: &AgentError) {
        if self.failures.is_multiple_of(SAY_AGAIN) {
            let cause = chain(fault);
            let code = fault.code();
            if fault.is_passing() {
                warn!(%code, "no work from the control plane, trying again: {cause}");
                supervisor::tell(Word::Status(&format!("not connected: {code}")));
            } else {
                supervisor::tell(Word::Status(&format!(
                    "refused by the control plane: {code}"
                )));
                error!(%code, "the control plane refuses this agent: {cause}");
            }
        }
        let pause = if fault.is_passing() {
            pause(self.failures)
        } else {
            pause(u32::MAX)
        };
        self.failures = self.failures.saturating_add(1);
        sleep(pause).await;
    }
}

/// Grows with every failure, and differs from agent to agent so that they do not all come back at once.
fn pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE_MS.saturating_mul(1 << failures.min(10));
    let whole = doubled.min(LONGEST_PAUSE_MS);
    Duration::from_millis(fastrand::u64(whole / 2..=whole))
}

/// Resident memory, where the system tells.
fn memory_bytes() -> u64 {
    const KIB: u64 = 1024;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * KIB
}
