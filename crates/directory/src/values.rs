//! The attributes of one object in stored form: sorted by attribute number, one compact blob.
//!
//! Never validates; `check` does, before anything becomes `Values`. Trap: the blob begins with a format byte, and old
//! formats have to stay readable.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::schema::by_number;
use crate::value::{Attributes, Value};

const FORMAT: u8 = 1;

/// Checked, normalised attribute values by attribute number; empty values are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values(pub(crate) BTreeMap<u16, Value>);

impl Values {
    pub(crate) fn text(&self, number: u16) -> Option<&str> {
        self.0.get(&number).and_then(Value::as_text)
    }

    pub(crate) fn texts(&self, number: u16) -> &[String] {
        self.0.get(&number).map_or(&[], Value::as_texts)
    }

    pub(crate) fn is_true(&self, number: u16) -> bool {
        self.0
            .get(&number)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, Fault> {
        let start = vec![FORMAT];
        postcard::to_extend(&self.0, start).map_err(|_| Fault::Unreadable {
            place: "attributes to be written",
        })
    }

    pub(crate) fn decode(blob: &[u8]) -> Result<Values, Fault> {
        const UNREADABLE: Fault = Fault::Unreadable {
            place: "the attributes of an object",
        };
        match blob.split_first() {
            Some((&FORMAT, rest)) => postcard::from_bytes(rest)
                .map(Values)
                .map_err(|_| UNREADABLE),
            _ => Err(UNREADABLE),
        }
    }

    /// By name; an attribute this version does not know is left out.
    pub(crate) fn into_attributes(self) -> Attributes {
        let named = self.0.into_iter().filter_map(|(number, value)| {
            by_number(number).map(|attribute| (attribute.name.to_owned(), value))
        });
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_round_trip_with_any_bytes() {
        let values = Values(BTreeMap::from([
            (1, Value::Text("ünï\u{202e}code\0".into())),
            (56, Value::Integer(i64::MIN)),
            (8, Value::Bool(true)),
            (84, Value::Binary((0..=255).collect())),
            (7, Value::Texts(vec!["a".into(), "b".into()])),
            (85, Value::Binaries(vec![vec![0], vec![255; 300]])),
        ]));
        assert_eq!(Values::decode(&values.encode().unwrap()).unwrap(), values);
    }

    #[test]
    fn refuses_garbage_instead_of_guessing() {
        for blob in [
            &[][..],
            &[9, 1, 1],
            &[FORMAT, 255, 255, 255],
            &[FORMAT, 1, 1, 99],
        ] {
            assert!(Values::decode(blob).is_err(), "{blob:?}");
        }
    }
}
