//! What a part of an expression yields: a list of values, borrowed wherever it can be.
//!
//! Never holds null inside a list; null is the empty list. Trap: one value is by far the most frequent result, and is kept
//! without allocating a list.

use std::{ops::Deref, sync::Arc};

use crate::value::Value;

/// A list of values; empty is null.
#[derive(Clone, Debug)]
pub enum Operand<'e> {
    /// Values of the object or of the expression itself.
    Borrowed(&'e [Value]),
    /// One value that was made.
    One(Value),
    /// Values that were made.
    Owned(Vec<Value>),
    /// Values of a variable.
    Shared(Arc<[Value]>),
}

impl Operand<'_> {
    /// The values, for keeping.
    pub fn into_owned(self) -> Vec<Value> {
        match self {
            Self::One(value) => vec![value],
            Self::Owned(values) => values,
            other => other.to_vec(),
        }
    }

    /// The same without anything borrowed, for binding to a variable.
    pub(crate) fn kept(self) -> Operand<'static> {
        match self {
            Self::One(value) => Operand::One(value),
            Self::Shared(values) => Operand::Shared(values),
            Self::Borrowed(values) => Operand::Shared(values.into()),
            Self::Owned(values) => Operand::Shared(values.into()),
        }
    }

    /// Whether evaluation made it, rather than passing it on.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self, Self::One(_) | Self::Owned(_))
    }
}

impl Deref for Operand<'_> {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        match self {
            Self::Borrowed(values) => values,
            Self::One(value) => std::slice::from_ref(value),
            Self::Owned(values) => values,
            Self::Shared(values) => values,
        }
    }
}

impl AsRef<[Value]> for Operand<'_> {
    fn as_ref(&self) -> &[Value] {
        self
    }
}

impl PartialEq for Operand<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
