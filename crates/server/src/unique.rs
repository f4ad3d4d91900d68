//! Values that must be unique, changing hands between objects of one batch.
//!
//! A value has to be released before it can be claimed: an operation refused because another object of the batch holds the
//! value is sent again once that object's operation is done. When objects exchange values in a ring, one of them first gives
//! up all the unique values it is about to change, since people who exchange their places clash in several at once. Never
//! gives up a value for good: whoever stepped aside gets its final operation right after, or has back what it had. Trap: a
//! crash in between leaves placeholders in the target; the operation is still pending then, is found to differ when read
//! back, and is planned anew.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use connectors::Target;
use engine::PlannedChange;
use sync_core::{
    code::Code,
    operation::{Operation, Outcome, Precondition, Refusal, Verb},
    value::{Attributes, Value},
};

// LIMIT: passes over a batch for each of its operations: each frees a value, or finds that a ring cannot be broken.
const PASSES: usize = 4;

/// Attributes of which no two objects of a target hold the same value.
const UNIQUE: [&str; 6] = [
    "userPrincipalName",
    "mailNickname",
    "mail",
    "proxyAddresses",
    "onPremisesSecurityIdentifier",
    "deviceId",
];

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
    let mut batch = Batch::new(operations, outcomes, changes);
    let mut tried = BTreeSet::new();
    for _ in 0..batch.operations.len().saturating_mul(PASSES) {
        let again = batch.freed(&mut tried);
        if !again.is_empty() {
            batch.send(target, &again).await;
            continue;
        }
        let Some(first) = batch.ring() else { break };
        batch.step_aside(target, first).await?;
    }
    Ok(batch.ended())
}

struct Batch<'a> {
    operations: Vec<Operation>,
    outcomes: Vec<Outcome>,
    changes: &'a [PlannedChange],
    /// Which operation is about which object of the target.
    places: HashMap<String, usize>,
    /// Operations whose object was written in between: its stored version is no longer the target's.
    touched: BTreeSet<usize>,
    /// Operations in rings that could not be broken.
    hopeless: BTreeSet<usize>,
    initial_domain: Option<String>,
}

impl<'a> Batch<'a> {
    fn new(
        operations: Vec<Operation>,
        outcomes: Vec<Outcome>,
        changes: &'a [PlannedChange],
    ) -> Self {
        let place = |(index, operation): (usize, &Operation)| {
            Some((operation.target.as_ref()?.to_string(), index))
        };
        Self {
            places: operations.iter().enumerate().filter_map(place).collect(),
            operations,
            outcomes,
            changes,
            touched: BTreeSet::new(),
            hopeless: BTreeSet::new(),
            initial_domain: None,
        }
    }

    /// What came of each. Whoever was written in between and then refused has to be read before it is planned again.
    fn ended(mut self) -> Vec<Outcome> {
        for index in &self.touched {
            if let Some(slot @ Outcome::Refused(_)) = self.outcomes.get_mut(*index) {
                *slot = Outcome::Stale;
            }
        }
        self.outcomes
    }

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
        self.places.get(why.argument("owner")?).copied()
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
        let is_in_ring = |start: &usize| {
            let mut at = *start;
            for _ in 0..=waits.len() {
                match waits.get(&at) {
                    Some(next) if next == start => return next != &at,
                    Some(next) => at = *next,
                    None => return false,
                }
            }
            false
        };
        let mut starts = waits.keys().copied();
        starts.find(|start| !self.hopeless.contains(start) && is_in_ring(start))
    }

    /// Lets the holder of the value that `first` waits for give up what it is about to change, so that `first` can be done.
    async fn step_aside(&mut self, target: &Arc<dyn Target>, first: usize) -> Result<(), Refusal> {
        // Whatever comes of it, it is not begun again from here.
        self.hopeless.insert(first);
        let Some(holder) = self.holder(first) else {
            return Ok(());
        };
        let Some(operation) = self.operations.get(holder).cloned() else {
            return Ok(());
        };
        if !matches!(operation.verb, Verb::Update | Verb::Disable) {
            return Ok(());
        }
        let given_up = self.given_up(target, &operation).await?;
        if given_up.is_empty() || !self.write(target, holder, given_up.clone()).await {
            return Ok(());
        }
        self.send(target, &[first]).await;
        if matches!(self.outcomes.get(first), Some(Outcome::Done { .. })) {
            self.send(target, &[holder]).await;
            return Ok(());
        }
        // It was of no use: somebody outside the ring holds another of the values.
        let had = self
            .changes
            .get(holder)
            .map(|change| &change.pending.before);
        let back = given_up.iter().map(|(name, _)| {
            let values = had.and_then(|had| had.values(name)).unwrap_or_default();
            (name.clone(), values.to_vec())
        });
        let back: Attributes = back.collect();
        self.write(target, holder, back).await;
        Ok(())
    }

    /// What an object holds for a moment instead of the unique values its operation changes.
    async fn given_up(
        &mut self,
        target: &Arc<dyn Target>,
        operation: &Operation,
    ) -> Result<Attributes, Refusal> {
        if self.initial_domain.is_none() {
            self.initial_domain = Some(target.discover().await?.initial_domain);
        }
        let domain = self.initial_domain.as_deref().unwrap_or_default();
        let is_changed = |name: &&&str| operation.attributes.values(name).is_some();
        let names = UNIQUE.iter().filter(is_changed);
        let pairs = names.map(|name| (*name, placeholder(operation, name, domain)));
        Ok(pairs.collect())
    }

    /// Writes something else to the object of an operation; false: that was not possible.
    async fn write(
        &mut self,
        target: &Arc<dyn Target>,
        index: usize,
        attributes: Attributes,
    ) -> bool {
        let Some(operation) = self.operations.get(index) else {
            return false;
        };
        let between = Operation {
            verb: Verb::Update,
            attributes,
            references: Vec::new(),
            ..operation.clone()
        };
        let Ok(outcomes) = target.apply(std::slice::from_ref(&between)).await else {
            return false;
        };
        let Some(Outcome::Done { version, .. }) = outcomes.first() else {
            return false;
        };
        if let Some(operation) = self.operations.get_mut(index) {
            operation.precondition = Precondition::Version(*version);
        }
        self.touched.insert(index);
        true
    }
}

/// What an object holds for a moment instead of a value it is about to give up.
fn placeholder(operation: &Operation, attribute: &str, initial_domain: &str) -> Vec<Value> {
    let name = format!("exchange-{}-{}", operation.link.0, operation.generation);
    match attribute {
        "userPrincipalName" => vec![Value::from(format!("{name}@{initial_domain}"))],
        "mailNickname" => vec![Value::from(name)],
        // The others may be missing for a moment.
        _ => Vec::new(),
    }
}
