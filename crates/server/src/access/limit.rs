//! How often something may be asked: so many times in a sliding window, for each of those who ask.
//!
//! Never sleeps: whoever asks too often is told when to come back. Trap: what is not known is forgotten first, so memory is
//! bounded, and an attacker with a thousand names is slowed down by the common window.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

// LIMIT: names that are told apart.
const MOST_NAMES: usize = 4_096;

/// A limit.
pub struct Throttle {
    times: usize,
    window_ms: i64,
    asked: Mutex<HashMap<String, VecDeque<i64>>>,
}

impl Throttle {
    /// So many times within so long.
    pub fn new(times: usize, window_ms: i64) -> Self {
        Self {
            times,
            window_ms,
            asked: Mutex::default(),
        }
    }

    /// Counts one more.
    ///
    /// # Errors
    /// After how many seconds it may be tried again.
    pub fn take(&self, name: &str, now: i64) -> Result<(), u64> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= MOST_NAMES && !asked.contains_key(name) {
            let since = now.saturating_sub(self.window_ms);
            asked.retain(|_, times| times.back().is_some_and(|last| *last > since));
            if asked.len() >= MOST_NAMES {
                return Err(seconds(self.window_ms));
            }
        }
        let times = asked.entry(name.to_owned()).or_default();
        // A clock that was set back must not shut anybody out for long.
        while times
            .front()
            .is_some_and(|first| first.saturating_add(self.window_ms) <= now || *first > now)
        {
            times.pop_front();
        }
        if times.len() >= self.times {
            let first = times.front().copied().unwrap_or(now);
            return Err(seconds(
                first.saturating_add(self.window_ms).saturating_sub(now),
            ));
        }
        times.push_back(now);
        Ok(())
    }

    /// Forgets what a name asked for: it did nothing wrong.
    pub fn forgive(&self, name: &str) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(times) = asked.get_mut(name) {
            times.pop_back();
        }
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(ms: i64) -> u64 {
    ms.max(1).unsigned_abs().div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides_and_each_name_has_its_own() {
        let throttle = Throttle::new(5, 10_000);
        for at in 0..5 {
            throttle.take("a", at * 100).unwrap();
        }
        assert_eq!(throttle.take("a", 500), Err(10));
        throttle.take("b", 500).unwrap();
        assert_eq!(throttle.take("a", 9_999), Err(1));
        throttle.take("a", 10_000).unwrap();
        assert_eq!(throttle.take("a", 10_050), Err(1));
        throttle.take("a", 10_100).unwrap();
    }

    #[test]
    fn memory_is_bounded_and_a_clock_set_back_shuts_nobody_out() {
        let throttle = Throttle::new(1, 1_000);
        for name in 0..MOST_NAMES {
            throttle.take(&name.to_string(), 5_000).unwrap();
        }
        assert!(throttle.take("one more", 5_000).is_err());
        throttle.take("one more", 6_001).unwrap();
        assert!(throttle.take("one more", 6_001).is_err());
        throttle.take("one more", 100).unwrap();
    }
}
