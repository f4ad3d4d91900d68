//! An LDAP entry as what it says of an object: which object, which class, which values, which links by name.
//!
//! Never looks anything up. Trap: a changed entry comes whole, so an attribute or link that is not there has no value.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use ldap::Entry as Raw;
use sync_core::{
    object::{AttributeType, ReadSpec},
    value::{Attributes, Name, Values, compare_names},
};

use super::{
    names::{Key, Keys, Uuid},
    schema::Schema,
    values,
};
use crate::ldap::{spelled::Spelled, values::typed};

/// What is asked for besides the read spec.
const ALWAYS: &[&str] = &[
    "objectClass",
    "structuralObjectClass",
    "entryUUID",
    "entryCSN",
    "modifyTimestamp",
    "hasSubordinates",
];
/// The attribute whose values are account names of members.
const MEMBER_UID: &str = "memberUid";
/// The attribute account names are in.
pub(super) const UID: &str = "uid";

/// How the values of a link name objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    /// By distinguished name.
    Dn,
    /// By account name.
    Uid,
}

/// A linked attribute of the read spec.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub name: Name,
    pub by: By,
}

#[derive(Clone, Copy, Debug)]
enum Use {
    Plain(usize),
    Link(usize),
}

/// The attributes of a read spec with their types.
pub(super) struct Selection {
    schema: Arc<Schema>,
    classes: Vec<Name>,
    /// In the order of their names, which is that of the attributes of an object.
    plain: Vec<(Name, AttributeType)>,
    /// Values of the entry that is being read, by their place in `plain`.
    found: Vec<(usize, Values)>,
    pub links: Vec<Link>,
    /// By first name, folded.
    uses: HashMap<String, Vec<Use>>,
    /// As [`Self::uses`], by how the server spells a name.
    spelled: Spelled<Arc<[Use]>>,
    /// What objects of such classes are: the class of the spec, if one of them is.
    kinds: HashMap<Vec<Bytes>, Option<Name>>,
    pub needs_uids: bool,
}

/// What an entry says.
#[derive(Debug)]
pub(super) struct Seen {
    pub uuid: Uuid,
    pub dn: String,
    pub class: Name,
    /// Whether its class is one of the read spec.
    pub is_wanted: bool,
    pub attributes: Attributes,
    /// Its links, with their values.
    pub links: Vec<(usize, ldap::Values)>,
    pub has_children: bool,
    pub change: Option<Box<str>>,
    pub modified: Option<Box<str>>,
    pub uids: ldap::Values,
}

impl Seen {
    /// The account names it has.
    pub fn account_names(&self) -> impl Iterator<Item = &str> {
        let uids = self.uids.iter();
        uids.filter_map(|uid| std::str::from_utf8(uid).ok())
    }
}

impl Selection {
    /// The part of the spec that this schema has.
    pub fn new(spec: &ReadSpec, schema: &Arc<Schema>) -> Self {
        let mut selection = Self {
            schema: schema.clone(),
            classes: spec.classes.clone(),
            plain: Vec::new(),
            found: Vec::new(),
            links: Vec::new(),
            uses: HashMap::new(),
            spelled: Spelled::default(),
            kinds: HashMap::new(),
            needs_uids: false,
        };
        let mut wanted: Vec<&Name> = spec.attributes.iter().collect();
        wanted.sort_by(|a, b| compare_names(a, b));
        for name in wanted {
            if let Some(found) = schema.attribute(name) {
                let first = found.info.name.to_ascii_lowercase();
                let used = Use::Plain(selection.plain.len());
                selection.uses.entry(first).or_default().push(used);
                selection.plain.push((name.clone(), found.info.kind));
            }
        }
        for name in &spec.links {
            if let Some(found) = schema.attribute(name) {
                let by = match found.info.name.eq_ignore_ascii_case(MEMBER_UID) {
                    true => By::Uid,
                    // Values that name nothing cannot be followed.
                    false if !found.is_reference => continue,
                    false => By::Dn,
                };
                selection.needs_uids |= by == By::Uid;
                let first = found.info.name.to_ascii_lowercase();
                let used = Use::Link(selection.links.len());
                selection.uses.entry(first).or_default().push(used);
                let name = name.clone();
                selection.links.push(Link { name, by });
            }
        }
        selection
    }

    /// The attribute list of a request.
    pub fn requested(&self) -> Vec<String> {
        let mut names: Vec<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
        let uid = self.needs_uids.then_some(UID);
        let plain = self.plain.iter().map(|(name, _)| &**name);
        let links = self.links.iter().map(|link| &*link.name);
        for name in plain.chain(links).chain(uid) {
            if !names.iter().any(|have| have.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The attribute list of a request for names and links only.
    pub fn requested_links(&self) -> Vec<String> {
        let mut names = vec!["objectClass".to_owned(), "entryUUID".to_owned()];
        let links = self.links.iter().map(|link| link.name.to_string());
        names.extend(links);
        names.extend(self.needs_uids.then(|| UID.to_owned()));
        names
    }

    fn uses(&mut self, description: &Arc<str>) -> Arc<[Use]> {
        if let Some(uses) = self.spelled.find(description) {
            return uses.clone();
        }
        // `userCertificate;binary` is the attribute; with a language it is not.
        let (name, options) = description.split_once(';').unwrap_or((description, ""));
        let is_plain = options.is_empty() || options.eq_ignore_ascii_case("binary");
        let first = self
            .schema
            .attribute(name)
            .map(|a| a.info.name.to_ascii_lowercase());
        let uses = first
            .filter(|_| is_plain)
            .and_then(|name| self.uses.get(&name));
        let uses: Arc<[Use]> = uses.cloned().unwrap_or_default().into();
        self.spelled.add(description, uses.clone());
        uses
    }

    fn wanted_class(&mut self, classes: &[Bytes]) -> Option<Name> {
        if let Some(wanted) = self.kinds.get(classes) {
            return wanted.clone();
        }
        let names: Vec<&str> = classes
            .iter()
            .filter_map(|class| std::str::from_utf8(class).ok())
            .collect();
        let wanted = self.schema.choose(&names, &self.classes).cloned();
        // The key must not keep the frame it came in.
        let key = classes.iter().map(|c| Bytes::copy_from_slice(c)).collect();
        self.kinds.insert(key, wanted.clone());
        wanted
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// Its name, if it does not say which object it is about.
    pub fn read(&mut self, raw: Raw, uuid: Option<Uuid>) -> Result<Seen, String> {
        let told = || raw.first("entryUUID").and_then(|text| values::uuid(text));
        let Some(uuid) = uuid.or_else(told) else {
            return Err(raw.dn);
        };
        let classes = raw.values("objectClass").unwrap_or_default();
        let wanted = self.wanted_class(classes);
        let text = |name: &str| raw.text(name).map(Box::from);
        let class = wanted.clone().unwrap_or_else(|| {
            let last = classes
                .last()
                .and_then(|class| std::str::from_utf8(class).ok());
            raw.text("structuralObjectClass")
                .or(last)
                .unwrap_or_default()
                .into()
        });
        let mut seen = Seen {
            uuid,
            class,
            is_wanted: wanted.is_some(),
            attributes: Attributes::new(),
            links: Vec::new(),
            has_children: raw.text("hasSubordinates") == Some("TRUE"),
            change: text("entryCSN"),
            modified: text("modifyTimestamp"),
            uids: match self.needs_uids {
                true => raw.values(UID).unwrap_or_default().into(),
                false => ldap::Values::new(),
            },
            dn: raw.dn,
        };
        if seen.is_wanted {
            for (description, values) in raw.attributes {
                self.take(&mut seen, &description, values);
            }
            seen.attributes = self.in_order();
        }
        Ok(seen)
    }

    fn take(&mut self, seen: &mut Seen, description: &Arc<str>, values: ldap::Values) {
        let uses = self.uses(description);
        for used in uses.iter() {
            match *used {
                Use::Plain(at) => {
                    if let Some((_, kind)) = self.plain.get(at).filter(|_| !values.is_empty()) {
                        let values = values.iter().map(|value| typed(*kind, value));
                        self.found.push((at, values.collect()));
                    }
                }
                Use::Link(at) => match seen.links.iter_mut().find(|(have, _)| *have == at) {
                    Some((_, have)) => have.extend(values.iter().cloned()),
                    None => seen.links.push((at, values.clone())),
                },
            }
        }
    }

    /// What was found, as the attributes of an object: each goes behind the one before.
    fn in_order(&mut self) -> Attributes {
        // Stable: of an attribute that comes twice the last word counts.
        self.found.sort_by_key(|(at, _)| *at);
        let plain = &self.plain;
        let found = self.found.drain(..);
        let named = found.filter_map(|(at, values)| Some((plain.get(at)?.0.clone(), values)));
        named.collect()
    }

    /// The key of a value of a link; `None` if the value names nothing.
    pub fn key(&self, link: usize, value: &[u8], keys: &mut Keys) -> Option<Key> {
        match self.links.get(link)?.by {
            By::Dn => Some(keys.of_dn(values::plain_name(value)?)),
            By::Uid => Some(keys.of_uid(std::str::from_utf8(value).ok()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use sync_core::value::Value;

    use super::*;

    fn selection() -> Selection {
        let schema = Schema::read(
            [
                "( 2.5.4.4 NAME ( 'sn' 'surname' ) SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
                "( 1.2 NAME 'photo' SYNTAX 1.3.6.1.4.1.1466.115.121.1.28 )",
                "( 1.3 NAME 'manager' SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )",
                "( 1.4 NAME 'memberUid' SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )",
                "( 1.5 NAME 'uid' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )",
            ],
            [
                "( 5.1 NAME 'person' SUP top STRUCTURAL MAY ( surname $ photo $ manager ) )",
                "( 5.2 NAME 'posixGroup' SUP top STRUCTURAL MAY memberUid )",
            ],
        );
        let names = |names: &[&str]| names.iter().map(|name| Name::from(*name)).collect();
        let spec = ReadSpec {
            classes: names(&["person", "posixGroup"]),
            attributes: names(&["surname", "photo", "shoeSize"]),
            links: names(&["manager", "memberUid"]),
            containers: Vec::new(),
        };
        Selection::new(&spec, &Arc::new(schema))
    }

    fn check(attributes: &[(&str, &[&str])]) -> Seen {
        let raw = Raw {
            dn: "cn=a,dc=x".into(),
            attributes: attributes
                .iter()
                .map(|(name, values)| {
                    let values = values.iter().map(|v| Bytes::copy_from_slice(v.as_bytes()));
                    ((*name).into(), values.collect())
                })
                .collect(),
        };
        selection().read(raw, Some([1; 16])).unwrap()
    }

    #[test]
    fn a_spec_may_use_aliases_and_what_the_schema_lacks_is_not_asked_for() {
        let requested = selection().requested();
        assert!(requested.contains(&"surname".to_owned()));
        assert!(!requested.contains(&"shoeSize".to_owned()));
        assert!(requested.contains(&"uid".to_owned()));
        let seen = check(&[
            ("objectClass", &["person"]),
            ("sn", &["Byron"]),
            ("sn;lang-fr", &["B"]),
            ("photo;binary", &["jpeg"]),
        ]);
        assert_eq!(seen.attributes.text("surname"), Some("Byron"));
        assert_eq!(
            seen.attributes.first("photo"),
            Some(&Value::binary(&b"jpeg"[..]))
        );
    }

    #[test]
    fn links_come_apart_from_values() {
        let group = check(&[("objectClass", &["posixGroup"]), ("memberUid", &["ada"])]);
        assert_eq!(group.links.len(), 1);
        assert_eq!((group.links[0].0, group.links[0].1.len()), (1, 1));
        assert!(group.attributes.is_empty());
        assert_eq!(&*group.class, "posixGroup");
    }

    #[test]
    fn an_object_of_another_class_says_its_class_only() {
        let seen = check(&[
            ("objectClass", &["top", "organizationalUnit"]),
            ("structuralObjectClass", &["organizationalUnit"]),
            ("sn", &["x"]),
        ]);
        assert!(!seen.is_wanted && seen.attributes.is_empty() && seen.links.is_empty());
        assert_eq!(&*seen.class, "organizationalUnit");
    }
}
