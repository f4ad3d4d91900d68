//! Quarantine: a job that fails too much tries less and less often, and rests after four weeks.
//!
//! Never looks at a clock; the time is an argument. A failing object counts once, by its last attempt, because runs that
//! follow events are too small to say anything. Trap: reference failures count for the total only.

use serde::{Deserialize, Serialize};

use crate::code::{Blame, Code};

/// Failures from which on they are looked at.
pub const EVALUATION_FLOOR: u64 = 5_000;
/// More than this part failing is too much, in percent.
pub const PROPORTION_PERCENT: u64 = 40;
/// More failures than this are too many, references left out.
pub const BASE_LIMIT: u64 = 40_000;
/// More failures than this are too many, references included.
pub const TOTAL_LIMIT: u64 = 60_000;
/// Cycles in a row that fail completely until the job is quarantined, where the cause alone does not do it at once.
pub const COMPLETE_FAILURES: u32 = 10;
/// Time to the next attempt, by how often the quarantine was left in effect; the last one holds from then on.
pub const ATTEMPTS_MS: [i64; 3] = [6 * HOUR_MS, 12 * HOUR_MS, 24 * HOUR_MS];
/// After so long the job is disabled.
pub const LONGEST_MS: i64 = 28 * 24 * HOUR_MS;
/// The first look at whether the cause of a quarantine is gone; each in vain doubles the time to the next.
const FIRST_LOOK_MS: i64 = 5_000;
/// The longest time between two looks at an end that does not answer.
const LONGEST_LOOK_MS: i64 = 2 * 60_000;
/// The longest time between two attempts at an end that answers, and where they fail all the same: each may be a whole read.
const LONGEST_ATTEMPT_MS: i64 = HOUR_MS;
/// A busy system is retried by itself for so long before somebody is told to ask for help.
pub const BUSY_PATIENCE_MS: i64 = 24 * HOUR_MS;

const HOUR_MS: i64 = 3_600_000;

/// Why a job is in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// More than 40 000 objects fail, references left out.
    EncounteredBaseEscrowThreshold,
    /// More than 60 000 objects fail, references included.
    EncounteredTotalEscrowThreshold,
    /// More than 40 % of all objects fail, and at least 5 000.
    EncounteredEscrowProportionThreshold,
    /// A credential is refused, or source or target cannot be reached.
    EncounteredQuarantineException,
    /// An administrator wanted it.
    QuarantinedOnDemand,
    /// The guard holds deletions.
    TooManyDeletes,
    /// Reading the source breaks off again and again.
    IngestionInterrupted,
    /// Something else.
    Unknown,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::EncounteredBaseEscrowThreshold,
        Self::EncounteredTotalEscrowThreshold,
        Self::EncounteredEscrowProportionThreshold,
        Self::EncounteredQuarantineException,
        Self::QuarantinedOnDemand,
        Self::TooManyDeletes,
        Self::IngestionInterrupted,
        Self::Unknown,
    ];

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::EncounteredBaseEscrowThreshold => "EncounteredBaseEscrowThreshold",
            Self::EncounteredTotalEscrowThreshold => "EncounteredTotalEscrowThreshold",
            Self::EncounteredEscrowProportionThreshold => "EncounteredEscrowProportionThreshold",
            Self::EncounteredQuarantineException => "EncounteredQuarantineException",
            Self::QuarantinedOnDemand => "QuarantinedOnDemand",
            Self::TooManyDeletes => "TooManyDeletes",
            Self::IngestionInterrupted => "IngestionInterrupted",
            Self::Unknown => "Unknown",
        }
    }

    /// The reason of this word; what is not known is `Unknown`.
    pub fn from_name(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|reason| reason.name() == name);
        found.unwrap_or(Self::Unknown)
    }

    /// Whether failing objects are the reason.
    pub fn is_by_escrow(self) -> bool {
        matches!(
            self,
            Self::EncounteredBaseEscrowThreshold
                | Self::EncounteredTotalEscrowThreshold
                | Self::EncounteredEscrowProportionThreshold
        )
    }

    /// Whether an end of the job could not be used: whether it can again shows when it is asked.
    pub fn is_by_connection(self) -> bool {
        matches!(
            self,
            Self::EncounteredQuarantineException | Self::IngestionInterrupted | Self::Unknown
        )
    }

    /// Whether the job waits. What the guard holds keeps nothing else from flowing.
    pub fn slows(self) -> bool {
        self != Self::TooManyDeletes
    }
}

/// Which end of a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Reading.
    Source,
    /// Planning and writing.
    Target,
}

impl Side {
    /// As stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// How many objects of a job fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Objects whose last attempt failed, not for a reference.
    pub base: u64,
    /// Objects whose last attempt failed for a reference only (manager, member).
    pub references: u64,
    /// Objects whose last attempt went well.
    pub succeeded: u64,
}

impl Failures {
    /// All that fail.
    pub fn total(&self) -> u64 {
        self.base.saturating_add(self.references)
    }

    /// Whether it is too much, and by which rule.
    pub fn verdict(&self) -> Option<Reason> {
        let total = self.total();
        let all = u128::from(total) + u128::from(self.succeeded);
        let is_large_part = u128::from(total) * 100 > all * u128::from(PROPORTION_PERCENT);
        if total < EVALUATION_FLOOR {
            None
        } else if self.base > BASE_LIMIT {
            Some(Reason::EncounteredBaseEscrowThreshold)
        } else if total > TOTAL_LIMIT {
            Some(Reason::EncounteredTotalEscrowThreshold)
        } else if is_large_part {
            Some(Reason::EncounteredEscrowProportionThreshold)
        } else {
            None
        }
    }
}

/// Whether a cycle that failed completely puts its job into quarantine. `in_a_row` counts this one.
pub fn by_failure(code: Code, in_a_row: u32, limit: u32) -> Option<Reason> {
    if !counts(code) {
        return None;
    }
    let is_enough = in_a_row >= limit.max(1);
    match code {
        code if code.is_credential() => Some(Reason::EncounteredQuarantineException),
        Code::SourceReadEndedEarly if is_enough => Some(Reason::IngestionInterrupted),
        _ if is_enough => Some(Reason::EncounteredQuarantineException),
        _ => None,
    }
}

/// Whether such a failure counts at all: what is wrong with this machine, a source that is not believed, and a system that
/// is only busy are waited for in their own ways.
pub fn counts(code: Code) -> bool {
    let has_its_own_way = matches!(
        code,
        Code::TargetBusy
            | Code::SourceBusy
            | Code::TooManyRequests
            | Code::SourceReadEmpty
            | Code::SourceReadShrunk
            | Code::SourceReadThinned
            | Code::SourceReplicaLags
            | Code::Conflict
            | Code::NotFound
    );
    !has_its_own_way && code.blame() != Blame::Us
}

/// Looks at an end that could not be used, while a job is in quarantine because of it.
///
/// A look is a question, not a cycle. Trap: that it is answered is a hope only; a right may be missing all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// In a row without an answer.
    unanswered: u32,
    /// Attempts in a row that an answer gave hope for. Who is looked at again was disappointed.
    disappointed: u32,
}

impl Looks {
    /// After one more.
    #[must_use]
    pub fn and(self, is_answered: bool) -> Self {
        match is_answered {
            true => Self {
                unanswered: 0,
                disappointed: self.disappointed.saturating_add(1),
            },
            false => Self {
                unanswered: self.unanswered.saturating_add(1),
                disappointed: 0,
            },
        }
    }

    /// Time to the next one, in milliseconds.
    pub fn pause_ms(self) -> i64 {
        let (count, longest) = match self.disappointed {
            0 => (self.unanswered, LONGEST_LOOK_MS),
            count => (count, LONGEST_ATTEMPT_MS),
        };
        (FIRST_LOOK_MS << count.min(16)).min(longest)
    }
}

/// Whether a system that has been busy since then (unix ms) is to be brought before somebody.
pub fn is_busy_too_long(since: i64, now: i64) -> bool {
    now.saturating_sub(since) >= BUSY_PATIENCE_MS
}

/// A job's quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// Why.
    pub reason: Reason,
    /// When it was last imposed or left in effect, unix ms.
    pub current_began: i64,
    /// When the job is tried next, unix ms; `None`: not by itself.
    pub next_attempt: Option<i64>,
    /// When it was first imposed, unix ms.
    pub series_began: i64,
    /// How often it was left in effect since.
    pub series_count: u32,
}

impl Quarantine {
    /// The quarantine after another reason for one: imposed, or left in effect.
    #[must_use]
    pub fn imposed(before: Option<&Self>, reason: Reason, now: i64) -> Self {
        let (series_began, series_count) = match before {
            // What the guard held did not slow anything: the series begins when something does.
            Some(before) if before.reason.slows() || !reason.slows() => {
                (before.series_began, before.series_count.saturating_add(1))
            }
            _ => (now, 0),
        };
        let delay = ATTEMPTS_MS
            .get(series_count as usize)
            .or(ATTEMPTS_MS.last())
            .copied()
            .unwrap_or(LONGEST_MS);
        let is_tried = reason.slows() && reason != Reason::QuarantinedOnDemand;
        Self {
            reason,
            current_began: now,
            next_attempt: is_tried.then(|| now.saturating_add(delay)),
            series_began,
            series_count,
        }
    }

    /// Whether the job may be tried now.
    pub fn lets_try(&self, now: i64) -> bool {
        !self.reason.slows() || self.next_attempt.is_some_and(|at| at <= now) && !self.is_over(now)
    }

    /// Whether it has lasted so long that the job is disabled.
    pub fn is_over(&self, now: i64) -> bool {
        self.next_attempt.is_some() && now.saturating_sub(self.series_began) >= LONGEST_MS
    }

    /// When the job is disabled, unless it gets better, unix ms.
    pub fn ends_at(&self) -> i64 {
        self.series_began.saturating_add(LONGEST_MS)
    }

    /// Whether somebody is to be told: once as it begins, and whenever its reason changes.
    pub fn is_news(before: Option<&Self>, now: &Self) -> bool {
        before.is_none_or(|before| before.reason != now.reason)
    }
}
