//! Reading texts and names into shared memory, with one allocation for a text and none for a name seen before.
//!
//! For `serde(deserialize_with)`. Never keeps more than a fixed number of names, whoever sends them. Trap: the names kept are
//! those of one thread, so two threads hold two copies of a name; names are compared by what they say.

use std::{cell::RefCell, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use super::Name;
use crate::quick::QuickSet;

// LIMIT: names a thread remembers; a schema has some hundreds.
const MOST_NAMES: usize = 2_048;
// LIMIT: bytes of a name that is remembered.
const LONGEST_NAME: usize = 128;

thread_local! {
    static NAMES: RefCell<QuickSet<Name>> = RefCell::default();
}

/// A name, shared with others of the same spelling where possible.
pub fn name(text: &str) -> Name {
    if text.len() > LONGEST_NAME {
        return text.into();
    }
    NAMES.with_borrow_mut(|names| {
        if let Some(name) = names.get(text) {
            return name.clone();
        }
        let name: Name = text.into();
        if names.len() < MOST_NAMES {
            names.insert(name.clone());
        }
        name
    })
}

/// Reads a text.
///
/// # Errors
/// Those of the deserializer.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    deserializer.deserialize_str(Text(|text| text.into()))
}

/// Reads names with something for each.
///
/// # Errors
/// Those of the deserializer.
pub fn named<'de, D, V>(deserializer: D) -> Result<Vec<(Name, V)>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    let pairs = Vec::<(Shared, V)>::deserialize(deserializer)?;
    Ok(pairs.into_iter().map(|(name, of)| (name.0, of)).collect())
}

/// Reads a name.
///
/// # Errors
/// Those of the deserializer.
pub fn spelled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
    deserializer.deserialize_str(Text(name))
}

/// Reads a name that may be missing.
///
/// # Errors
/// Those of the deserializer.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Name>, D::Error> {
    Ok(Option::<Shared>::deserialize(deserializer)?.map(|name| name.0))
}

struct Shared(Name);

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(name)).map(Self)
    }
}

struct Text(fn(&str) -> Arc<str>);

impl Visitor<'_> for Text {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Arc<str>, E> {
        Ok((self.0)(text))
    }
}
