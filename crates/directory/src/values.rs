//! The attributes of one object in stored form: sorted by attribute number, one compact blob.
//!
//! Never validates; `check` does, before anything becomes `Values`. Trap: the blob begins with a format byte, and old
//! formats have to stay readable.

use crate::fault::Fault;
use crate::schema::by_number;
use crate::value::{Attributes, Text, Value};

const FORMAT: u8 = 1;

/// Checked, normalised attribute values by attribute number; empty values are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values(
    // INVARIANT: sorted by number, no number twice.
    Vec<(u16, Value)>,
);

impl Values {
    /// Makes room for so many more.
    pub(crate) fn make_room(&mut self, count: usize) {
        self.0.reserve(count);
    }

    fn position(&self, number: u16) -> Result<usize, usize> {
        let is_behind = self.0.last().is_none_or(|(last, _)| *last < number);
        match is_behind {
            true => Err(self.0.len()),
            false => self.0.binary_search_by_key(&number, |(have, _)| *have),
        }
    }

    /// The value of an attribute.
    pub(crate) fn get(&self, number: u16) -> Option<&Value> {
        let at = self.position(number).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Sets an attribute.
    pub(crate) fn insert(&mut self, number: u16, value: Value) {
        match self.position(number) {
            Ok(at) => {
                if let Some((_, held)) = self.0.get_mut(at) {
                    *held = value;
                }
            }
            Err(at) => self.0.insert(at, (number, value)),
        }
    }

    /// Takes an attribute out.
    pub(crate) fn remove(&mut self, number: u16) {
        if let Ok(at) = self.position(number) {
            self.0.remove(at);
        }
    }

    pub(crate) fn text(&self, number: u16) -> Option<&str> {
        self.get(number).and_then(Value::as_text)
    }

    pub(crate) fn texts(&self, number: u16) -> &[Text] {
        self.get(number).map_or(&[], Value::as_texts)
    }

    pub(crate) fn is_true(&self, number: u16) -> bool {
        self.get(number).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Fault> {
        let start = vec![FORMAT];
        postcard::to_io(&self.0, start).map_err(|_| Fault::Unreadable {
            place: "attributes to be written",
        })
    }

    pub(crate) fn decode(blob: &[u8]) -> Result<Values, Fault> {
        const UNREADABLE: Fault = Fault::Unreadable {
            place: "the attributes of an object",
        };
        match blob.split_first() {
            Some((&FORMAT, rest)) => {
                let all: Vec<(u16, Value)> = postcard::from_bytes(rest).map_err(|_| UNREADABLE)?;
                match all.is_sorted_by(|(a, _), (b, _)| a < b) {
                    true => Ok(Values(all)),
                    false => Err(UNREADABLE),
                }
            }
            _ => Err(UNREADABLE),
        }
    }

    /// By name; an attribute this version does not know is left out.
    pub(crate) fn into_attributes(self) -> Attributes {
        let named = self.0.into_iter().filter_map(|(number, value)| {
            by_number(number).map(|attribute| (attribute.name, value))
        });
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_round_trip_with_any_bytes() {
        let mut values = Values::default();
        for (number, value) in [
            (1, Value::Text("ünï\u{202e}code\0".into())),
            (56, Value::Integer(i64::MIN)),
            (8, Value::Bool(true)),
            (84, Value::Binary((0..=255).collect())),
            (7, Value::Texts(vec!["a".into(), "b".into()])),
            (85, Value::Binaries(vec![vec![0], vec![255; 300]])),
        ] {
            values.insert(number, value);
        }
        assert_eq!(Values::decode(&values.encode().unwrap()).unwrap(), values);
    }

    #[test]
    fn refuses_garbage_instead_of_guessing() {
        for blob in [
            &[][..],
            &[9, 1, 1],
            &[FORMAT, 255, 255, 255],
            &[FORMAT, 1, 1, 99],
            // Numbers that do not ascend.
            &[FORMAT, 2, 8, 2, 1, 8, 2, 1],
        ] {
            assert!(Values::decode(blob).is_err(), "{blob:?}");
        }
    }
}
