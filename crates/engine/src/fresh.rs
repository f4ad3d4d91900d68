//! What was just planned, until it is carried out: so that it has to be written, and not read back and unpacked.
//!
//! A copy only. The stored row says what is ready; a copy is used if it is of the generation that the row has, and every
//! change of a pending export raises that. Trap: kept only after its transaction was committed, or something would be
//! carried out that nobody would remember after a crash.

use std::collections::HashMap;

use sync_core::{
    id::{Anchor, LinkId},
    value::Name,
};

use crate::export::PendingExport;

// LIMIT: stored bytes of what is kept.
const MOST_BYTES: usize = 8 << 20;

/// What the log tells of a source object.
#[derive(Clone, Debug)]
pub(crate) struct SourceNote {
    /// Its class.
    pub(crate) class: Option<Name>,
    /// Its anchor.
    pub(crate) anchor: Anchor,
}

/// A planned operation as it was stored.
pub(crate) struct Fresh {
    pub(crate) link: LinkId,
    pub(crate) generation: u32,
    pub(crate) pending: PendingExport,
    pub(crate) source: SourceNote,
    /// Size of its stored form.
    pub(crate) bytes: usize,
}

/// All of them, by link.
#[derive(Default)]
pub(crate) struct FreshPlans {
    kept: HashMap<i64, Fresh>,
    bytes: usize,
}

impl FreshPlans {
    /// Keeps what was stored, in place of what was kept for the same links.
    pub(crate) fn keep(&mut self, plans: Vec<Fresh>) {
        for plan in plans {
            if self.bytes + plan.bytes > MOST_BYTES {
                // What nobody took by now may have been superseded; whatever it is can be read.
                self.clear();
            }
            self.bytes += plan.bytes;
            if let Some(old) = self.kept.insert(plan.link.0, plan) {
                self.bytes -= old.bytes;
            }
        }
    }

    /// Takes what is kept for a link, if it is of this generation.
    pub(crate) fn take(&mut self, link: LinkId, generation: u32) -> Option<Fresh> {
        let kept = self.kept.remove(&link.0)?;
        self.bytes -= kept.bytes;
        Some(kept).filter(|kept| kept.generation == generation)
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::{
        operation::{Precondition, Verb},
        value::Attributes,
    };

    fn plan(link: i64, generation: u32, bytes: usize) -> Fresh {
        let pending = PendingExport {
            verb: Verb::Create,
            class: "User".into(),
            target: None,
            source_anchor: String::new(),
            precondition: Precondition::Absent,
            attributes: Attributes::new(),
            before: Attributes::new(),
            references: Vec::new(),
            edges: Vec::new(),
            name: String::new(),
            job: 1,
            since: 0,
            planned_at: 0,
            reasons: 0,
            is_adoption: false,
            why: None,
        };
        Fresh {
            link: LinkId(link),
            generation,
            pending,
            source: SourceNote {
                class: None,
                anchor: Anchor::new([1]),
            },
            bytes,
        }
    }

    #[test]
    fn only_the_generation_that_is_stored_is_given_and_only_once() {
        let mut plans = FreshPlans::default();
        plans.keep(vec![plan(1, 4, 10), plan(2, 1, 10)]);
        plans.keep(vec![plan(1, 5, 30)]);
        assert!(plans.take(LinkId(2), 2).is_none(), "it was superseded");
        assert!(plans.take(LinkId(2), 1).is_none(), "and is not kept");
        assert_eq!(plans.take(LinkId(1), 5).map(|plan| plan.bytes), Some(30));
        assert!(plans.take(LinkId(1), 5).is_none());
        assert_eq!(plans.bytes, 0);
    }

    #[test]
    fn never_more_bytes_are_kept_than_allowed() {
        let mut plans = FreshPlans::default();
        for link in 0..20 {
            plans.keep(vec![plan(link, 1, MOST_BYTES / 4)]);
            assert!(plans.bytes <= MOST_BYTES);
        }
        assert!(plans.take(LinkId(19), 1).is_some(), "the newest is there");
        assert!(plans.take(LinkId(0), 1).is_none());
    }
}
