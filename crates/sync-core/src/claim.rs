//! Two source objects that want to be one object of the target.
//!
//! Which of them it becomes does not depend on who was seen first: one that is about to leave gives way, and of two that stay
//! an enabled account comes before a disabled one, as when accounts and mailboxes live in different places. Everything else
//! is for a person to decide: whoever has the object keeps it, and the other one waits. Trap: an object that was merely not
//! shown by a read has not left.

use crate::{
    plan::ACCOUNT_ENABLED,
    value::{Attributes, Value},
};

/// One that wants an object of the target, or has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Whether it is about to leave the target for certain: deleted in the source, or out of scope.
    pub leaves: bool,
    /// Whether it may sign in; `None` where that does not apply.
    pub is_enabled: Option<bool>,
}

impl Claimant {
    /// One that stays, with these attributes in the target.
    pub fn with(attributes: &Attributes) -> Self {
        Self {
            leaves: false,
            is_enabled: match attributes.first(ACCOUNT_ENABLED) {
                Some(Value::Boolean(truth)) => Some(*truth),
                _ => None,
            },
        }
    }

    /// Whether it gets what `holder` has.
    pub fn comes_before(self, holder: Self) -> bool {
        let is_outranked = self.is_enabled == Some(true) && holder.is_enabled == Some(false);
        !self.leaves && (holder.leaves || is_outranked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair, so that no two of them can ever take an object from each other in turn.
    #[test]
    fn whoever_leaves_gives_way_and_enabled_comes_before_disabled() {
        let all: Vec<Claimant> = [false, true]
            .into_iter()
            .flat_map(|leaves| {
                [None, Some(false), Some(true)].map(|is_enabled| Claimant { leaves, is_enabled })
            })
            .collect();
        for a in &all {
            for b in &all {
                assert!(
                    !(a.comes_before(*b) && b.comes_before(*a)),
                    "{a:?} and {b:?}"
                );
                let expected = match (a.leaves, b.leaves) {
                    (true, _) => false,
                    (false, true) => true,
                    (false, false) => (a.is_enabled, b.is_enabled) == (Some(true), Some(false)),
                };
                assert_eq!(a.comes_before(*b), expected, "{a:?} before {b:?}");
            }
        }
    }

    #[test]
    fn whether_an_account_is_enabled_is_read_from_what_the_target_is_to_hold() {
        let with = |values: Vec<Value>| {
            let attributes: Attributes = [(ACCOUNT_ENABLED, values)].into_iter().collect();
            Claimant::with(&attributes).is_enabled
        };
        assert_eq!(with(vec![true.into()]), Some(true));
        assert_eq!(with(vec![false.into()]), Some(false));
        assert_eq!(with(vec![]), None);
    }
}
