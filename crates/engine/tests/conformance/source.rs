//! Entries as a source connector would make them, in few words.

use sync_core::{
    id::Anchor,
    object::{Entry, EntryKind, LinkChange, Version},
    value::{Attributes, Value},
};

/// The anchor of a number.
pub fn anchor(number: u16) -> Anchor {
    let mut bytes = [7_u8; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    Anchor::new(bytes)
}

/// Anchors of numbers.
pub fn anchors(numbers: impl IntoIterator<Item = u16>) -> Vec<Anchor> {
    numbers.into_iter().map(anchor).collect()
}

/// Text attributes; an empty text clears.
pub fn texts(pairs: &[(&str, &str)]) -> Attributes {
    let values = |text: &str| {
        if text.is_empty() {
            vec![]
        } else {
            vec![Value::from(text)]
        }
    };
    pairs
        .iter()
        .map(|(name, text)| (*name, values(text)))
        .collect()
}

/// A whole user.
pub fn user(number: u16, name: &str) -> Entry {
    Entry {
        class: Some("user".into()),
        rdn: Some(format!("CN={name}").into()),
        attributes: texts(&[("displayName", name)]),
        ..Entry::new(anchor(number), EntryKind::Whole)
    }
}

/// A whole group with all its members.
pub fn group(number: u16, name: &str, members: impl IntoIterator<Item = u16>) -> Entry {
    Entry {
        class: Some("group".into()),
        links: vec![LinkChange {
            attribute: "member".into(),
            complete: true,
            added: anchors(members),
            removed: vec![],
        }],
        ..user(number, name)
    }
}

/// A container as skeleton.
pub fn container(number: u16, rdn: &str, parent: Option<u16>) -> Entry {
    Entry {
        class: Some("organizationalUnit".into()),
        rdn: Some(rdn.into()),
        parent: parent.map(anchor),
        ..Entry::new(anchor(number), EntryKind::Skeleton)
    }
}

/// A change of a few attributes.
pub fn part(number: u16, pairs: &[(&str, &str)]) -> Entry {
    Entry {
        attributes: texts(pairs),
        ..Entry::new(anchor(number), EntryKind::Part)
    }
}

/// Members added and removed.
pub fn members(
    number: u16,
    added: impl IntoIterator<Item = u16>,
    removed: impl IntoIterator<Item = u16>,
) -> Entry {
    Entry {
        links: vec![LinkChange {
            attribute: "member".into(),
            complete: false,
            added: anchors(added),
            removed: anchors(removed),
        }],
        ..Entry::new(anchor(number), EntryKind::Part)
    }
}

/// A tombstone.
pub fn deleted(number: u16) -> Entry {
    Entry::new(anchor(number), EntryKind::Deleted)
}

/// The same, said by a replica at a sequence number.
pub fn at(entry: Entry, usn: i64) -> Entry {
    Entry {
        version: Some(Version {
            replica: [1; 16],
            usn,
        }),
        ..entry
    }
}

/// The same, below a container.
pub fn below(entry: Entry, parent: u16) -> Entry {
    Entry {
        parent: Some(anchor(parent)),
        ..entry
    }
}

/// The same with these attributes as well.
pub fn with(mut entry: Entry, pairs: &[(&str, &str)]) -> Entry {
    for (name, values) in texts(pairs).iter() {
        entry.attributes.set(name.clone(), values.to_vec());
    }
    entry
}
