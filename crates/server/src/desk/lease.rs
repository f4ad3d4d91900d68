//! The agents' side of the desk: taking work, and speaking about leased work.
//!
//! Never trusts an agent: a lease answers only to the agent that took it, with its fence. Trap: an agent's connection may
//! break at any moment, so what it posted is handled by the lane's task and never by the request's.

use connectors::source::{Listed, Page, ReadEnd, WatchEnd};
use sync_core::{code::Code, id::ReadId, operation::Refusal};
use tokio::{
    sync::oneshot,
    time::{Duration, Instant, timeout_at},
};
use wire::agent::v1::{LONGEST_POLL_MS, LeaseAnswer, LeaseRequest, Receipt};

use super::{Answer, Desk, state::Found};
use crate::pki::AgentRecord;

// LIMIT: pieces of work handed out at once.
const MOST_LEASES: u32 = 32;

/// A numbered part of leased work.
#[derive(Debug)]
pub enum Part {
    /// A page of this read.
    Page(ReadId, Page),
    /// A chunk of a listing.
    Listing(Vec<Listed>),
    /// A ring of the doorbell.
    Ring(Rang),
}

/// What a watch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rang {
    /// From now on every change rings; what came before may have been missed.
    Armed,
    /// Something changed.
    Changed,
}

/// The last word about leased work.
#[derive(Debug)]
pub enum End {
    /// Of a read.
    Read(Result<ReadEnd, Refusal>),
    /// Of a call, or the failure of a listing.
    Answer(Result<Answer, Refusal>),
    /// Of a watch.
    Watch(WatchEnd),
    /// Of a listing.
    Listing {
        /// Chunks sent.
        chunks: u32,
    },
}

/// What an agent says about its lease.
pub enum Word {
    Extend,
    Part(u32, Part),
    End(End),
}

pub struct Command {
    pub word: Word,
    pub reply: oneshot::Sender<Receipt>,
}

impl Desk {
    /// Gives an agent work for its connectors, waiting for some to come. `None`: a process that was started later works with
    /// this identity.
    pub async fn take(&self, agent: &AgentRecord, request: &LeaseRequest) -> Option<LeaseAnswer> {
        let wait = Duration::from_millis(request.wait_ms.min(LONGEST_POLL_MS));
        let until = Instant::now() + wait;
        let capacity = request.capacity.min(MOST_LEASES) as usize;
        // Without a free hand it is only a question whether the server answers, and no sign of a running agent.
        if capacity == 0 {
            return Some(LeaseAnswer::default());
        }
        let turn = self.lock().turn(agent.id);
        loop {
            let rung = self.bell.notified();
            let mut rung = std::pin::pin!(rung);
            // Listening starts before looking, or work laid down in between would be slept through.
            rung.as_mut().enable();
            let is_current = self.lock().turn(agent.id) == turn;
            let leases = match is_current {
                true => self.take_now(agent, request, capacity)?,
                false => return Some(LeaseAnswer::default()),
            };
            if !leases.is_empty() {
                return Some(LeaseAnswer { leases });
            }
            tokio::select! {
                () = self.closed.cancelled() => return Some(LeaseAnswer::default()),
                rung = timeout_at(until, rung) => if rung.is_err() {
                    let is_admitted = self.admits(agent, &request.session);
                    self.lock().asked(agent.id);
                    return is_admitted.then(LeaseAnswer::default);
                }
            }
        }
    }

    fn take_now(
        &self,
        agent: &AgentRecord,
        request: &LeaseRequest,
        capacity: usize,
    ) -> Option<Vec<wire::agent::v1::Leased>> {
        let own = super::own_lane(agent.id);
        let serves = |connector: &str| {
            if connector == own {
                return true;
            }
            let mut hosted = request.connectors.iter();
            !agent.is_drained
                && agent.may_serve(connector)
                && hosted.any(|have| have.connector == connector)
        };
        let mut state = self.lock();
        if !state.admits(agent.id, &request.session, self.limits.presence) {
            return None;
        }
        state.seen(agent.id);
        state.asked(agent.id);
        let mut leases = Vec::new();
        while leases.len() < capacity
            && let Some(leased) = state.take(agent.id, serves, self.limits.handover)
        {
            leases.push(leased);
        }
        Some(leases)
    }

    /// A process of an agent lives. False if one that was started later works with its identity.
    pub fn admits(&self, agent: &AgentRecord, session: &str) -> bool {
        let mut state = self.lock();
        let is_admitted = state.admits(agent.id, session, self.limits.presence);
        if is_admitted {
            state.seen(agent.id);
        }
        is_admitted
    }

    /// Extends a lease.
    pub async fn extend(&self, agent: &AgentRecord, lease: &str, fence: u64) -> Receipt {
        self.say(agent, lease, fence, Word::Extend).await
    }

    /// Takes a numbered part.
    pub async fn part(
        &self,
        agent: &AgentRecord,
        lease: &str,
        fence: u64,
        number: u32,
        part: Part,
    ) -> Receipt {
        self.say(agent, lease, fence, Word::Part(number, part))
            .await
    }

    /// Takes the last word.
    pub async fn end(&self, agent: &AgentRecord, lease: &str, fence: u64, end: End) -> Receipt {
        self.say(agent, lease, fence, Word::End(end)).await
    }

    async fn say(&self, agent: &AgentRecord, lease: &str, fence: u64, word: Word) -> Receipt {
        let is_end = matches!(word, Word::End(_));
        let found = {
            let mut state = self.lock();
            state.seen(agent.id);
            state.find(agent.id, lease, fence)
        };
        if let Found::Live(commands) = found {
            let (reply, receipt) = oneshot::channel();
            let sent = commands.send(Command { word, reply }).await;
            if sent.is_ok()
                && let Ok(receipt) = receipt.await
            {
                return receipt;
            }
        }
        // The lease is over, perhaps only since just now: a repeated last word is still welcome.
        let found = self.lock().find(agent.id, lease, fence);
        match found {
            Found::Finished if is_end => Receipt::Accepted { deadline_ms: 0 },
            _ => Receipt::Refused {
                refusal: over(lease).into(),
            },
        }
    }
}

fn over(lease: &str) -> Refusal {
    Refusal::new(Code::Conflict)
        .with("lease", lease)
        .with("text", "the lease has ended")
}
