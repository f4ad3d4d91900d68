//! Protection against accidental deletion, and the arithmetic of escrow: pure, with the clock as an argument.
//!
//! The guard counts deletes and disables in a sliding window, for a job and for a target, because runs driven by events are
//! tiny. Trap: what waits counts too; otherwise a large deletion would pass in small slices.

use crate::operation::Refusal;
use crate::{
    code::{Code, Retry},
    id::LinkId,
};

/// Limits of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Trips at this many destructive operations.
    pub count: u64,
    /// Trips at this part of all linked objects, in percent.
    pub percent: u64,
    /// The percentage never trips below this many (a directory of ten people loses one without alarm).
    pub floor: u64,
    /// Length of the sliding window in milliseconds.
    pub window_ms: i64,
}

impl Default for Limits {
    /// 500 or 20 %, at least 5, within 24 hours.
    fn default() -> Self {
        Self {
            count: 500,
            percent: 20,
            floor: 5,
            window_ms: 24 * 3_600_000,
        }
    }
}

impl Limits {
    /// The number of destructive operations at which the guard trips, for this many linked objects.
    pub fn threshold(&self, linked: u64) -> u64 {
        let part = linked
            .saturating_mul(self.percent)
            .div_ceil(100)
            .max(self.floor);
        self.count.min(part).max(1)
    }

    /// Whether `waiting` more destructive operations may be carried out after `done` within the window; otherwise why not.
    ///
    /// # Errors
    /// [`Code::TooManyDeletes`] with threshold and counts.
    pub fn check(&self, linked: u64, done: u64, waiting: u64) -> Result<(), Refusal> {
        let threshold = self.threshold(linked);
        if waiting == 0 || done.saturating_add(waiting) < threshold {
            return Ok(());
        }
        Err(Refusal::new(Code::TooManyDeletes)
            .with("threshold", threshold.to_string())
            .with("waiting", waiting.to_string())
            .with("carriedOut", done.to_string())
            .with("linked", linked.to_string()))
    }
}

/// First delay of an object in escrow, in milliseconds.
pub const ESCROW_FIRST_MS: i64 = 30_000;
/// First delay where only a change helps, in milliseconds.
pub const ESCROW_FIRST_NEVER_MS: i64 = 3_600_000;
/// Longest delay of an object in escrow, in milliseconds.
pub const ESCROW_LONGEST_MS: i64 = 24 * 3_600_000;

/// When an object in escrow is tried again: doubling delays, capped, spread by up to a tenth by the link's number.
pub fn escrow_retry_at(now_ms: i64, attempts: u32, retry: Retry, link: LinkId) -> i64 {
    let first = match retry {
        Retry::Never => ESCROW_FIRST_NEVER_MS,
        Retry::Later | Retry::AfterReadBack => ESCROW_FIRST_MS,
    };
    let delay = first
        .saturating_mul(1_i64 << attempts.saturating_sub(1).min(20))
        .min(ESCROW_LONGEST_MS);
    let spread = link
        .0
        .wrapping_mul(0x9E37_79B9)
        .rem_euclid(1000)
        .saturating_mul(delay / 10_000);
    now_ms.saturating_add(delay).saturating_add(spread)
}

/// When a connection that failed `failures` times in a row is tried again: 2 s doubling to 2 minutes.
pub fn connection_retry_at(now_ms: i64, failures: u32) -> i64 {
    now_ms.saturating_add((2_000_i64 << failures.saturating_sub(1).min(10)).min(120_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_exactly_at_the_smaller_of_count_and_percentage() {
        let limits = Limits::default();
        assert!(limits.check(1_000, 0, 199).is_ok());
        assert_eq!(
            limits
                .check(1_000, 0, 200)
                .unwrap_err()
                .argument("threshold"),
            Some("200")
        );
        assert!(limits.check(1_000_000, 0, 499).is_ok());
        assert!(limits.check(1_000_000, 0, 500).is_err());
    }

    #[test]
    fn what_was_carried_out_within_the_window_counts() {
        let limits = Limits::default();
        assert!(limits.check(1_000, 199, 1).is_err());
        assert!(limits.check(1_000, 500, 0).is_ok());
    }

    #[test]
    fn small_directories_have_a_floor() {
        let limits = Limits::default();
        assert!(limits.check(10, 0, 4).is_ok());
        assert!(limits.check(10, 0, 5).is_err());
    }

    #[test]
    fn escrow_doubles_and_is_capped() {
        let at = |attempts| escrow_retry_at(0, attempts, Retry::Later, LinkId(0));
        assert_eq!((at(1), at(2), at(3)), (30_000, 60_000, 120_000));
        assert_eq!(at(40), ESCROW_LONGEST_MS);
        assert_eq!(
            escrow_retry_at(0, 1, Retry::Never, LinkId(0)),
            ESCROW_FIRST_NEVER_MS
        );
        assert!(escrow_retry_at(0, 1, Retry::Later, LinkId(77)) < 33_001);
    }
}
