//! Judging a full read before anything is planned from it.
//!
//! A full read that shows far less than the one before is more often a lost right, a wrong base or a sick server than a
//! mass deletion. Never corrects anything; says whether to believe. Trap: the first full read has nothing to be held
//! against, only emptiness.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{code::Code, operation::Refusal, value::Name};

/// What a full read showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Whole objects by class.
    pub classes: BTreeMap<Name, u64>,
    /// Objects that have a value of the attribute, by class and attribute.
    pub attributes: BTreeMap<Name, BTreeMap<Name, u64>>,
}

/// A class may lose less than this part of its objects, in percent, unless it is fewer than [`LOSS_FLOOR`].
pub const LOSS_PERCENT: u64 = 20;
/// Losses below this many objects are believed.
pub const LOSS_FLOOR: u64 = 5;
/// Losses of this many objects are never believed unasked.
pub const LOSS_COUNT: u64 = 500;
/// An attribute may become rarer by less than this part, in percent.
pub const THIN_PERCENT: u64 = 50;
/// An attribute held by fewer objects than this is not judged.
pub const THIN_FLOOR: u64 = 20;

/// Judges `now` against `before`. All findings, worst first.
pub fn judge(before: Option<&Census>, now: &Census) -> Vec<Refusal> {
    let total: u64 = now.classes.values().sum();
    let before = before.filter(|before| before.classes.values().sum::<u64>() > 0);
    if total == 0 {
        let had = before.map_or(0, |before| before.classes.values().sum());
        return vec![Refusal::new(Code::SourceReadEmpty).with("before", had.to_string())];
    }
    let Some(before) = before else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (class, had) in &before.classes {
        let have = now.classes.get(class).copied().unwrap_or(0);
        let lost = had.saturating_sub(have);
        let allowed = had
            .saturating_mul(LOSS_PERCENT)
            .div_ceil(100)
            .clamp(LOSS_FLOOR, LOSS_COUNT);
        if lost >= allowed {
            findings.push(
                Refusal::new(Code::SourceReadShrunk)
                    .with("class", &**class)
                    .with("before", had.to_string())
                    .with("now", have.to_string()),
            );
        }
    }
    for (class, attributes) in &before.attributes {
        let Some(objects) = now.classes.get(class).copied().filter(|count| *count > 0) else {
            continue;
        };
        let objects_before = before.classes.get(class).copied().unwrap_or(objects).max(1);
        for (attribute, had) in attributes {
            let have = now
                .attributes
                .get(class)
                .and_then(|all| all.get(attribute))
                .copied()
                .unwrap_or(0);
            // compared per object, so that a smaller class is not thin for being small
            let expected = had.saturating_mul(objects) / objects_before;
            if expected >= THIN_FLOOR
                && have.saturating_mul(100) <= expected.saturating_mul(100 - THIN_PERCENT)
            {
                findings.push(
                    Refusal::new(Code::SourceReadThinned)
                        .with("class", &**class)
                        .with("attribute", &**attribute)
                        .with("before", had.to_string())
                        .with("now", have.to_string()),
                );
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(users: u64, with_phone: u64) -> Census {
        Census {
            classes: [("user".into(), users)].into(),
            attributes: [(
                "user".into(),
                [("telephoneNumber".into(), with_phone)].into(),
            )]
            .into(),
        }
    }

    fn codes(before: Option<&Census>, now: &Census) -> Vec<Code> {
        judge(before, now)
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn empty_is_never_believed_and_the_first_read_is_believed_otherwise() {
        assert_eq!(codes(None, &Census::default()), [Code::SourceReadEmpty]);
        assert_eq!(codes(None, &census(1, 0)), []);
    }

    #[test]
    fn a_class_that_shrinks_by_a_fifth_is_not_believed() {
        assert_eq!(codes(Some(&census(100, 0)), &census(81, 0)), []);
        assert_eq!(
            codes(Some(&census(100, 0)), &census(80, 0)),
            [Code::SourceReadShrunk]
        );
        assert_eq!(
            codes(Some(&census(1_000_000, 0)), &census(999_500, 0)),
            [Code::SourceReadShrunk]
        );
        assert_eq!(codes(Some(&census(10, 0)), &census(6, 0)), []);
    }

    #[test]
    fn an_attribute_that_disappears_is_not_believed() {
        assert_eq!(
            codes(Some(&census(100, 90)), &census(100, 0)),
            [Code::SourceReadThinned]
        );
        assert_eq!(codes(Some(&census(100, 90)), &census(100, 60)), []);
        assert_eq!(codes(Some(&census(100, 90)), &census(85, 76)), []);
        assert_eq!(codes(Some(&census(100, 10)), &census(100, 0)), []);
    }
}
