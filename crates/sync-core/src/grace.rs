//! Grace periods: who leaves is disabled at once and deleted later, and who returns is as before.
//!
//! Pure, with the time as an argument. Trap: the deletion is put off, not decided: when the time has come the object is
//! planned anew, and deleted only if it still is to go.

use crate::{
    plan::{ACCOUNT_ENABLED, Desired, LinkView, Situation, Wanted},
    value::{Attributes, Value},
};

/// One day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// An object within its grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// When it left, unix ms.
    pub since: i64,
    /// When it is deleted, unix ms.
    pub until: i64,
}

/// Puts off the deletion of a linked object that is to go: until then it is wanted disabled and otherwise as it is. Who is
/// wanted again is no leaver any more. `days` is the policy of the job; 0: no grace.
pub fn apply(
    wanted: &mut Wanted,
    link: &LinkView,
    leaver: &mut Option<Leaver>,
    days: u64,
    now: i64,
) {
    match wanted {
        Wanted::Absent(_) if link.situation == Situation::Linked && days > 0 => {}
        // Nothing is known: a leaver stays one.
        Wanted::Undecided(_) | Wanted::Faulty(_) => return,
        Wanted::Absent(_) => return,
        Wanted::Present(_) => {
            *leaver = None;
            return;
        }
    }
    let since = leaver.map_or(now, |leaver| leaver.since);
    let length = i64::try_from(days)
        .unwrap_or(i64::MAX)
        .saturating_mul(DAY_MS);
    let until = since.saturating_add(length);
    *leaver = Some(Leaver { since, until });
    if until <= now {
        return;
    }
    *wanted = Wanted::Present(Box::new(Desired {
        class: link.class.clone(),
        source_anchor: link.source_anchor.clone().unwrap_or_default(),
        attributes: disabled(link),
        ..Desired::default()
    }));
}

/// What is written to an object that leaves: sign-in is taken away where there is one.
fn disabled(link: &LinkView) -> Attributes {
    let can_sign_in = link.exported.first(ACCOUNT_ENABLED).is_some();
    let pairs = can_sign_in.then(|| (ACCOUNT_ENABLED, vec![Value::Boolean(false)]));
    pairs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        code::Code,
        id::TargetId,
        operation::{Refusal, Verb},
        plan::{Decision, decide},
    };

    const NOW: i64 = 1_000 * DAY_MS;

    fn linked(is_enabled: Option<bool>) -> LinkView {
        let enabled = is_enabled.map(|is| (ACCOUNT_ENABLED, vec![Value::Boolean(is)]));
        LinkView {
            situation: Situation::Linked,
            class: Some("User".into()),
            target: Some(TargetId("t".into())),
            version: 1,
            source_anchor: Some("A".into()),
            exported: enabled.into_iter().collect(),
            is_stale: false,
        }
    }

    fn decided(link: &LinkView, leaver: &mut Option<Leaver>, now: i64) -> Decision {
        let mut wanted = Wanted::Absent(Refusal::new(Code::EntrySynchronizationSkipped));
        apply(&mut wanted, link, leaver, 30, now);
        decide(&wanted, link, None)
    }

    fn verb(decision: &Decision) -> Option<Verb> {
        match decision {
            Decision::Operate(draft) => Some(draft.verb),
            _ => None,
        }
    }

    #[test]
    fn who_leaves_is_disabled_now_and_deleted_after_the_days() {
        let mut leaver = None;
        let first = decided(&linked(Some(true)), &mut leaver, NOW);
        assert_eq!(verb(&first), Some(Verb::Disable));
        let until = NOW + 30 * DAY_MS;
        assert_eq!(leaver, Some(Leaver { since: NOW, until }));
        let waiting = decided(&linked(Some(false)), &mut leaver, until - 1);
        assert_eq!(waiting, Decision::Same(None));
        let over = decided(&linked(Some(false)), &mut leaver, until);
        assert_eq!(verb(&over), Some(Verb::Delete));
    }

    #[test]
    fn what_cannot_sign_in_only_waits() {
        let mut leaver = None;
        assert_eq!(
            decided(&linked(None), &mut leaver, NOW),
            Decision::Same(None)
        );
        assert!(leaver.is_some());
    }

    #[test]
    fn who_returns_is_no_leaver_any_more_and_who_is_unknown_stays_one() {
        let mut leaver = Some(Leaver {
            since: NOW,
            until: NOW + DAY_MS,
        });
        let mut unknown = Wanted::Undecided(Refusal::new(Code::ObjectVanished));
        apply(&mut unknown, &linked(Some(false)), &mut leaver, 30, NOW);
        assert!(leaver.is_some());
        let mut back = Wanted::Present(Box::default());
        apply(&mut back, &linked(Some(false)), &mut leaver, 30, NOW);
        assert_eq!(leaver, None);
    }

    #[test]
    fn without_a_policy_nothing_is_put_off() {
        let mut wanted = Wanted::Absent(Refusal::new(Code::EntrySynchronizationSkipped));
        apply(&mut wanted, &linked(Some(true)), &mut None, 0, NOW);
        assert!(matches!(wanted, Wanted::Absent(_)));
    }
}
