//! How long a question may wait for its answer on this network.
//!
//! Some proxies and firewalls drop connections on which nothing was said for a while: with a word, or without one. What broke
//! while it waited is waited for shorter from then on. Trap: a server that restarts ends polls too, so the wait grows again.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const SHORTEST: Duration = Duration::from_secs(2);
/// A wait that went well makes the next one longer by a part of it.
const GROWTH_PARTS: u64 = 50;

/// How long to wait.
#[derive(Debug)]
pub struct Patience {
    longest: Duration,
    now_ms: AtomicU64,
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Patience {
    /// At most this.
    pub fn new(longest: Duration) -> Self {
        Self {
            longest,
            now_ms: AtomicU64::new(milliseconds(longest)),
        }
    }

    /// The next wait.
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.now_ms.load(Ordering::Relaxed))
    }

    /// A wait went well to its end.
    pub fn went_well(&self) {
        let now = self.now_ms.load(Ordering::Relaxed);
        let next = now.saturating_add(now / GROWTH_PARTS);
        let next = next.min(milliseconds(self.longest));
        self.now_ms.store(next, Ordering::Relaxed);
    }

    /// A connection broke after so long. True if that may be because nothing was said: then the next wait is shorter.
    pub fn broke(&self, after: Duration) -> bool {
        if after < SHORTEST {
            return false;
        }
        let shorter = after.min(self.now()) * 3 / 5;
        let shorter = milliseconds(shorter.max(SHORTEST));
        self.now_ms.store(shorter, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_hangs_up_after_ten_seconds_is_asked_for_less() {
        let patience = Patience::new(Duration::from_secs(25));
        assert!(patience.broke(Duration::from_secs(10)));
        assert_eq!(patience.now(), Duration::from_secs(6));
        assert!(!patience.broke(Duration::from_millis(100)));
        for _ in 0..1_000 {
            patience.went_well();
        }
        assert!(patience.now() > Duration::from_secs(24));
        for _ in 0..20 {
            patience.broke(Duration::from_secs(3));
        }
        assert_eq!(patience.now(), SHORTEST);
    }
}
