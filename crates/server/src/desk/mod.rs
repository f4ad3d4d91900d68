//! The desk for hosts elsewhere: work is laid on it, agents take it under a lease, and their answers go to whoever asked.
//!
//! In memory, under this process's epoch: after a restart every lease of before is dead, and what was being read is read
//! again. Never decides what to read, and never hands one lease to two agents. Trap: a lease ends by the server's clock
//! alone; an agent that was frozen finds its fence refused, whatever its own clock says.

mod consumer;
mod convert;
mod lane;
mod lease;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use connectors::source::{
    Container, Listed, ObjectName, Page, ReadEnd, ReadMode, ReadOne, SourceInfo, WatchEnd,
    Watermark,
};
use sync_core::{
    code::Code,
    id::{AgentId, ReadId},
    object::ReadSpec,
    operation::Refusal,
};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::agent::v1::Work;

pub use convert::refusal_of_frame;
pub use lease::{End, Part, Rang};

use crate::pki::{AgentDirectory, Serving};
use consumer::Consumer;
use state::State;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct DeskLimits {
    /// From handing out a lease until the first word about it; then it goes back on the desk.
    pub handover: Duration,
    /// How long a lease lasts from the last word about it.
    pub lease: Duration,
    /// How long an agent counts as connected after its last word.
    pub presence: Duration,
    /// How long a read may wait for an agent with a free hand.
    pub queue: Duration,
    /// How often work nobody said a word about is handed out.
    pub handovers: u32,
}

impl Default for DeskLimits {
    fn default() -> Self {
        Self {
            handover: Duration::from_secs(15),
            lease: Duration::from_secs(60),
            presence: Duration::from_secs(60),
            queue: Duration::from_secs(600),
            handovers: 3,
        }
    }
}

/// For how long it is told that an identity was used twice at once.
const SHARED_FOR: Duration = Duration::from_secs(3_600);
// LIMIT: chunks of a listing waiting for their reader.
const LISTING_CHUNKS: usize = 2;
// LIMIT: rings of a doorbell waiting to be heard: being armed, and one ring.
const RINGS: usize = 2;

/// What is to be read.
#[derive(Clone, Debug)]
pub struct ReadOrder {
    /// Id of the read.
    pub read: ReadId,
    /// What.
    pub spec: ReadSpec,
    /// How.
    pub mode: ReadMode,
    /// Where the last read ended, if this one does not continue it: nothing older may be shown.
    pub position: Option<Watermark>,
    /// Number of the first page.
    pub first_page: u32,
}

/// Where a read's pages go.
#[async_trait]
pub trait ReadSink: Send + Sync {
    /// Takes the next page; returns when it is stored. Never called twice for a number, nor out of order.
    ///
    /// # Errors
    /// The read is over, and the agent is told this refusal.
    async fn page(&self, page: Page) -> Result<(), Refusal>;

    /// The read is over. Called exactly once per read.
    async fn end(&self, end: Result<ReadEnd, Refusal>);
}

/// A question that is answered at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// What is the source?
    Discover,
    /// Which containers are there?
    Containers {
        /// Where the last read ended: nothing older may be shown.
        position: Option<Watermark>,
    },
    /// How is the agent? Only to one agent, by [`Desk::examine`].
    Examine,
    /// What is this object?
    ReadOne {
        /// What is wanted of it.
        spec: ReadSpec,
        /// Which.
        name: ObjectName,
        /// Where the last read ended: nothing older may be shown.
        position: Option<Watermark>,
    },
}

/// An answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Call::Discover`].
    Source(SourceInfo),
    /// To [`Call::Containers`].
    Containers(Vec<Container>),
    /// To [`Call::ReadOne`].
    One(ReadOne),
    /// To [`Call::Examine`]: what the agent found, as JSON.
    Examined(String),
}

/// A running read.
#[derive(Clone, Debug)]
pub struct ReadHandle(CancellationToken);

impl ReadHandle {
    /// Ends the read: its sink is told `Conflict`, its agent is refused. Dropping the handle does nothing.
    pub fn abort(&self) {
        self.0.cancel();
    }
}

/// A listing on its way. Dropping it ends the work.
#[derive(Debug)]
pub struct Listing {
    chunks: mpsc::Receiver<Result<Vec<Listed>, Refusal>>,
    _stop_when_dropped: DropGuard,
}

impl Listing {
    /// The next chunk; `None` after the last. A listing is complete only if no chunk was a refusal.
    pub async fn next(&mut self) -> Option<Result<Vec<Listed>, Refusal>> {
        self.chunks.recv().await
    }
}

/// What a doorbell says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// It rang, or is armed.
    Rang(Rang),
    /// The source ended the watch.
    Ended(WatchEnd),
}

/// A doorbell. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watching {
    rings: mpsc::Receiver<Result<Watched, Refusal>>,
    _stop_when_dropped: DropGuard,
}

impl Watching {
    /// The next word of the doorbell; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Watched, Refusal>> {
        self.rings.recv().await
    }
}

/// The desk.
pub struct Desk {
    state: Mutex<State>,
    bell: Notify,
    directory: Arc<dyn AgentDirectory>,
    limits: DeskLimits,
    started: Instant,
    closed: CancellationToken,
}

impl Desk {
    /// An empty desk. `epoch` must be larger than that of any server process before (microseconds since 1970 will do).
    pub fn new(directory: Arc<dyn AgentDirectory>, limits: DeskLimits, epoch: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::new(epoch)),
            bell: Notify::new(),
            directory,
            limits,
            started: Instant::now(),
            closed: CancellationToken::new(),
        })
    }

    /// Lays a read on the desk. The sink hears of everything that follows.
    ///
    /// # Errors
    /// `HybridIdentityServiceNoAgentsAssigned` or `HybridIdentityServiceNoActiveAgents`; the sink is then not called.
    pub async fn offer_read(
        self: &Arc<Self>,
        connector: &str,
        order: ReadOrder,
        sink: Arc<dyn ReadSink>,
    ) -> Result<ReadHandle, Refusal> {
        self.check_agents(connector).await?;
        let abort = self.closed.child_token();
        let first = order.first_page;
        let work = lane::Order {
            connector: connector.into(),
            read: Some(order.read),
            work: convert::read_work(order),
            first,
            give_up: Instant::now() + self.limits.queue,
            abort: abort.clone(),
        };
        tokio::spawn(lane::run(self.clone(), work, Consumer::Read(sink)));
        Ok(ReadHandle(abort))
    }

    /// Asks a question and waits for its answer.
    ///
    /// # Errors
    /// What the source says, or `TimeOut`, or that no agent is assigned or connected.
    pub async fn call(
        self: &Arc<Self>,
        connector: &str,
        call: Call,
        timeout: Duration,
    ) -> Result<Answer, Refusal> {
        self.check_agents(connector).await?;
        let (reply, answer) = oneshot::channel();
        let abort = self.closed.child_token();
        let _stop_when_dropped = abort.clone().drop_guard();
        let give_up = Instant::now() + timeout;
        let work = self.order(connector, convert::call_work(call), give_up, abort);
        tokio::spawn(lane::run(self.clone(), work, Consumer::Call(Some(reply))));
        match tokio::time::timeout_at(give_up, answer).await {
            Ok(Ok(answer)) => answer,
            _ => Err(timed_out(connector)),
        }
    }

    /// Lets an agent examine itself.
    ///
    /// # Errors
    /// `HybridIdentityServiceNoActiveAgents` if it has not been heard of lately, `HybridIdentityServiceAgentSignalingError` if it is
    /// connected and does not answer, or what it says.
    pub async fn examine(
        self: &Arc<Self>,
        agent: AgentId,
        timeout: Duration,
    ) -> Result<String, Refusal> {
        self.ask(agent, Work::Examine, timeout).await
    }

    /// Asks an agent for something about itself; the answer is JSON.
    ///
    /// # Errors
    /// As [`Desk::examine`].
    pub async fn ask(
        self: &Arc<Self>,
        agent: AgentId,
        work: Work,
        timeout: Duration,
    ) -> Result<String, Refusal> {
        let about = |code| Refusal::new(code).with("agent", agent.to_string());
        if !self.is_connected(agent) {
            return Err(about(Code::HybridIdentityServiceNoActiveAgents));
        }
        let (reply, answer) = oneshot::channel();
        let abort = self.closed.child_token();
        let _stop_when_dropped = abort.clone().drop_guard();
        let give_up = Instant::now() + timeout;
        let work = self.order(&own_lane(agent), work, give_up, abort);
        tokio::spawn(lane::run(self.clone(), work, Consumer::Call(Some(reply))));
        match tokio::time::timeout_at(give_up, answer).await {
            Ok(Ok(Ok(Answer::Examined(report)))) => Ok(report),
            Ok(Ok(Err(refusal))) if refusal.code != Code::TimeOut => Err(refusal),
            Ok(Ok(Ok(_))) => Err(about(Code::RequestInvalid)),
            _ => Err(about(Code::HybridIdentityServiceAgentSignalingError)),
        }
    }

    /// Asks for a plain listing, that shows nothing older than the position where the last read ended.
    ///
    /// # Errors
    /// That no agent is assigned or connected; everything else comes as a chunk.
    pub async fn enumerate(
        self: &Arc<Self>,
        connector: &str,
        spec: ReadSpec,
        position: Option<Watermark>,
    ) -> Result<Listing, Refusal> {
        self.check_agents(connector).await?;
        let (sender, chunks) = mpsc::channel(LISTING_CHUNKS);
        let give_up = Instant::now() + self.limits.queue;
        let work = Work::Enumerate {
            spec: (&spec).into(),
            position: position.map(wire::bytes::Bytes),
        };
        let abort = self.closed.child_token();
        let work = self.order(connector, work, give_up, abort.clone());
        tokio::spawn(lane::run(self.clone(), work, Consumer::Listing(sender)));
        Ok(Listing {
            chunks,
            _stop_when_dropped: abort.drop_guard(),
        })
    }

    /// Hangs a doorbell on a source. The work lasts until the source ends it or the doorbell is dropped.
    ///
    /// # Errors
    /// That no agent is assigned or connected; everything else comes as a word of the doorbell.
    pub async fn watch(
        self: &Arc<Self>,
        connector: &str,
        spec: &ReadSpec,
        watermark: Option<Watermark>,
    ) -> Result<Watching, Refusal> {
        self.check_agents(connector).await?;
        let (sender, rings) = mpsc::channel(RINGS);
        let give_up = Instant::now() + self.limits.queue;
        let work = Work::Watch {
            spec: spec.into(),
            watermark: watermark.map(wire::bytes::Bytes),
        };
        let abort = self.closed.child_token();
        let work = self.order(connector, work, give_up, abort.clone());
        tokio::spawn(lane::run(self.clone(), work, Consumer::Watch(sender)));
        Ok(Watching {
            rings,
            _stop_when_dropped: abort.drop_guard(),
        })
    }

    /// Whether an agent has been heard of lately.
    pub fn is_connected(&self, agent: AgentId) -> bool {
        self.lock().is_present(agent, self.limits.presence)
    }

    /// Counts the processes of agents that were not seen before.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.lock().arrivals.subscribe()
    }

    /// Whether two processes work with an agent's identity: a copied machine, or a stolen key.
    pub fn is_shared(&self, agent: AgentId) -> bool {
        self.lock().is_shared(agent, SHARED_FOR)
    }

    /// Ends everything an agent is working on (it was revoked).
    pub fn expel(&self, agent: AgentId) {
        self.lock().expel(agent);
        self.bell.notify_waiters();
    }

    /// Takes back from an agent what lasts until somebody ends it (it is drained).
    pub fn drain(&self, agent: AgentId) {
        self.lock().drain(agent);
        self.bell.notify_waiters();
    }

    /// Takes back from an agent what it may serve no longer.
    pub fn unassign(&self, agent: AgentId, may_serve: impl Fn(&str) -> bool) {
        self.lock().unassign(agent, may_serve);
        self.bell.notify_waiters();
    }

    /// Ends all work and sends waiting agents home; for the end of the process.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    fn order(
        &self,
        connector: &str,
        work: Work,
        give_up: Instant,
        abort: CancellationToken,
    ) -> lane::Order {
        lane::Order {
            connector: connector.into(),
            read: None,
            work,
            first: 0,
            give_up,
            abort,
        }
    }

    async fn check_agents(&self, connector: &str) -> Result<(), Refusal> {
        // Work for one agent ends by its own time.
        if connector.starts_with(OWN_LANE) {
            return Ok(());
        }
        let agents = self.directory.agents_of(connector).await?;
        if agents.is_empty() {
            return Err(match self.directory.barred_from(connector).await?.first() {
                Some(agent) => unroutable(connector, agent),
                None => Refusal::new(Code::HybridIdentityServiceNoAgentsAssigned)
                    .with("connector", connector),
            });
        }
        // After a start, agents get the time to come back before they count as gone.
        if self.started.elapsed() < self.limits.presence {
            return Ok(());
        }
        let state = self.lock();
        let is_there = |one: &&Serving| state.is_present(one.id, self.limits.presence);
        let mut there = agents.iter().filter(is_there).peekable();
        let none =
            Refusal::new(Code::HybridIdentityServiceNoActiveAgents).with("connector", connector);
        if there.peek().is_none() {
            return Err(none);
        }
        if there.all(|one| one.is_drained) {
            return Err(none
                .with(
                    "text",
                    "every agent that is connected is drained and takes no new work",
                )
                .with("cure", "hybridge agent resume NAME"));
        }
        Ok(())
    }

    /// Whether every agent of the connector that is there asks for nothing, though it has nothing to do.
    async fn check_ears(&self, connector: &str) -> Result<(), Refusal> {
        if connector.starts_with(OWN_LANE) {
            return Ok(());
        }
        let agents = self.directory.agents_of(connector).await?;
        let state = self.lock();
        let is_there = |one: &&Serving| state.is_present(one.id, self.limits.presence);
        let mut there = agents.iter().filter(is_there).peekable();
        let is_somebody = there.peek().is_some();
        match is_somebody && there.all(|one| state.is_deaf(one.id, self.limits.presence)) {
            true => Err(signalling(connector)),
            false => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where work for one agent alone lies. No connector has such a name.
fn own_lane(agent: AgentId) -> String {
    format!("{OWN_LANE}{agent}")
}

const OWN_LANE: &str = "agent:";

/// An agent has settings for the connector, and work for it cannot be given to it.
fn unroutable(connector: &str, agent: &str) -> Refusal {
    Refusal::new(Code::HybridIdentityServiceInvalidResource)
        .with("connector", connector)
        .with("agent", agent)
        .with(
            "text",
            "the agent has settings for this connector and may not serve it",
        )
        .with(
            "cure",
            format!("hybridge agent assign {agent} --connector {connector}"),
        )
}

/// Agents are there and do not take their work.
fn signalling(connector: &str) -> Refusal {
    Refusal::new(Code::HybridIdentityServiceAgentSignalingError)
        .with("connector", connector)
        .with("text", "an agent is connected and does not take its work")
}

fn timed_out(connector: &str) -> Refusal {
    Refusal::new(Code::TimeOut).with("connector", connector)
}
