//! What an attribute holds.
//!
//! Never interprets a value: rules live in `check`. Trap: multi-valued attributes are sets, so what is read back is
//! sorted and free of duplicates, whatever order it was written in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The attributes of one object by name.
pub type Attributes = BTreeMap<String, Value>;

/// The value of one attribute.
///
/// The order of the variants is stored; new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// One text.
    Text(String),
    /// One whole number.
    Integer(i64),
    /// True or false.
    Bool(bool),
    /// One sequence of bytes.
    Binary(Vec<u8>),
    /// A set of texts.
    Texts(Vec<String>),
    /// A set of byte sequences.
    Binaries(Vec<Vec<u8>>),
}

impl Value {
    /// Whether the value says nothing; written to an object, such a value clears the attribute.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Text(text) => text.is_empty(),
            Value::Binary(bytes) => bytes.is_empty(),
            Value::Texts(texts) => texts.iter().all(String::is_empty),
            Value::Binaries(values) => values.iter().all(Vec::is_empty),
            Value::Integer(_) | Value::Bool(_) => false,
        }
    }

    /// The text, if it is one text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The texts: several, or one, or none for other types.
    pub fn as_texts(&self) -> &[String] {
        match self {
            Value::Texts(texts) => texts,
            Value::Text(text) => std::slice::from_ref(text),
            _ => &[],
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The same value in the one form in which it is stored.
    pub(crate) fn normalised(self) -> Value {
        match self {
            Value::Texts(mut texts) => {
                texts.retain(|text| !text.is_empty());
                texts.sort_unstable();
                texts.dedup();
                Value::Texts(texts)
            }
            Value::Binaries(mut values) => {
                values.retain(|value| !value.is_empty());
                values.sort_unstable();
                values.dedup();
                Value::Binaries(values)
            }
            other => other,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Value::Texts(texts)
    }
}
