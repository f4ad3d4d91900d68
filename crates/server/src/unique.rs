//! Values that must be unique, changing hands between objects of one batch.
//!
//! A value has to be released before it can be claimed: an operation refused because another object of the batch holds the
//! value is sent again once that object's operation is done. When objects exchange values in a ring, one of them first takes
//! a placeholder. Never gives up a value for good: whoever took a placeholder gets its final operation right after. Trap: a
//! crash in between leaves a placeholder in the target; the operation is still pending then, is found to differ when read
//! back, and is planned anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connectors::Target;
use engine::PlannedChange;
use sync_core::{
    code::Code,
    operation::{Operation, Outcome, Precondition, Refusal, Verb},
    value::{Attributes, Value},
};

/// Passes over a batch at most: each pass frees at least one value.
const PASSES: usize = 16;

/// Carries out operations, releasing values before they are claimed.
///
/// # Errors
/// Those of the target, if nothing was carried out.
pub async fn apply(
    target: &Arc<dyn Target>,
    changes: &[PlannedChange],
) -> Result<Vec<Outcome>, Refusal> {
    let operations: Vec<Operation> = changes.iter().map(PlannedChange::operation).collect();
    let mut outcomes = target.apply(&operations).await?;
    outcomes.resize(operations.len(), Outcome::Unknown);
    let mut batch = Batch {
        operations,
        outcomes,
    };
    let mut tried = BTreeSet::new();
    for _ in 0..PASSES {
        let again = batch.freed(&mut tried);
        if !again.is_empty() {
            batch.send(target, &again).await;
            continue;
        }
        let Some(first) = batch.ring() else { break };
        if !batch.step_aside(target, first).await? {
            break;
        }
    }
    Ok(batch.outcomes)
}

struct Batch {
    operations: Vec<Operation>,
    outcomes: Vec<Outcome>,
}

impl Batch {
    /// Which operation of the batch is about the object that holds the value this one was refused for.
    fn holder(&self, index: usize) -> Option<usize> {
        let Some(Outcome::Refused(why)) = self.outcomes.get(index) else {
            return None;
        };
        if !matches!(
            why.code,
            Code::AttributeValueMustBeUnique | Code::ObjectTypeMismatch
        ) {
            return None;
        }
        let owner = why.argument("owner")?;
        self.operations
            .iter()
            .position(|operation| operation.target.as_ref().is_some_and(|id| id.0 == owner))
    }

    /// Refused operations whose value's holder has been changed since they were tried.
    fn freed(&self, tried: &mut BTreeSet<(usize, usize)>) -> Vec<usize> {
        (0..self.operations.len())
            .filter(|index| {
                self.holder(*index).is_some_and(|holder| {
                    matches!(self.outcomes.get(holder), Some(Outcome::Done { .. }))
                        && tried.insert((*index, holder))
                })
            })
            .collect()
    }

    async fn send(&mut self, target: &Arc<dyn Target>, indexes: &[usize]) {
        let operations: Vec<Operation> = indexes
            .iter()
            .filter_map(|index| self.operations.get(*index).cloned())
            .collect();
        // The first answers stand if the target fails now: these operations stay refused and are tried again later.
        let Ok(outcomes) = target.apply(&operations).await else {
            return;
        };
        for (index, outcome) in indexes.iter().zip(outcomes) {
            if let Some(slot) = self.outcomes.get_mut(*index) {
                *slot = outcome;
            }
        }
    }

    /// An operation that waits, through others, for itself.
    fn ring(&self) -> Option<usize> {
        let waits: BTreeMap<usize, usize> = (0..self.operations.len())
            .filter_map(|index| Some((index, self.holder(index)?)))
            .collect();
        waits.keys().copied().find(|start| {
            let mut at = *start;
            for _ in 0..=waits.len() {
                match waits.get(&at) {
                    Some(next) if next == start => return next != &at,
                    Some(next) => at = *next,
                    None => return false,
                }
            }
            false
        })
    }

    /// Lets the holder of the value that `first` waits for take a placeholder. False if there is none to take.
    async fn step_aside(
        &mut self,
        target: &Arc<dyn Target>,
        first: usize,
    ) -> Result<bool, Refusal> {
        let (Some(holder), Some(Outcome::Refused(why))) =
            (self.holder(first), self.outcomes.get(first).cloned())
        else {
            return Ok(false);
        };
        let Some(operation) = self.operations.get(holder).cloned() else {
            return Ok(false);
        };
        let Some(attribute) = why.argument("attribute") else {
            return Ok(false);
        };
        if operation.verb == Verb::Create || operation.attributes.values(attribute).is_none() {
            return Ok(false);
        }
        let initial_domain = target.discover().await?.initial_domain;
        let mut attributes = Attributes::new();
        attributes.set(
            attribute,
            placeholder(&operation, attribute, &initial_domain),
        );
        let aside = Operation {
            verb: Verb::Update,
            attributes,
            references: Vec::new(),
            ..operation
        };
        let Ok(outcomes) = target.apply(std::slice::from_ref(&aside)).await else {
            return Ok(false);
        };
        let Some(Outcome::Done { version, .. }) = outcomes.first() else {
            return Ok(false);
        };
        if let Some(operation) = self.operations.get_mut(holder) {
            operation.precondition = Precondition::Version(*version);
        }
        self.send(target, &[first]).await;
        if matches!(self.outcomes.get(first), Some(Outcome::Done { .. })) {
            self.send(target, &[holder]).await;
        }
        // Whatever came of it: its stored version is no longer the target's.
        if let Some(slot @ Outcome::Refused(_)) = self.outcomes.get_mut(holder) {
            *slot = Outcome::Stale;
        }
        Ok(true)
    }
}

/// What an object holds for a moment instead of the value it is about to give up.
fn placeholder(operation: &Operation, attribute: &str, initial_domain: &str) -> Vec<Value> {
    let name = format!("exchange-{}-{}", operation.link.0, operation.generation);
    match attribute {
        "userPrincipalName" => vec![Value::from(format!("{name}@{initial_domain}"))],
        "mailNickname" => vec![Value::from(name)],
        // Addresses need no placeholder: for a moment the object has none.
        _ => Vec::new(),
    }
}
