//! Objects of other domains and forests, as references lead to them: the names of those, so that a person can be told whom
//! nobody reads, and what stands for these.
//!
//! Never reads them; a controller shows a name and an identifier with the reference itself. An account with few rights may see
//! a member without being allowed to see the object that stands for it. Trap: the name of a child domain ends like that of its
//! parent, so what counts is the whole row of `DC=` at the end.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use ldap::dn;
use sync_core::{
    id::Anchor,
    object::{Entry, EntryKind},
    sid,
};

use super::values;

// LIMIT: objects remembered as told already; then some are told again, which changes nothing.
const REMEMBERED: usize = 50_000;

/// Where a domain keeps what stands for accounts of other forests.
///
/// # Source
/// MS-ADTS §6.1.1.4.11 Foreign Security Principals Container
const STAND_INS: &str = "CN=ForeignSecurityPrincipals,";

/// What references led to that belongs to others: outside of one naming context, or standing for somebody there.
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
        let (guid, sid, name) = dn::split_extended(text);
        if values::names_deleted(name) {
            return;
        }
        let stand_in = self.stand_in(name, sid);
        if stand_in.is_none() && is_within(name, &self.naming_context) {
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
            entry.rdn = Some(stand_in.unwrap_or(name).into());
            told.new.push(entry);
        }
    }

    /// The first part of the name of an object that stands for an account of another forest: its name is the identifier. That
    /// identifier comes with the reference, or the object lies where such objects lie; a name alone could be anybody's.
    fn stand_in<'n>(&self, name: &'n str, own: Option<&str>) -> Option<&'n str> {
        let (rdn, container) = dn::split_first(name);
        let named = sid::of_foreign(rdn)?;
        let is_one = match own {
            Some(own) => own.eq_ignore_ascii_case(named),
            None => container
                .strip_prefix(STAND_INS)
                .is_some_and(|domain| domain.eq_ignore_ascii_case(&self.naming_context)),
        };
        is_one.then_some(rdn)
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

    #[test]
    fn what_stands_for_an_account_of_another_forest_is_told_by_its_identifier() {
        let check = |value: &str| {
            let elsewhere = Elsewhere::of("DC=canal,DC=example");
            let value = format!("<GUID=05d9f29f-8b48-4d7f-90f1-6838c7b54c58>;{value}");
            elsewhere.note(&Bytes::from(value));
            elsewhere.take().pop().and_then(|entry| entry.rdn)
        };
        const THERE: &str = "CN=ForeignSecurityPrincipals,DC=canal,DC=example";
        let stands = Some("CN=S-1-5-21-1-2-3-1104".into());
        let with = |sid: &str| check(&format!("<SID={sid}>;CN=S-1-5-21-1-2-3-1104,{THERE}"));
        assert_eq!(with("S-1-5-21-1-2-3-1104"), stands);
        assert_eq!(with("S-1-5-21-1-2-3-1105"), None);
        assert_eq!(check(&format!("CN=S-1-5-21-1-2-3-1104,{THERE}")), stands);
        assert_eq!(check(&format!("CN=S-1-5-11,{THERE}")), None, "nobody's");
        let pretender = "CN=S-1-5-21-1-2-3-1104,OU=People,DC=canal,DC=example";
        assert_eq!(check(pretender), None);
    }
}
