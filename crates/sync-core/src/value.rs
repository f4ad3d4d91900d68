//! Values of attributes, and the ordered set of attributes of one object.
//!
//! Names compare without regard to ASCII case, as LDAP's do; the spelling first stored is kept. A name with no values is
//! meaningful only in a change: *cleared*. Trap: `Attributes` is sorted by folded name, so equality is independent of order of insertion.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    sync::Arc,
};

pub mod shared;

/// The name of an attribute or class.
pub type Name = Arc<str>;

/// The values of one attribute: nearly always one, which then needs no memory of its own.
pub type Values = SmallVec<[Value; 1]>;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// UTF-8 text.
    Text(#[serde(deserialize_with = "shared::text")] Arc<str>),
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

/// Attributes of one object, sorted by folded name, each name once. Clones share what they hold until one is changed.
#[derive(Clone, Default)]
pub struct Attributes(
    // INVARIANT: sorted by `compare_names`, no name twice.
    Option<Arc<Vec<(Name, Values)>>>,
);

impl Attributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// No attributes, and room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self((count > 0).then(|| Arc::new(Vec::with_capacity(count))))
    }

    /// Of these names with their values, which are taken as they are if they come in order; of a name that comes twice the last
    /// word counts.
    pub fn of(pairs: Vec<(Name, Values)>) -> Self {
        let is_before =
            |(a, _): &(Name, Values), (b, _): &(Name, Values)| compare_names(a, b).is_lt();
        if pairs.is_sorted_by(is_before) {
            return Self((!pairs.is_empty()).then(|| Arc::new(pairs)));
        }
        let mut all = Self::with_capacity(pairs.len());
        for (name, values) in pairs {
            all.set(name, values);
        }
        all
    }

    /// Of names that stand in their order already, each once.
    pub(crate) fn of_sorted(all: Vec<(Name, Values)>) -> Self {
        debug_assert!(all.is_sorted_by(|(a, _), (b, _)| compare_names(a, b).is_lt()));
        Self((!all.is_empty()).then(|| Arc::new(all)))
    }

    fn all(&self) -> &[(Name, Values)] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    fn all_mut(&mut self) -> &mut Vec<(Name, Values)> {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.all()
            .binary_search_by(|(have, _)| compare_names(have, name))
    }

    /// The values of a name; `None` if the name is not there at all (an empty slice: there, without values).
    pub fn values(&self, name: &str) -> Option<&[Value]> {
        let at = self.position(name).ok()?;
        self.all().get(at).map(|(_, values)| values.as_slice())
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
    pub fn set(&mut self, name: impl Into<Name>, values: impl Into<Values>) -> Option<Values> {
        let (name, values) = (name.into(), values.into());
        let is_last = self
            .all()
            .last()
            .is_none_or(|(last, _)| compare_names(last, &name).is_lt());
        let place = match is_last {
            true => Err(self.len()),
            false => self.position(&name),
        };
        let all = self.all_mut();
        match place {
            Ok(at) => all
                .get_mut(at)
                .map(|slot| std::mem::replace(&mut slot.1, values)),
            Err(at) => {
                all.insert(at, (name, values));
                None
            }
        }
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) -> Option<Values> {
        let at = self.position(name).ok()?;
        Some(self.all_mut().remove(at).1)
    }

    /// All names with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &[Value])> {
        self.all()
            .iter()
            .map(|(name, values)| (name, values.as_slice()))
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.all().len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Merges a change: a name with values replaces, a name without values removes. Returns whether anything changed.
    pub fn merge(&mut self, change: Attributes) -> bool {
        if self.is_empty() && change.iter().all(|(_, values)| !values.is_empty()) {
            *self = change;
            return !self.is_empty();
        }
        let mut changed = false;
        for (name, values) in change.all() {
            if values.is_empty() {
                changed |= self.remove(name).is_some();
            } else if self.values(name) != Some(values.as_slice()) {
                self.set(name.clone(), values.clone());
                changed = true;
            }
        }
        changed
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for Attributes {}

impl Hash for Attributes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.all().hash(state);
    }
}

impl std::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.all())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Through `set`: what comes from outside need not be sorted.
        let pairs: Vec<(Name, Values)> = shared::named(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

impl<N: Into<Name>, V: Into<Values>> FromIterator<(N, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        Self::of(
            pairs
                .map(|(name, values)| (name.into(), values.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_order_are_the_same_attributes_and_the_last_word_counts() {
        let of = |pairs: &[(&str, &str)]| {
            let pair =
                |(name, value): &(&str, &str)| (Name::from(*name), [Value::from(*value)].into());
            Attributes::of(pairs.iter().map(pair).collect())
        };
        let sorted = of(&[("a", "1"), ("B", "2"), ("c", "3")]);
        assert_eq!(of(&[("c", "3"), ("a", "1"), ("B", "2")]), sorted);
        assert_eq!(
            of(&[("a", "0"), ("A", "1"), ("B", "2"), ("c", "3")]).text("a"),
            Some("1")
        );
        assert_eq!(of(&[]), Attributes::new());
        let names: Vec<&str> = sorted.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a", "B", "c"]);
    }

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
