//! Operations refused for one value that another object holds, sent again without it.
//!
//! Comes after values have changed hands within the batch ([`crate::unique`]), so what is left is a real conflict. Never
//! touches an operation that was refused for anything else. Trap: a target names one value per refusal, so an object may be
//! sent several times; what it is sent without is stored with its outcome, and only if it was carried out.

use std::sync::Arc;

use connectors::Target;
use engine::PlannedChange;
use sync_core::{
    aside::{Aside, Fallback, placeholder},
    operation::{Operation, Outcome},
};

/// Times an operation is sent again at most.
const PASSES: u64 = 20;

/// Sends again what can do without the value it was refused for.
pub async fn send_again(
    target: &Arc<dyn Target>,
    changes: &mut [PlannedChange],
    answers: &mut [Outcome],
) {
    let mut initial_domain: Option<String> = None;
    for pass in 0..PASSES {
        let refused: Vec<(usize, Aside)> = changes
            .iter()
            .zip(answers.iter())
            .enumerate()
            .filter_map(|(index, (change, answer))| Some((index, asked_aside(change, answer)?)))
            .collect();
        if refused.is_empty() {
            return;
        }
        if initial_domain.is_none() {
            // Without the domain there is no placeholder: the first answers stand.
            let Ok(info) = target.discover().await else {
                return;
            };
            initial_domain = Some(info.initial_domain);
        }
        let domain = initial_domain.as_deref().unwrap_or_default();
        let again: Vec<usize> = refused
            .into_iter()
            .filter_map(|(index, aside)| {
                let change = changes.get_mut(index)?;
                leave_out(change, aside, pass, domain).then_some(index)
            })
            .collect();
        let operations: Vec<Operation> = again
            .iter()
            .filter_map(|index| changes.get(*index).map(PlannedChange::operation))
            .collect();
        if operations.is_empty() {
            return;
        }
        let Ok(outcomes) = target.apply(&operations).await else {
            return;
        };
        for (index, outcome) in again.into_iter().zip(outcomes) {
            if let Some(slot) = answers.get_mut(index) {
                *slot = outcome;
            }
        }
    }
}

fn asked_aside(change: &PlannedChange, answer: &Outcome) -> Option<Aside> {
    let Outcome::Refused(why) = answer else {
        return None;
    };
    Aside::of(why, change.pending.verb, &change.pending.class)
}

/// Takes the value out of the operation; false: it cannot do without.
fn leave_out(change: &mut PlannedChange, aside: Aside, pass: u64, domain: &str) -> bool {
    // The placeholder itself is taken: another one, for the same value.
    let is_placeholder =
        aside.is_sign_in_name() && change.asides.iter().any(Aside::is_sign_in_name);
    let number = change.link.0.unsigned_abs().wrapping_add(pass);
    let wanted = change
        .asides
        .iter()
        .find(|aside| aside.is_sign_in_name())
        .unwrap_or(&aside);
    let name = placeholder(&wanted.value, number, domain);
    let count = change.asides.len();
    let mut fallback = Fallback {
        verb: change.pending.verb,
        attributes: &mut change.pending.attributes,
        before: &mut change.pending.before,
    };
    let can = fallback.leave_out(&aside, count, &name);
    if can && !is_placeholder {
        change.asides.push(aside);
    }
    can
}
