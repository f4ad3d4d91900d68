//! Where a job stands: its failures in a row and its quarantine, moved on by what happens to it.
//!
//! The engine stores it, the server tells it what happened. Trap: a failure outside an attempt says nothing; the job was
//! not tried then, only its source was, for another job.

use super::quarantine::{Failures, Quarantine, Reason, Side, by_failure, counts};
use crate::{code::Code, operation::Refusal};

/// Where a job stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Cycles in a row that failed completely.
    pub in_a_row: u32,
    /// Where they failed.
    pub failed_side: Option<Side>,
    /// The quarantine, while it lasts.
    pub quarantine: Option<Quarantine>,
    /// What it was imposed for.
    pub error: Option<Refusal>,
    /// Whether an initial cycle could only be completed by giving up what failed.
    pub are_escrows_pruned: bool,
}

/// What became of a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It began, or its reason changed: somebody is to be told.
    Imposed(Reason),
    /// An attempt failed, and it stays in effect.
    Kept(Reason),
    /// It ended.
    Lifted(Reason),
}

impl Standing {
    /// Whether the job may do anything now.
    pub fn lets_try(&self, now: i64) -> bool {
        self.quarantine.is_none_or(|held| held.lets_try(now))
    }

    /// Whether the job waits for this end to be usable again.
    pub fn waits_for(&self, side: Side, now: i64) -> bool {
        let is_by_connection = |held: Quarantine| held.reason.is_by_connection();
        self.quarantine.is_some_and(is_by_connection)
            && self.failed_side == Some(side)
            && !self.lets_try(now)
    }

    /// A cycle failed completely: nothing could be read, or nothing be written.
    pub fn fails(&mut self, side: Side, why: &Refusal, limit: u32, now: i64) -> Change {
        if !counts(why.code) || !self.lets_try(now) {
            return Change::None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.failed_side = Some(side);
        let is_slowed = self.quarantine.is_some_and(|held| held.reason.slows());
        // Whoever is in quarantine has used up the patience.
        let in_a_row = match is_slowed {
            true => u32::MAX,
            false => self.in_a_row,
        };
        match by_failure(why.code, in_a_row, limit) {
            Some(reason) => self.impose(reason, why.clone(), now),
            None => Change::None,
        }
    }

    /// This end of the job works.
    pub fn succeeds(&mut self, side: Side, now: i64) -> Change {
        if self.failed_side.is_some_and(|failed| failed != side) || !self.lets_try(now) {
            return Change::None;
        }
        self.in_a_row = 0;
        self.failed_side = None;
        match self.quarantine.map(|held| held.reason) {
            Some(reason) if reason.is_by_connection() => self.lift(reason),
            _ => Change::None,
        }
    }

    /// A cycle came to its end with so many failing objects.
    pub fn ends(&mut self, failures: &Failures, is_initial: bool, now: i64) -> Change {
        if !self.lets_try(now) {
            return Change::None;
        }
        match (failures.verdict(), self.quarantine) {
            (Some(reason), _) => {
                self.are_escrows_pruned |= is_initial;
                let why = Refusal::new(code_of(reason))
                    .with("failing", failures.base.to_string())
                    .with("failingReferences", failures.references.to_string())
                    .with("succeeded", failures.succeeded.to_string());
                self.impose(reason, why, now)
            }
            (None, Some(held)) if held.reason.is_by_escrow() => self.lift(held.reason),
            (None, _) => Change::None,
        }
    }

    /// The guard holds deletions, or does not any more.
    pub fn holds(&mut self, why: Option<&Refusal>, now: i64) -> Change {
        let held = self.quarantine.map(|held| held.reason);
        match (why, held) {
            (Some(why), None) => self.impose(Reason::TooManyDeletes, why.clone(), now),
            (None, Some(reason @ Reason::TooManyDeletes)) => self.lift(reason),
            _ => Change::None,
        }
    }

    /// An administrator wants the job in quarantine.
    pub fn demanded(&mut self, why: Refusal, now: i64) -> Change {
        self.impose(Reason::QuarantinedOnDemand, why, now)
    }

    /// Somebody knows that the cause may be gone: the job is tried now instead of later.
    pub fn is_hopeful(&mut self, now: i64) -> bool {
        match &mut self.quarantine {
            Some(held) if held.next_attempt.is_some_and(|at| at > now) && !held.is_over(now) => {
                held.next_attempt = Some(now);
                true
            }
            _ => false,
        }
    }

    /// Cleared: quarantine and counters are as new.
    pub fn clear(&mut self) -> Change {
        let before = self.quarantine;
        *self = Self::default();
        before.map_or(Change::None, |before| Change::Lifted(before.reason))
    }

    fn impose(&mut self, reason: Reason, why: Refusal, now: i64) -> Change {
        let next = Quarantine::imposed(self.quarantine.as_ref(), reason, now);
        let change = match Quarantine::is_news(self.quarantine.as_ref(), &next) {
            true => Change::Imposed(reason),
            false => Change::Kept(reason),
        };
        self.quarantine = Some(next);
        self.error = Some(why);
        change
    }

    fn lift(&mut self, reason: Reason) -> Change {
        self.quarantine = None;
        self.error = None;
        self.are_escrows_pruned = false;
        Change::Lifted(reason)
    }
}

/// The code whose page explains a reason.
pub fn code_of(reason: Reason) -> Code {
    match reason {
        Reason::EncounteredBaseEscrowThreshold => Code::EncounteredBaseEscrowThreshold,
        Reason::EncounteredTotalEscrowThreshold => Code::EncounteredTotalEscrowThreshold,
        Reason::EncounteredEscrowProportionThreshold => Code::EncounteredEscrowProportionThreshold,
        Reason::EncounteredQuarantineException | Reason::Unknown => {
            Code::EncounteredQuarantineException
        }
        Reason::QuarantinedOnDemand => Code::QuarantinedOnDemand,
        Reason::TooManyDeletes => Code::TooManyDeletes,
        Reason::IngestionInterrupted => Code::IngestionInterrupted,
    }
}
