//! How each target attribute came to its value.
//!
//! Only made when somebody asks. Trap: it holds attribute values; it is for the administrator, never for logs.

use crate::{
    expression::{compile::Node, steps::Step},
    value::{Name, Value, Values},
};

/// How one target attribute came to its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeTrace {
    /// Target attribute.
    pub target: Name,
    /// The mapping's source, as text.
    pub source: String,
    /// The source attributes it uses, with their values.
    pub inputs: Vec<(Name, Vec<Value>)>,
    /// Calls in the order they ended, with their results.
    pub steps: Vec<Step>,
    /// What came out.
    pub result: Flowed,
}

/// What came out of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flowed {
    /// These values; none: to be cleared.
    Values(Values),
    /// The default, at creation only.
    Default(String),
    /// Left as it is in the target.
    LeftAlone,
    /// It failed.
    Failed(String),
}

/// The slots a node uses, each once.
pub(super) fn slots_of(node: &Node) -> Vec<usize> {
    let mut slots = Vec::new();
    collect(node, &mut slots);
    slots.sort_unstable();
    slots.dedup();
    slots
}

fn collect(node: &Node, slots: &mut Vec<usize>) {
    if let Node::Attribute(slot) = node {
        slots.push(*slot);
    }
    node.parts()
        .into_iter()
        .for_each(|part| collect(part, slots));
}
