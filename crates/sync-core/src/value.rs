//! Values of attributes, and the ordered set of attributes of one object.
//!
//! Names compare without regard to ASCII case, as LDAP's do; the spelling first stored is kept. A name with no values is
//! meaningful only in a change: *cleared*. Trap: `Attributes` is sorted by folded name, so equality is independent of order of insertion.

use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, sync::Arc};

/// The name of an attribute or class.
pub type Name = Arc<str>;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// UTF-8 text.
    Text(Arc<str>),
    /// Signed integer (AD: Integer, LargeInteger and FILETIME, the latter in 100 ns since 1601).
    Integer(i64),
    /// Truth value.
    Boolean(bool),
    /// Any bytes (GUID, SID, photo, certificate, text that is not UTF-8).
    Binary(Arc<[u8]>),
}

impl Value {
    /// Text value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Binary value.
    pub fn binary(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Binary(bytes.into())
    }

    /// The text of a text value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an integer value, or of a text that is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A form for people: text as it is, `True`/`False`, decimal numbers, Base64 of binary.
    pub fn display(&self) -> String {
        use base64::Engine as _;
        match self {
            Self::Text(text) => text.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(true) => "True".into(),
            Self::Boolean(false) => "False".into(),
            Self::Binary(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

/// Compares two names as LDAP does: ASCII case folded.
pub fn compare_names(a: &str, b: &str) -> Ordering {
    let fold = |b: u8| b.to_ascii_lowercase();
    a.bytes().map(fold).cmp(b.bytes().map(fold))
}

/// Attributes of one object, sorted by folded name, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attributes(
    // INVARIANT: sorted by `compare_names`, no name twice.
    Vec<(Name, Vec<Value>)>,
);

impl Attributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// No attributes, and room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(have, _)| compare_names(have, name))
    }

    /// The values of a name; `None` if the name is not there at all (an empty slice: there, without values).
    pub fn values(&self, name: &str) -> Option<&[Value]> {
        let at = self.position(name).ok()?;
        self.0.get(at).map(|(_, values)| values.as_slice())
    }

    /// The first value of a name.
    pub fn first(&self, name: &str) -> Option<&Value> {
        self.values(name)?.first()
    }

    /// The first value of a name, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.first(name)?.as_text()
    }

    /// Sets all values of a name (none: present without values). Returns what was there.
    pub fn set(&mut self, name: impl Into<Name>, values: Vec<Value>) -> Option<Vec<Value>> {
        let name = name.into();
        if self
            .0
            .last()
            .is_none_or(|(last, _)| compare_names(last, &name).is_lt())
        {
            self.0.push((name, values));
            return None;
        }
        match self.position(&name) {
            Ok(at) => self
                .0
                .get_mut(at)
                .map(|slot| std::mem::replace(&mut slot.1, values)),
            Err(at) => {
                self.0.insert(at, (name, values));
                None
            }
        }
    }

    /// Appends a name that comes after all others.
    ///
    /// INVARIANT: the caller goes through names in their order, each once.
    pub(crate) fn append(&mut self, name: Name, values: Vec<Value>) {
        debug_assert!(
            self.0
                .last()
                .is_none_or(|(last, _)| compare_names(last, &name).is_lt())
        );
        self.0.push((name, values));
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) -> Option<Vec<Value>> {
        let at = self.position(name).ok()?;
        Some(self.0.remove(at).1)
    }

    /// All names with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &[Value])> {
        self.0
            .iter()
            .map(|(name, values)| (name, values.as_slice()))
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Merges a change: a name with values replaces, a name without values removes. Returns whether anything changed.
    pub fn merge(&mut self, change: Attributes) -> bool {
        let mut changed = false;
        for (name, values) in change.0 {
            if values.is_empty() {
                changed |= self.remove(&name).is_some();
            } else if self.values(&name) != Some(values.as_slice()) {
                self.set(name, values);
                changed = true;
            }
        }
        changed
    }
}

impl<N: Into<Name>> FromIterator<(N, Vec<Value>)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, Vec<Value>)>>(pairs: I) -> Self {
        let mut all = Self::new();
        for (name, values) in pairs {
            all.set(name, values);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_merge_clears() {
        let mut have: Attributes = [
            ("sAMAccountName", vec![Value::from("a")]),
            ("title", vec!["x".into()]),
        ]
        .into_iter()
        .collect();
        assert_eq!(have.text("samaccountname"), Some("a"));
        let change: Attributes = [("TITLE", vec![]), ("cn", vec!["c".into()])]
            .into_iter()
            .collect();
        assert!(have.merge(change.clone()));
        assert_eq!(have.values("title"), None);
        assert!(!have.merge(change));
        assert_eq!(
            have.iter().map(|(n, _)| &**n).collect::<Vec<_>>(),
            ["cn", "sAMAccountName"]
        );
    }
}
