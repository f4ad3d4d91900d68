//! How many connections there may be at once: those of agents apart from those of everybody else, so that whoever has no certificate
//! cannot take an agent's place.
//!
//! A connection first has a place among those that shake hands. Trap: the sum has to fit into the files the system lets the server
//! hold open, with some left for the stores.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

// LIMIT: connections that shake hands at once; each has ten seconds.
const HANDSHAKES: usize = 1_024;
// LIMIT: connections of agents; each has two, and a further one while it hands over pages.
const AGENTS: usize = 16_384;
// LIMIT: connections without a certificate: administrators, programs, whoever asks for health.
const STRANGERS: usize = 1_024;
/// Files that stay for stores, logs and targets.
const OTHERS: usize = 256;
/// Fewer connections of agents than this are no server.
const LEAST: usize = 64;

/// The places.
#[derive(Clone, Debug)]
pub struct Room {
    handshakes: Arc<Semaphore>,
    agents: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self::new(HANDSHAKES, AGENTS, STRANGERS)
    }
}

impl Room {
    /// For so many.
    pub fn new(handshakes: usize, agents: usize, strangers: usize) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            handshakes: places(handshakes),
            agents: places(agents),
            strangers: places(strangers),
        }
    }

    /// As many as fit into so many open files.
    pub fn within(files: Option<u64>) -> Self {
        let (handshakes, agents, strangers) = shares(files);
        Self::new(handshakes, agents, strangers)
    }

    /// A place to shake hands, as soon as there is one; `None` never comes while the room is there.
    pub async fn at_the_door(&self) -> Option<OwnedSemaphorePermit> {
        self.handshakes.clone().acquire_owned().await.ok()
    }

    /// A place for one that has shaken hands; `None`: there is none left for its kind.
    pub fn inside(&self, has_certificate: bool) -> Option<OwnedSemaphorePermit> {
        let kind = if has_certificate {
            &self.agents
        } else {
            &self.strangers
        };
        kind.clone().try_acquire_owned().ok()
    }
}

/// Handshakes, agents, strangers.
fn shares(files: Option<u64>) -> (usize, usize, usize) {
    let files = files
        .and_then(|files| usize::try_from(files).ok())
        .unwrap_or(usize::MAX);
    let all = HANDSHAKES + AGENTS + STRANGERS + OTHERS;
    if files >= all {
        return (HANDSHAKES, AGENTS, STRANGERS);
    }
    let left = files.saturating_sub(OTHERS);
    let small = (left / 4).clamp(LEAST, HANDSHAKES);
    let agents = left.saturating_sub(2 * small).clamp(LEAST, AGENTS);
    (small, agents, small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_fit_into_what_may_be_open() {
        assert_eq!(shares(None), (1_024, 16_384, 1_024));
        assert_eq!(shares(Some(1 << 20)), (1_024, 16_384, 1_024));
        for files in [600, 1_024, 4_096, 16_384] {
            let (handshakes, agents, strangers) = shares(Some(files));
            let sum = handshakes + agents + strangers + OTHERS;
            assert!(
                sum as u64 <= files && agents >= 2 * LEAST,
                "{files}: {agents}"
            );
        }
        assert_eq!(shares(Some(10)), (LEAST, LEAST, LEAST));
    }

    #[tokio::test]
    async fn strangers_do_not_take_the_places_of_agents() {
        let room = Room::new(1, 1, 2);
        let held = [room.inside(false), room.inside(false)];
        assert!(held.iter().all(Option::is_some));
        assert!(room.inside(false).is_none());
        let agent = room.inside(true);
        assert!(agent.is_some() && room.inside(true).is_none());
        drop(held);
        assert!(room.inside(false).is_some());
    }
}
