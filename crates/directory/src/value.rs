//! What an attribute holds.
//!
//! Never interprets a value: rules live in `check`. Trap: multi-valued attributes are sets, so what is read back is
//! sorted and free of duplicates, whatever order it was written in.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The name of an attribute: mostly one of the schema's, which needs no memory of its own.
pub type Name = Cow<'static, str>;

/// A text, shared with whoever holds it already.
pub type Text = Arc<str>;

/// The attributes of one object, each name once, in the order of their names.
///
/// One list and not a tree: an object has some dozens of them, they are made once and gone through once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(
    // INVARIANT: sorted by name, no name twice.
    Vec<(Name, Value)>,
);

impl Attributes {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// None, with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        let is_behind = self.0.last().is_none_or(|(last, _)| **last < *name);
        match is_behind {
            true => Err(self.0.len()),
            false => self.0.binary_search_by(|(have, _)| (**have).cmp(name)),
        }
    }

    /// Sets an attribute; what it was set to before is returned.
    pub fn insert(&mut self, name: impl Into<Name>, value: Value) -> Option<Value> {
        let name = name.into();
        match self.position(&name) {
            Ok(at) => self
                .0
                .get_mut(at)
                .map(|(_, held)| std::mem::replace(held, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.position(name).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.position(name).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Whether an attribute is there.
    pub fn contains_key(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Attributes {
    type Item = (Name, Value);
    type IntoIter = std::vec::IntoIter<(Name, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<N: Into<Name>> FromIterator<(N, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        let mut all = Self::with_capacity(pairs.size_hint().0);
        for (name, value) in pairs {
            all.insert(name, value);
        }
        all
    }
}

impl<N: Into<Name>, const COUNT: usize> From<[(N, Value); COUNT]> for Attributes {
    fn from(pairs: [(N, Value); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

/// The value of one attribute.
///
/// The order of the variants is stored; new ones go to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// One text.
    Text(#[serde(deserialize_with = "text")] Text),
    /// One whole number.
    Integer(i64),
    /// True or false.
    Bool(bool),
    /// One sequence of bytes.
    Binary(Vec<u8>),
    /// A set of texts.
    Texts(Vec<Text>),
    /// A set of byte sequences.
    Binaries(Vec<Vec<u8>>),
}

/// Reads a text with one allocation; the usual way makes it twice.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    struct Reader;
    impl de::Visitor<'_> for Reader {
        type Value = Text;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
            Ok(text.into())
        }
    }
    deserializer.deserialize_str(Reader)
}

impl Value {
    /// Whether the value says nothing; written to an object, such a value clears the attribute.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::Text(text) => text.is_empty(),
            Value::Binary(bytes) => bytes.is_empty(),
            Value::Texts(texts) => texts.iter().all(|text| text.is_empty()),
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
    pub fn as_texts(&self) -> &[Text] {
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
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
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
        Value::Texts(texts.into_iter().map(Text::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_keep_each_name_once_and_in_order_however_they_come() {
        let of = |names: &[&'static str]| -> Attributes {
            let numbered = names.iter().zip(1..);
            numbered
                .map(|(name, number)| (*name, Value::Integer(number)))
                .collect()
        };
        let all = of(&["mail", "city", "surname", "mail", "aaa"]);
        let names: Vec<&str> = all.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["aaa", "city", "mail", "surname"]);
        assert_eq!(all.get("mail"), Some(&Value::Integer(4)), "the last word");
        assert_eq!(all.get("zzz"), None);
        let mut rest = all;
        assert_eq!(rest.remove("city"), Some(Value::Integer(2)));
        assert!(!rest.contains_key("city") && rest.contains_key("surname"));
        assert_eq!(rest.len(), 3);
    }
}
