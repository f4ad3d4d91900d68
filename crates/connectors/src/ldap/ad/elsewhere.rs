//! Objects of other domains, as references lead to them: their names, so that a person can be told whom nobody reads.
//!
//! Never reads them; a controller shows a name and an identifier with the reference itself. Trap: the name of a child domain
//! ends like that of its parent, so what counts is the whole row of `DC=` at the end.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use ldap::dn;
use sync_core::{
    id::Anchor,
    object::{Entry, EntryKind},
};

use super::values;

// LIMIT: objects remembered as told already; then some are told again, which changes nothing.
const REMEMBERED: usize = 50_000;

/// What references led to, outside of one naming context.
#[derive(Default)]
pub(super) struct Elsewhere {
    /// Empty: nothing is noted.
    naming_context: String,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    known: HashSet<Anchor>,
    new: Vec<Entry>,
}

impl Elsewhere {
    pub fn of(naming_context: &str) -> Self {
        Self {
            naming_context: naming_context.to_owned(),
            told: Mutex::default(),
        }
    }

    /// Looks at a value of a linked attribute.
    pub fn note(&self, value: &Bytes) {
        if self.naming_context.is_empty() {
            return;
        }
        let Ok(text) = std::str::from_utf8(value) else {
            return;
        };
        let (guid, _, name) = dn::split_extended(text);
        if is_within(name, &self.naming_context) || values::names_deleted(name) {
            return;
        }
        let Some(anchor) = guid.and_then(Anchor::from_guid_text) else {
            return;
        };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.known.len() >= REMEMBERED {
            told.known.clear();
        }
        if told.known.insert(anchor.clone()) {
            let mut entry = Entry::new(anchor, EntryKind::Elsewhere);
            entry.rdn = Some(name.into());
            told.new.push(entry);
        }
    }

    /// What was noted since the last time.
    pub fn take(&self) -> Vec<Entry> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut told.new)
    }
}

/// Whether a name lies in a naming context, and not in one below it.
fn is_within(name: &str, naming_context: &str) -> bool {
    let Some(at) = name.len().checked_sub(naming_context.len()) else {
        return false;
    };
    let (Some(head), Some(tail)) = (name.get(..at), name.get(at..)) else {
        return false;
    };
    if !tail.eq_ignore_ascii_case(naming_context) {
        return false;
    }
    let Some(above) = head.strip_suffix(',') else {
        return head.is_empty();
    };
    let last = above.rsplit(',').next().unwrap_or(above);
    !last
        .trim_start()
        .get(..3)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("DC="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_domain_is_elsewhere_and_so_is_the_parent() {
        let parent = "DC=canal,DC=example";
        let child = "DC=dock,DC=canal,DC=example";
        assert!(is_within("CN=A,OU=B,DC=Canal,DC=example", parent));
        assert!(is_within(parent, parent));
        assert!(!is_within("CN=A,OU=B,DC=dock,DC=canal,DC=example", parent));
        assert!(!is_within("CN=A,DC=canal,DC=example", child));
        assert!(is_within("CN=A,OU=é,DC=dock,DC=canal,DC=example", child));
        assert!(!is_within("CN=é", "=é"));
    }

    #[test]
    fn each_is_told_once() {
        let elsewhere = Elsewhere::of("DC=canal,DC=example");
        let value = |name: &str| {
            Bytes::from(format!(
                "<GUID=05d9f29f-8b48-4d7f-90f1-6838c7b54c58>;<SID=S-1-5-21-1>;{name}"
            ))
        };
        elsewhere.note(&value("CN=Ada,DC=canal,DC=example"));
        assert!(elsewhere.take().is_empty());
        elsewhere.note(&value("CN=Bob,DC=dock,DC=canal,DC=example"));
        elsewhere.note(&value("CN=Bob,DC=dock,DC=canal,DC=example"));
        elsewhere.note(&Bytes::from_static(b"CN=Nobody,DC=else"));
        let told = elsewhere.take();
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0].rdn.as_deref(),
            Some("CN=Bob,DC=dock,DC=canal,DC=example")
        );
        assert!(elsewhere.take().is_empty());
    }
}
