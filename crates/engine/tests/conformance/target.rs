//! A naive target: the oracle the engine's exports are tried against.
//!
//! Users are deleted softly and keep their memberships; groups go for good, and with them every reference to them.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::{
    code::Code,
    id::TargetId,
    operation::{Lookup, Operation, Outcome, Precondition, Refusal, TargetObject, Verb},
    value::Attributes,
};

/// An object of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub class: String,
    pub anchor: String,
    pub version: u64,
    pub is_deleted: bool,
    pub attributes: Attributes,
    pub members: BTreeSet<String>,
}

/// All objects by id.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub objects: BTreeMap<String, Held>,
    next: u64,
}

impl Target {
    /// The live object with this anchor.
    pub fn by_anchor(&self, anchor: &str) -> Option<(&String, &Held)> {
        self.objects
            .iter()
            .find(|(_, held)| held.anchor == anchor && !held.is_deleted)
    }

    /// Answers a question.
    pub fn find(&self, lookup: &Lookup) -> Vec<TargetObject> {
        let wanted = |id: &str, held: &Held| match lookup {
            Lookup::Id(wanted) => *wanted.0 == *id,
            Lookup::SourceAnchor(class, anchor) => held.anchor == *anchor && held.class == **class,
            Lookup::Attribute(class, name, text) => {
                !held.is_deleted
                    && held.class == **class
                    && held.attributes.text(name) == Some(text)
            }
            Lookup::ProxyAddress(_) => false,
        };
        let found = self.objects.iter().filter(|(id, held)| wanted(id, held));
        found
            .map(|(id, held)| TargetObject {
                id: TargetId::from(id.clone()),
                class: held.class.as_str().into(),
                version: held.version,
                is_deleted: held.is_deleted,
                source_anchor: (!held.anchor.is_empty()).then(|| held.anchor.clone()),
                attributes: held.attributes.clone(),
            })
            .collect()
    }

    /// Carries out one operation, or says why not.
    pub fn apply(&mut self, operation: &Operation) -> Outcome {
        if operation.verb == Verb::Create {
            return self.create(operation);
        }
        let id = operation
            .target
            .clone()
            .expect("only a create has no target");
        let Some(held) = self.objects.get(&*id.0) else {
            return Outcome::Stale;
        };
        let expects_deleted = operation.verb == Verb::Restore;
        if operation.precondition != Precondition::Version(held.version)
            || held.is_deleted != expects_deleted
        {
            return Outcome::Stale;
        }
        if operation.verb == Verb::Delete {
            return self.delete(id);
        }
        if let Some(why) = self.clash(&operation.attributes, &id.0) {
            return Outcome::Refused(why);
        }
        if let Some(why) = self.missing(operation) {
            return Outcome::Refused(why);
        }
        let held = self.objects.get_mut(&*id.0).expect("seen above");
        held.attributes.merge(operation.attributes.clone());
        held.anchor.clone_from(&operation.source_anchor);
        held.is_deleted = false;
        held.version += 1;
        for change in &operation.references {
            held.members
                .extend(change.add.iter().map(ToString::to_string));
            held.members
                .retain(|have| !change.remove.iter().any(|gone| *gone.0 == **have));
        }
        Outcome::Done {
            version: held.version,
            target: id,
        }
    }

    /// Why not, if somebody is to be referred to who is not there.
    fn missing(&self, operation: &Operation) -> Option<Refusal> {
        let mut adds = operation.references.iter().flat_map(|change| &change.add);
        let is_gone = |id: &&TargetId| self.objects.get(&*id.0).is_none_or(|held| held.is_deleted);
        let gone = adds.find(is_gone)?;
        Some(Refusal::new(Code::InvalidAnchor).with("target", &*gone.0))
    }

    fn create(&mut self, operation: &Operation) -> Outcome {
        if self
            .objects
            .values()
            .any(|held| held.anchor == operation.source_anchor)
        {
            return Outcome::Stale;
        }
        if let Some(why) = self.clash(&operation.attributes, "") {
            return Outcome::Refused(why);
        }
        if let Some(why) = self.missing(operation) {
            return Outcome::Refused(why);
        }
        self.next += 1;
        let id = format!("t{}", self.next);
        let adds = operation.references.iter().flat_map(|change| &change.add);
        let held = Held {
            class: operation.class.to_string(),
            anchor: operation.source_anchor.clone(),
            version: 1,
            is_deleted: false,
            attributes: operation.attributes.clone(),
            members: adds.map(ToString::to_string).collect(),
        };
        self.objects.insert(id.clone(), held);
        Outcome::Done {
            target: id.into(),
            version: 1,
        }
    }

    fn delete(&mut self, id: TargetId) -> Outcome {
        let held = self.objects.get_mut(&*id.0).expect("seen above");
        held.version += 1;
        held.is_deleted = true;
        let version = held.version;
        if held.class != "User" {
            self.purge(&id.0);
        }
        Outcome::Done {
            target: id,
            version,
        }
    }

    /// Takes an object away for good.
    pub fn purge(&mut self, id: &str) {
        self.objects.remove(id);
        for held in self.objects.values_mut() {
            held.members.remove(id);
        }
    }

    fn clash(&self, attributes: &Attributes, own: &str) -> Option<Refusal> {
        let mail = attributes.text("mail")?;
        let (owner, _) = self.objects.iter().find(|(id, held)| {
            *id != own && !held.is_deleted && held.attributes.text("mail") == Some(mail)
        })?;
        Some(
            Refusal::new(Code::AttributeValueMustBeUnique)
                .with("attribute", "mail")
                .with("value", mail)
                .with("owner", owner),
        )
    }
}
