//! What fuzzing of the `ad` dialect runs.
//!
//! Never connects. Trap: an entry is made of lines `name=value`, so that one input reaches many attributes.

use std::sync::Arc;

use bytes::Bytes;
use ldap::Entry;
use sync_core::object::ReadSpec;

use super::{
    entry::{self, Selection},
    schema::Schema,
    values,
    vector::Vector,
    watermark::{Position, Standing},
};

/// An entry made of lines: the first is its name, each other one `attribute=value`.
pub fn entry(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let dn = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut raw = Entry {
        dn,
        attributes: Vec::new(),
    };
    for line in lines {
        let at = line.iter().position(|byte| *byte == b'=');
        let (name, value) = line.split_at(at.unwrap_or(line.len()));
        let name: Arc<str> = String::from_utf8_lossy(name).into();
        let value = Bytes::copy_from_slice(value.get(1..).unwrap_or_default());
        match raw.attributes.iter_mut().find(|(have, _)| *have == name) {
            Some((_, values)) => values.push(value),
            None => raw.attributes.push((name, [value].into_iter().collect())),
        }
    }
    let _ = entry::read(&raw, &selection());
    let _ = Schema::of(std::slice::from_ref(&raw)).infos();
    for (_, values) in &raw.attributes {
        for value in values {
            let _ = (values::reference(value), values::living_reference(value));
            let _ = std::str::from_utf8(value).map(values::generalized_time);
        }
    }
}

fn selection() -> Selection {
    let attribute = |name: &str, syntax: &str, link: &str| {
        let pairs = [
            ("lDAPDisplayName", name),
            ("attributeSyntax", syntax),
            ("linkID", link),
            ("isSingleValued", "TRUE"),
        ];
        let attributes = pairs.iter().filter(|(_, value)| !value.is_empty());
        Entry {
            dn: String::new(),
            attributes: attributes
                .map(|(name, value)| {
                    let values = [Bytes::copy_from_slice(value.as_bytes())];
                    ((*name).into(), values.into_iter().collect())
                })
                .collect(),
        }
    };
    let schema = Schema::of(&[
        attribute("cn", "2.5.5.12", ""),
        attribute("pwdLastSet", "2.5.5.16", ""),
        attribute("objectSid", "2.5.5.17", ""),
        attribute("isCriticalSystemObject", "2.5.5.8", ""),
        attribute("whenCreated", "2.5.5.11", ""),
        attribute("member", "2.5.5.1", "2"),
        attribute("manager", "2.5.5.1", "42"),
        attribute("assistant", "2.5.5.1", ""),
    ]);
    let names = |list: &[&str]| list.iter().map(|name| (*name).into()).collect();
    let spec = ReadSpec {
        classes: names(&["user", "group"]),
        attributes: names(&[
            "cn",
            "pwdLastSet",
            "objectSid",
            "isCriticalSystemObject",
            "whenCreated",
        ]),
        links: names(&["member", "manager", "assistant"]),
        containers: Vec::new(),
    };
    Selection::new(&spec, &schema)
}

/// A stored position, or a vector of what a controller has.
pub fn position(bytes: &[u8]) {
    let standing = Standing {
        server: "dc1.canal.example".into(),
        replica: "r1".into(),
        usn: 100,
        now: 86_400_000,
        naming_context: "DC=canal,DC=example".into(),
        tombstone_lifetime_seconds: 5_184_000,
    };
    let _ = Vector::from_blob(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Vector::from_texts(text.lines());
    }
    let Ok(position) = Position::decode(bytes) else {
        return;
    };
    assert_eq!(Position::decode(&position.encode()), Ok(position.clone()));
    let (_, _) = (position.judge(&standing), position.usn_at(&standing));
    if let Ok(Some(cookie)) = position.cookie(&standing) {
        let known = position.known.clone();
        let next = Position::after(Some(&position), &standing, Some(&cookie), known);
        assert_eq!(
            next.judge(&standing),
            Ok(()),
            "a place just left is continued"
        );
        assert_eq!(next.cookie(&standing), Ok(Some(cookie)));
    }
}
