//! What lies on the desk, who holds what, and who is there.
//!
//! Plain data behind the desk's lock; never waits. Trap: a lease is forgotten when its work is over, but its fence is
//! remembered for a while, so that a repeated last word is accepted again.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use sync_core::id::AgentId;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use wire::agent::v1::{Leased, Work};

use super::lease::Command;

// LIMIT: finished leases remembered.
const FINISHED: usize = 256;
// LIMIT: processes of an agent remembered that others have taken the place of, and the length of what they call themselves.
const FORMER: usize = 8;
const SESSION_BYTES: usize = 64;
// LIMIT: posts about one lease waiting for their turn.
const COMMANDS: usize = 2;

/// Work nobody has taken yet.
pub struct Waiting {
    pub id: u64,
    pub connector: String,
    pub work: Work,
    pub taken: oneshot::Sender<Hold>,
}

/// The desk's end of a lease.
pub struct Hold {
    pub lease: String,
    pub commands: mpsc::Receiver<Command>,
    pub expelled: CancellationToken,
    /// The agent was started anew: whoever held this will not say a word any more, and is not listened to.
    pub orphaned: CancellationToken,
}

/// The process that works with an agent's identity.
struct Process {
    session: String,
    seen: Instant,
    /// Those before it.
    former: VecDeque<String>,
    /// When one of those before it was heard beside it.
    shared: Option<Instant>,
}

struct Held {
    agent: AgentId,
    connector: String,
    /// A doorbell, which lasts until somebody ends it.
    is_lasting: bool,
    fence: u64,
    commands: mpsc::Sender<Command>,
    expelled: CancellationToken,
    orphaned: CancellationToken,
}

/// What is known of a lease somebody speaks about.
pub enum Found {
    Live(mpsc::Sender<Command>),
    Finished,
    Dead,
}

pub struct State {
    // INVARIANT: only grows, also from one process to the next, because it starts at the epoch.
    counter: u64,
    queue: VecDeque<Waiting>,
    held: BTreeMap<String, Held>,
    finished: VecDeque<(String, u64)>,
    present: BTreeMap<AgentId, Instant>,
    /// When each last asked for work with a free hand.
    asked: BTreeMap<AgentId, Instant>,
    /// Counts what was decided about each agent: whoever waits with what was known before is sent home to ask anew.
    turns: BTreeMap<AgentId, u64>,
    processes: BTreeMap<AgentId, Process>,
    /// Counts processes not seen before.
    pub arrivals: watch::Sender<u64>,
}

impl State {
    pub fn new(epoch: u64) -> Self {
        Self {
            counter: epoch,
            queue: VecDeque::new(),
            held: BTreeMap::new(),
            finished: VecDeque::new(),
            present: BTreeMap::new(),
            asked: BTreeMap::new(),
            turns: BTreeMap::new(),
            processes: BTreeMap::new(),
            arrivals: watch::Sender::new(0),
        }
    }

    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Puts work on the desk; the id takes it back.
    pub fn lay(&mut self, connector: &str, work: Work) -> (u64, oneshot::Receiver<Hold>) {
        let (taken, hold) = oneshot::channel();
        let id = self.count();
        let connector = connector.to_owned();
        self.queue.push_back(Waiting {
            id,
            connector,
            work,
            taken,
        });
        (id, hold)
    }

    pub fn take_back(&mut self, id: u64) {
        self.queue.retain(|waiting| waiting.id != id);
    }

    /// The oldest work for one of these connectors, leased to an agent.
    pub fn take(
        &mut self,
        agent: AgentId,
        serves: impl Fn(&str) -> bool,
        handover: Duration,
    ) -> Option<Leased> {
        loop {
            let at = self
                .queue
                .iter()
                .position(|waiting| serves(&waiting.connector))?;
            let waiting = self.queue.remove(at)?;
            let fence = self.count();
            let lease = format!("{fence:x}");
            let (sender, commands) = mpsc::channel(COMMANDS);
            let expelled = CancellationToken::new();
            let orphaned = CancellationToken::new();
            let hold = Hold {
                lease: lease.clone(),
                commands,
                expelled: expelled.clone(),
                orphaned: orphaned.clone(),
            };
            // Whoever wanted this may have gone meanwhile; then the next one.
            if waiting.taken.send(hold).is_err() {
                continue;
            }
            self.held.insert(
                lease.clone(),
                Held {
                    agent,
                    connector: waiting.connector.clone(),
                    is_lasting: matches!(waiting.work, Work::Watch { .. }),
                    fence,
                    commands: sender,
                    expelled,
                    orphaned,
                },
            );
            return Some(Leased {
                lease,
                fence,
                deadline_ms: milliseconds(handover),
                connector: waiting.connector,
                work: waiting.work,
            });
        }
    }

    pub fn find(&self, agent: AgentId, lease: &str, fence: u64) -> Found {
        match self.held.get(lease) {
            Some(held) if held.agent == agent && held.fence == fence => {
                Found::Live(held.commands.clone())
            }
            Some(_) => Found::Dead,
            None if self
                .finished
                .iter()
                .any(|have| have.0 == lease && have.1 == fence) =>
            {
                Found::Finished
            }
            None => Found::Dead,
        }
    }

    /// Ends a lease. `well`: its last word was accepted, and will be again.
    pub fn release(&mut self, lease: &str, well: bool) {
        let Some(held) = self.held.remove(lease) else {
            return;
        };
        if well {
            self.finished.push_back((lease.into(), held.fence));
            if self.finished.len() > FINISHED {
                self.finished.pop_front();
            }
        }
    }

    pub fn turn(&self, agent: AgentId) -> u64 {
        self.turns.get(&agent).copied().unwrap_or(0)
    }

    fn decided(&mut self, agent: AgentId) {
        *self.turns.entry(agent).or_default() += 1;
    }

    pub fn expel(&mut self, agent: AgentId) {
        self.decided(agent);
        self.present.remove(&agent);
        for held in self.held.values().filter(|held| held.agent == agent) {
            held.expelled.cancel();
        }
    }

    /// Takes doorbells back from an agent that is to take no new work; what ends by itself it ends.
    pub fn drain(&mut self, agent: AgentId) {
        self.decided(agent);
        for held in self.held.values() {
            if held.agent == agent && held.is_lasting {
                held.orphaned.cancel();
            }
        }
    }

    /// Takes back what an agent may serve no longer.
    pub fn unassign(&mut self, agent: AgentId, may_serve: impl Fn(&str) -> bool) {
        self.decided(agent);
        for held in self.held.values() {
            if held.agent == agent && !may_serve(&held.connector) {
                held.orphaned.cancel();
            }
        }
    }

    /// An agent with a free hand asked for work.
    pub fn asked(&mut self, agent: AgentId) {
        self.asked.insert(agent, Instant::now());
    }

    /// Whether an agent is there, has nothing to do and asks for nothing.
    pub fn is_deaf(&self, agent: AgentId, window: Duration) -> bool {
        let has_asked = self
            .asked
            .get(&agent)
            .is_some_and(|at| at.elapsed() < window);
        let is_busy = || {
            let mut held = self.held.values();
            held.any(|held| held.agent == agent && !held.is_lasting)
        };
        !has_asked && !is_busy()
    }

    /// Whether this process may work for the agent. A process not seen before was started after those that were: what they
    /// held is over, and they are sent away for as long as the new one is there (one of them may be a copy of the machine, or
    /// may have been frozen). Once it has gone they may come back.
    pub fn admits(&mut self, agent: AgentId, session: &str, presence: Duration) -> bool {
        // Agents of before do not say which process they are.
        if session.is_empty() || session.len() > SESSION_BYTES {
            return true;
        }
        let Some(process) = self.processes.get_mut(&agent) else {
            let process = Process {
                session: session.to_owned(),
                seen: Instant::now(),
                former: VecDeque::new(),
                shared: None,
            };
            self.processes.insert(agent, process);
            self.arrivals.send_modify(|count| *count += 1);
            return true;
        };
        if process.session == session {
            process.seen = Instant::now();
            return true;
        }
        if process.former.iter().any(|one| one == session) && process.seen.elapsed() < presence {
            process.shared = Some(Instant::now());
            return false;
        }
        process.former.retain(|one| one != session);
        let before = std::mem::replace(&mut process.session, session.to_owned());
        process.seen = Instant::now();
        process.former.push_back(before);
        if process.former.len() > FORMER {
            process.former.pop_front();
        }
        self.arrivals.send_modify(|count| *count += 1);
        for held in self.held.values().filter(|held| held.agent == agent) {
            held.orphaned.cancel();
        }
        true
    }

    /// Whether two processes worked with the agent's identity lately: a copied machine or a stolen key.
    pub fn is_shared(&self, agent: AgentId, window: Duration) -> bool {
        let process = self.processes.get(&agent);
        let shared = process.and_then(|process| process.shared);
        shared.is_some_and(|at| at.elapsed() < window)
    }

    pub fn seen(&mut self, agent: AgentId) {
        self.present.insert(agent, Instant::now());
    }

    pub fn is_present(&self, agent: AgentId, window: Duration) -> bool {
        self.present
            .get(&agent)
            .is_some_and(|seen| seen.elapsed() < window)
    }
}

pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
