//! Protection against accidental deletion, and the arithmetic of escrow: pure, with the clock as an argument.
//!
//! One budget counts the objects that lose something within a sliding window: those deleted and disabled, groups that lose
//! members, objects that lose values. It is counted for a job and for a target, because runs driven by events are tiny.
//! What only loses members or values is the lesser harm: in a small directory it has room of its own, and never holds up
//! deletions there. Trap: what waits counts too; otherwise a large deletion would pass in small slices.

use serde::{Deserialize, Serialize};

use crate::operation::Refusal;
use crate::{
    code::{Code, Retry},
    id::LinkId,
};

/// Limits of a job's guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Trips at this many objects that lose something; 0: never by count.
    pub count: u64,
    /// Trips at this part of all linked objects, in percent; 0: never by part.
    pub percent: u64,
    /// The percentage never trips below this many (a directory of ten people loses one without alarm).
    pub floor: u64,
    /// The percentage never trips below this many where nothing is deleted or disabled: what loses members or values stays.
    pub lesser_floor: u64,
    /// Length of the sliding window in milliseconds.
    pub window_ms: i64,
    /// A group trips when it loses this part of its members within the window, in percent; 0: never.
    pub group_percent: u64,
    /// A group that loses fewer members than this never trips.
    pub group_floor: u64,
    /// Trips at this many memberships removed from all groups together; 0: never.
    pub memberships: u64,
}

impl Default for Limits {
    /// 500 or 20 %, at least 5 (50 where nothing is deleted), within 24 hours; half of a group, at least 50 members; 5 000
    /// memberships.
    fn default() -> Self {
        Self {
            count: 500,
            percent: 20,
            floor: 5,
            lesser_floor: 50,
            window_ms: 24 * 3_600_000,
            group_percent: 50,
            group_floor: 50,
            memberships: 5_000,
        }
    }
}

/// What lost something within the window, or is about to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Objects that are or were linked.
    pub linked: u64,
    /// Objects that lost something within the window.
    pub done: u64,
    /// Objects that are about to.
    pub waiting: u64,
    /// Of the first: deleted or disabled.
    pub gone: u64,
    /// Of the second: to be deleted or disabled.
    pub going: u64,
    /// Memberships removed within the window.
    pub memberships_done: u64,
    /// Memberships about to be removed.
    pub memberships_waiting: u64,
}

/// What one group loses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupLoss {
    /// Members it has in the target.
    pub members: u64,
    /// Members removed within the window.
    pub done: u64,
    /// Members about to be removed.
    pub waiting: u64,
}

impl Limits {
    /// The number of objects at which the guard trips, for this many linked ones; `None`: it never does.
    pub fn threshold(&self, linked: u64) -> Option<u64> {
        self.threshold_above(self.floor, linked)
    }

    /// The number of objects at which it trips whatever they lose.
    pub fn threshold_of_all(&self, linked: u64) -> Option<u64> {
        self.threshold_above(self.floor.max(self.lesser_floor), linked)
    }

    fn threshold_above(&self, floor: u64, linked: u64) -> Option<u64> {
        let part = linked.saturating_mul(self.percent).div_ceil(100).max(floor);
        match (self.count, self.percent) {
            (0, 0) => None,
            (count, 0) => Some(count),
            (0, _) => Some(part),
            (count, _) => Some(count.min(part)),
        }
    }

    /// Whether what waits may be carried out after what was done within the window; otherwise why not.
    ///
    /// # Errors
    /// [`Code::TooManyDeletes`] with threshold and counts.
    pub fn check(&self, losses: &Losses) -> Result<(), Refusal> {
        if losses.waiting == 0 {
            return Ok(());
        }
        let (going, all) = (
            self.threshold(losses.linked),
            self.threshold_of_all(losses.linked),
        );
        losses.stays_below("job", going, all)?;
        let memberships = losses
            .memberships_done
            .saturating_add(losses.memberships_waiting);
        let is_over = self.memberships > 0 && memberships >= self.memberships;
        match is_over && losses.memberships_waiting > 0 {
            true => Err(Refusal::new(Code::TooManyDeletes)
                .with("layer", "memberships")
                .with("threshold", self.memberships.to_string())
                .with("waiting", losses.memberships_waiting.to_string())
                .with("carriedOut", losses.memberships_done.to_string())),
            false => Ok(()),
        }
    }

    /// Whether a group may lose the members it is about to lose; otherwise why not.
    ///
    /// # Errors
    /// [`Code::TooManyDeletes`] with threshold and counts.
    pub fn check_group(&self, loss: &GroupLoss) -> Result<(), Refusal> {
        let all = loss.members.saturating_add(loss.done);
        let part = all.saturating_mul(self.group_percent).div_ceil(100);
        let threshold = part.max(self.group_floor).max(1);
        let losing = loss.done.saturating_add(loss.waiting);
        if self.group_percent == 0 || loss.waiting == 0 || losing < threshold {
            return Ok(());
        }
        Err(Refusal::new(Code::TooManyDeletes)
            .with("layer", "group")
            .with("threshold", threshold.to_string())
            .with("waiting", loss.waiting.to_string())
            .with("carriedOut", loss.done.to_string())
            .with("members", all.to_string()))
    }
}

/// How a target as a whole is protected, whichever jobs write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prevention {
    /// By what.
    #[serde(rename = "synchronizationPreventionType")]
    pub kind: PreventionKind,
    /// Objects, or percent of the linked objects, at which all jobs of the target are held.
    #[serde(rename = "alertThreshold")]
    pub threshold: u64,
}

/// By what a target is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PreventionKind {
    /// Not at all: only the limits of the jobs hold.
    Disabled,
    /// By a number of objects.
    EnabledForCount,
    /// By a part of the linked objects.
    EnabledForPercentage,
}

impl Default for Prevention {
    /// 500 objects.
    fn default() -> Self {
        Self {
            kind: PreventionKind::EnabledForCount,
            threshold: 500,
        }
    }
}

impl PreventionKind {
    /// As shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::EnabledForCount => "enabledForCount",
            Self::EnabledForPercentage => "enabledForPercentage",
        }
    }
}

impl Prevention {
    /// The number of objects at which it trips; `None`: never.
    pub fn threshold(&self, linked: u64) -> Option<u64> {
        self.threshold_above(Limits::default().floor, linked)
    }

    fn threshold_above(&self, floor: u64, linked: u64) -> Option<u64> {
        let part = linked.saturating_mul(self.threshold).div_ceil(100);
        match self.kind {
            PreventionKind::Disabled => None,
            PreventionKind::EnabledForCount => Some(self.threshold.max(1)),
            PreventionKind::EnabledForPercentage => Some(part.max(floor)),
        }
    }

    /// Whether what waits may be carried out; otherwise why not.
    ///
    /// # Errors
    /// [`Code::TooManyDeletes`] with threshold and counts.
    pub fn check(&self, losses: &Losses) -> Result<(), Refusal> {
        let all = self.threshold_above(Limits::default().lesser_floor, losses.linked);
        losses.stays_below("tenant", self.threshold(losses.linked), all)
    }
}

impl Losses {
    /// Deletions and disables alone are held against the one threshold, everything together against the other.
    fn stays_below(
        &self,
        layer: &str,
        of_going: Option<u64>,
        of_all: Option<u64>,
    ) -> Result<(), Refusal> {
        let pairs = [
            (of_going, self.gone, self.going),
            (of_all, self.done, self.waiting),
        ];
        for (threshold, done, waiting) in pairs {
            if let Some(threshold) = threshold
                && waiting > 0
                && done.saturating_add(waiting) >= threshold
            {
                return Err(Refusal::new(Code::TooManyDeletes)
                    .with("layer", layer)
                    .with("threshold", threshold.to_string())
                    .with("waiting", waiting.to_string())
                    .with("carriedOut", done.to_string())
                    .with("linked", self.linked.to_string()));
            }
        }
        Ok(())
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

    fn losses(linked: u64, done: u64, waiting: u64) -> Losses {
        Losses {
            linked,
            done,
            waiting,
            gone: done,
            going: waiting,
            ..Losses::default()
        }
    }

    #[test]
    fn trips_exactly_at_the_smaller_of_count_and_percentage() {
        let limits = Limits::default();
        assert!(limits.check(&losses(1_000, 0, 199)).is_ok());
        let tripped = limits.check(&losses(1_000, 0, 200)).unwrap_err();
        assert_eq!(tripped.argument("threshold"), Some("200"));
        assert_eq!(tripped.argument("layer"), Some("job"));
        assert!(limits.check(&losses(1_000_000, 0, 499)).is_ok());
        assert!(limits.check(&losses(1_000_000, 0, 500)).is_err());
    }

    #[test]
    fn either_limit_can_be_switched_off_and_both() {
        let by = |count, percent| Limits {
            count,
            percent,
            ..Limits::default()
        };
        assert!(by(0, 20).check(&losses(10_000, 0, 1_999)).is_ok());
        assert!(by(0, 20).check(&losses(10_000, 0, 2_000)).is_err());
        assert!(by(500, 0).check(&losses(600, 0, 499)).is_ok());
        assert!(by(500, 0).check(&losses(600, 0, 500)).is_err());
        assert!(by(0, 0).check(&losses(600, 0, 600)).is_ok());
    }

    #[test]
    fn what_was_carried_out_within_the_window_counts() {
        let limits = Limits::default();
        assert!(limits.check(&losses(1_000, 199, 1)).is_err());
        assert!(limits.check(&losses(1_000, 500, 0)).is_ok());
    }

    #[test]
    fn small_directories_have_a_floor() {
        let limits = Limits::default();
        assert!(limits.check(&losses(10, 0, 4)).is_ok());
        assert!(limits.check(&losses(10, 0, 5)).is_err());
    }

    #[test]
    fn what_only_loses_members_or_values_has_room_of_its_own_in_a_small_directory() {
        let limits = Limits::default();
        let lesser = |linked, done, waiting| Losses {
            linked,
            done,
            waiting,
            ..Losses::default()
        };
        assert!(limits.check(&lesser(20, 0, 49)).is_ok());
        assert!(limits.check(&lesser(20, 0, 50)).is_err());
        // In a large one everything counts alike.
        assert!(limits.check(&lesser(1_000, 0, 199)).is_ok());
        assert!(limits.check(&lesser(1_000, 0, 200)).is_err());
        assert!(limits.check(&lesser(1_000_000, 450, 50)).is_err());
        // What was cleared does not hold up a deletion of the same day where there are few objects.
        let deletion = |linked, done| Losses {
            waiting: 1,
            going: 1,
            ..lesser(linked, done, 0)
        };
        assert!(limits.check(&deletion(20, 40)).is_ok());
        assert!(limits.check(&deletion(20, 49)).is_err());
        // A count that was chosen is not raised.
        let few = Limits { count: 3, ..limits };
        assert!(few.check(&lesser(20, 0, 2)).is_ok());
        assert!(few.check(&lesser(20, 0, 3)).is_err());
        let tenant = Prevention {
            kind: PreventionKind::EnabledForPercentage,
            threshold: 10,
        };
        assert!(tenant.check(&lesser(100, 0, 49)).is_ok());
        assert!(tenant.check(&lesser(100, 0, 50)).is_err());
        assert!(tenant.check(&losses(100, 0, 10)).is_err());
    }

    #[test]
    fn memberships_of_all_groups_count_together() {
        let limits = Limits::default();
        let removed = |done, waiting| Losses {
            memberships_done: done,
            memberships_waiting: waiting,
            ..losses(100_000, 0, 3)
        };
        assert!(limits.check(&removed(4_000, 999)).is_ok());
        let tripped = limits.check(&removed(4_000, 1_000)).unwrap_err();
        assert_eq!(tripped.argument("layer"), Some("memberships"));
        assert!(limits.check(&removed(9_000, 0)).is_ok());
    }

    #[test]
    fn a_group_trips_at_half_of_its_members_and_not_below_fifty() {
        let limits = Limits::default();
        let group = |members, done, waiting| GroupLoss {
            members,
            done,
            waiting,
        };
        assert!(limits.check_group(&group(1_000, 0, 499)).is_ok());
        assert!(limits.check_group(&group(1_000, 0, 500)).is_err());
        assert!(limits.check_group(&group(600, 400, 99)).is_ok());
        assert!(limits.check_group(&group(600, 400, 100)).is_err());
        assert!(limits.check_group(&group(49, 0, 49)).is_ok());
        assert!(limits.check_group(&group(50, 0, 50)).is_err());
        let off = Limits {
            group_percent: 0,
            ..limits
        };
        assert!(off.check_group(&group(1_000, 0, 1_000)).is_ok());
    }

    #[test]
    fn a_target_is_protected_by_count_by_part_or_not_at_all() {
        let usual = Prevention::default();
        assert!(usual.check(&losses(100_000, 400, 99)).is_ok());
        let tripped = usual.check(&losses(100_000, 400, 100)).unwrap_err();
        assert_eq!(tripped.argument("layer"), Some("tenant"));
        let part = Prevention {
            kind: PreventionKind::EnabledForPercentage,
            threshold: 10,
        };
        assert!(part.check(&losses(1_000, 0, 99)).is_ok());
        assert!(part.check(&losses(1_000, 0, 100)).is_err());
        let off = Prevention {
            kind: PreventionKind::Disabled,
            threshold: 1,
        };
        assert!(off.check(&losses(1_000, 0, 1_000)).is_ok());
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
