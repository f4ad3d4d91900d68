//! Which updates a controller holds: the up-to-dateness vector of its copy of a naming context.
//!
//! Says whether one state is at least as new as another, never by clocks. Trap: a controller's own number is not in its own
//! vector; whoever reads the vector adds it.
//!
//! # Source
//! MS-DRSR §5.166 replUpToDateVector, MS-ADTS §3.1.1.4.5.29 msDS-NCReplCursors

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sync_core::id::Anchor;

/// Length of the head of the stored form, and of each of its entries.
const HEAD_BYTES: usize = 16;
const CURSOR_BYTES: usize = 32;

/// Per controller (invocationId as GUID text) the number up to which all updates it made are held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Vector(BTreeMap<String, i64>);

/// An update that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// invocationId of the controller that made it.
    pub replica: String,
    /// Its number.
    pub usn: i64,
    /// The last one that is held.
    pub has: i64,
}

impl Vector {
    /// Holds everything this controller did up to this number; never takes anything back.
    pub fn add(&mut self, replica: &str, usn: i64) {
        let held = self.0.entry(replica.to_owned()).or_insert(usn);
        *held = usn.max(*held);
    }

    /// Holds what the other holds, too.
    pub fn merge(&mut self, other: &Self) {
        for (replica, usn) in &other.0 {
            self.add(replica, *usn);
        }
    }

    /// Says exactly up to where this controller's updates are known.
    pub fn set(&mut self, replica: &str, usn: i64) {
        self.0.insert(replica.to_owned(), usn);
    }

    pub fn usn(&self, replica: &str) -> Option<i64> {
        self.0.get(replica).copied()
    }

    /// Whether it speaks of any other controller than this.
    pub fn is_about_others(&self, replica: &str) -> bool {
        self.0.keys().any(|known| known != replica)
    }

    /// An update of `known` that is not held here.
    pub fn lacks(&self, known: &Self) -> Option<Missing> {
        known.0.iter().find_map(|(replica, usn)| {
            let has = self.usn(replica).unwrap_or(0);
            (has < *usn).then(|| Missing {
                replica: replica.clone(),
                usn: *usn,
                has,
            })
        })
    }

    /// The stored form: version, reserved, count, reserved, then per controller GUID, number, and in version 2 a time.
    pub fn from_blob(blob: &[u8]) -> Option<Self> {
        let version = number(blob, 0)?;
        let count = usize::try_from(number(blob, 8)?).ok()?;
        let length = match version {
            1 => CURSOR_BYTES - 8,
            2 => CURSOR_BYTES,
            _ => return None,
        };
        let cursors = blob.get(HEAD_BYTES..)?.chunks_exact(length).take(count);
        let all: Self = cursors.filter_map(cursor).collect();
        (all.0.len() == count).then_some(all)
    }

    /// The constructed form: one XML text per controller.
    pub fn from_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        texts
            .filter_map(|text| {
                let replica = element(text, "uuidSourceDsaInvocationID")?;
                let usn = element(text, "usnAttributeFilter")?.parse().ok()?;
                let replica = Anchor::from_guid_text(replica)?.guid_text();
                Some((replica, usn))
            })
            .collect()
    }
}

impl FromIterator<(String, i64)> for Vector {
    fn from_iter<I: IntoIterator<Item = (String, i64)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

fn number(blob: &[u8], at: usize) -> Option<u32> {
    let bytes = blob.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

fn cursor(bytes: &[u8]) -> Option<(String, i64)> {
    let replica = Anchor::new(bytes.get(..16)?).guid_text();
    let usn = i64::from_le_bytes(bytes.get(16..24)?.try_into().ok()?);
    Some((replica, usn))
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once("</")?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "e0a11939-f0b0-45c1-b5e4-05a499550a12";
    const TWO: &str = "1246458d-0e11-4a2c-adfd-fcd5d1a7a119";

    fn vector(all: &[(&str, i64)]) -> Vector {
        let owned = all.iter().map(|(replica, usn)| ((*replica).into(), *usn));
        owned.collect()
    }

    #[test]
    fn a_state_lacks_what_another_has_seen_and_it_has_not() {
        let known = vector(&[(ONE, 10), (TWO, 5)]);
        assert_eq!(vector(&[(ONE, 10), (TWO, 7)]).lacks(&known), None);
        assert_eq!(known.lacks(&Vector::default()), None);
        let missing = vector(&[(ONE, 9), (TWO, 7)]).lacks(&known);
        assert_eq!(
            missing,
            Some(Missing {
                replica: ONE.into(),
                usn: 10,
                has: 9
            })
        );
        assert_eq!(vector(&[(ONE, 10)]).lacks(&known).unwrap().has, 0);
    }

    #[test]
    fn merging_never_takes_back() {
        let mut sum = vector(&[(ONE, 10)]);
        sum.merge(&vector(&[(ONE, 3), (TWO, 4)]));
        assert_eq!(sum, vector(&[(ONE, 10), (TWO, 4)]));
        assert!(sum.is_about_others(ONE));
        assert!(!vector(&[(ONE, 1)]).is_about_others(ONE));
    }

    #[test]
    fn both_forms_of_the_vector_are_read_and_damaged_ones_refused() {
        let mut blob = vec![2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        let guid = Anchor::from_guid_text(ONE).unwrap();
        blob.extend_from_slice(guid.as_bytes());
        blob.extend_from_slice(&4089_i64.to_le_bytes());
        blob.extend_from_slice(&[0; 8]);
        assert_eq!(Vector::from_blob(&blob), Some(vector(&[(ONE, 4089)])));
        assert_eq!(Vector::from_blob(&blob[..40]), None);
        assert_eq!(Vector::from_blob(&[9; 16]), None);
        let text = format!(
            "<DS_REPL_CURSOR>\n <uuidSourceDsaInvocationID>{TWO}</uuidSourceDsaInvocationID>\n <usnAttributeFilter>77</usnAttributeFilter>\n</DS_REPL_CURSOR>"
        );
        let read = Vector::from_texts([text.as_str(), "nonsense"].into_iter());
        assert_eq!(read, vector(&[(TWO, 77)]));
    }
}
