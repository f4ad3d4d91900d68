//! An LDAP entry as what it says of an object: which object, how much, which values and links.
//!
//! Never looks anything up; what cannot be told from the entry alone is marked as needing a fresh read. Trap: with
//! incremental values `member;range=0-0` are values removed and `member;range=1-1` values added; these are not ranges.

use bytes::Bytes;
use ldap::{Entry as Raw, Range, dn, split_range};
use sync_core::{
    id::Anchor,
    object::{AttributeType, LinkChange, ReadSpec},
    value::{Attributes, Name, Values, compare_names},
};

use super::{elsewhere::Elsewhere, schema::Schema, values};

/// What is asked for besides the read spec.
const ALWAYS: &[&str] = &[
    "objectGUID",
    "objectClass",
    "name",
    "parentGUID",
    "isDeleted",
    "isRecycled",
    "lastKnownParent",
    "whenCreated",
];
const ADDED: Range = Range {
    from: 1,
    to: Some(1),
};
const REMOVED: Range = Range {
    from: 0,
    to: Some(0),
};

/// The attributes of a read spec with their types.
pub(super) struct Selection {
    plain: ByName<AttributeType>,
    /// With whether the server replicates the values one by one.
    links: ByName<bool>,
    /// What references led to in other domains.
    pub elsewhere: Elsewhere,
}

/// Something for each of some names.
struct ByName<T>(
    // INVARIANT: in the order of the names, which is that of the attributes of an object.
    Vec<(Name, T)>,
);

impl<T> FromIterator<(Name, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (Name, T)>>(pairs: I) -> Self {
        let mut all: Vec<(Name, T)> = pairs.into_iter().collect();
        all.sort_by(|(a, _), (b, _)| compare_names(a, b));
        all.dedup_by(|(a, _), (b, _)| compare_names(a, b).is_eq());
        Self(all)
    }
}

impl<T> ByName<T> {
    /// Where a name stands, in any spelling.
    fn place(&self, name: &str) -> Option<usize> {
        let all = &self.0;
        all.binary_search_by(|(have, _)| compare_names(have, name))
            .ok()
    }

    fn at(&self, place: usize) -> Option<&(Name, T)> {
        self.0.get(place)
    }

    fn get(&self, name: &str) -> Option<&(Name, T)> {
        self.at(self.place(name)?)
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().map(|(name, _)| name)
    }
}

impl Selection {
    /// The part of the spec that this schema has.
    pub fn new(spec: &ReadSpec, schema: &Schema) -> Self {
        let plain = spec.attributes.iter().filter_map(|name| {
            let kind = schema.attribute(name)?.info.kind;
            Some((name.clone(), kind))
        });
        let links = spec.links.iter().filter_map(|name| {
            let is_linked = schema.attribute(name)?.is_linked;
            Some((name.clone(), is_linked))
        });
        Self {
            plain: plain.collect(),
            links: links.collect(),
            elsewhere: Elsewhere::default(),
        }
    }

    /// The same, noting what references lead to outside of this naming context.
    pub fn within(self, naming_context: &str) -> Self {
        Self {
            elsewhere: Elsewhere::of(naming_context),
            ..self
        }
    }

    /// The linked attributes.
    pub fn links(&self) -> impl Iterator<Item = &Name> {
        self.links.names()
    }

    /// The attribute list of a request.
    pub fn requested(&self) -> Vec<String> {
        let mut names: Vec<String> = ALWAYS.iter().map(|name| (*name).to_owned()).collect();
        for name in self.plain.names().chain(self.links()) {
            if !names.iter().any(|have| have.eq_ignore_ascii_case(name)) {
                names.push(name.to_string());
            }
        }
        names
    }
}

/// Whether the entry speaks of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Nothing said, or alive.
    Alive,
    /// A tombstone or deleted object.
    Deleted,
    /// It was deleted and is no longer.
    Restored,
}

/// What an entry says.
#[derive(Debug)]
pub(super) struct Seen {
    pub anchor: Anchor,
    pub dn: String,
    pub class: Option<Name>,
    pub parent: Option<Anchor>,
    pub life: Life,
    /// It carries its class and birth: every attribute that has values is there.
    pub is_whole: bool,
    /// Its class, name or parent may have changed, or values are too many for one answer: read it afresh.
    pub is_unclear: bool,
    pub attributes: Attributes,
    pub links: Vec<LinkChange>,
    /// Attributes of which the server gave only the first values, with the index of the next.
    pub ranged: Vec<(Name, u64)>,
}

/// Reads an entry; `None` if it does not say which object it is about.
pub(super) fn read(raw: &Raw, selection: &Selection) -> Option<Seen> {
    let (guid_text, _, plain_dn) = dn::split_extended(&raw.dn);
    let anchor = match raw.first("objectGUID") {
        Some(bytes) => values::guid(bytes)?,
        None => Anchor::from_guid_text(guid_text?)?,
    };
    let class = raw
        .values("objectClass")
        .and_then(<[Bytes]>::last)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let is_whole = class.is_some() && raw.first("whenCreated").is_some();
    let is_renamed = raw.values("name").is_some() || raw.values("parentGUID").is_some();
    let mut seen = Seen {
        anchor,
        dn: plain_dn.to_owned(),
        class: class.map(Into::into),
        parent: raw
            .first("parentGUID")
            .and_then(|bytes| values::guid(bytes)),
        life: life(raw, plain_dn),
        is_whole,
        is_unclear: !is_whole && (class.is_some() || is_renamed),
        attributes: Attributes::new(),
        links: Vec::new(),
        ranged: Vec::new(),
    };
    let mut found = Vec::with_capacity(raw.attributes.len());
    for (description, values) in &raw.attributes {
        seen.take(description, values, selection, &mut found);
    }
    // Stable: of an attribute that comes twice the last word counts.
    found.sort_by_key(|(at, _)| *at);
    let named = found.into_iter().filter_map(|(at, values)| {
        let (name, _) = selection.plain.at(at)?;
        Some((name.clone(), values))
    });
    seen.attributes = named.collect();
    for link in &mut seen.links {
        link.complete |= is_whole;
    }
    if let Some(name) = raw.first("name") {
        seen.take_naming_value(name, selection);
    }
    Some(seen)
}

/// The container of deleted objects is itself marked as deleted, so the mangled name has to agree.
fn life(raw: &Raw, dn: &str) -> Life {
    match raw.values("isDeleted") {
        None => Life::Alive,
        Some([value, ..]) if value.eq_ignore_ascii_case(b"TRUE") => {
            match values::names_deleted(dn) {
                true => Life::Deleted,
                false => Life::Alive,
            }
        }
        Some(_) => Life::Restored,
    }
}

impl Seen {
    fn take(
        &mut self,
        description: &str,
        values: &[Bytes],
        selection: &Selection,
        found: &mut Vec<(usize, Values)>,
    ) {
        let (name, range) = split_range(description);
        if let Some((link, is_linked)) = selection.links.get(name) {
            // Values from before value-by-value replication come unranged, perhaps beside others that do not.
            self.is_unclear |= *is_linked && range.is_none() && !self.is_whole;
            self.take_links(link, range, values);
            if range != Some(REMOVED) {
                values
                    .iter()
                    .for_each(|value| selection.elsewhere.note(value));
            }
        }
        if let Some(at) = selection.plain.place(name)
            && let Some((name, kind)) = selection.plain.at(at)
            && let Some(values) = self.take_values(name, *kind, range, values)
        {
            found.push((at, values));
        }
    }

    /// DirSync leaves out the attribute an object is named by (`cn`, `ou`) and tells `name`, which always equals it.
    fn take_naming_value(&mut self, value: &Bytes, selection: &Selection) {
        let attribute = dn::rdn_attribute(dn::split_first(&self.dn).0);
        if let Some((name, kind)) = selection.plain.get(attribute) {
            let value = values::typed(*kind, value);
            self.attributes.set(name.clone(), vec![value]);
        }
    }

    fn take_values(
        &mut self,
        name: &Name,
        kind: AttributeType,
        range: Option<Range>,
        values: &[Bytes],
    ) -> Option<Values> {
        let typed = values.iter().map(|bytes| values::typed(kind, bytes));
        match range {
            // A whole object leaves out what has no value.
            None if values.is_empty() && self.is_whole => None,
            None => Some(typed.collect()),
            // A linked attribute asked for as plain values: a difference cannot be put into values.
            Some(ADDED | REMOVED) if kind == AttributeType::Reference && !self.is_whole => {
                self.is_unclear = true;
                None
            }
            Some(REMOVED) => None,
            Some(range) => {
                self.continue_from(name, range);
                Some(typed.collect())
            }
        }
    }

    fn take_links(&mut self, name: &Name, range: Option<Range>, values: &[Bytes]) {
        let removed = values.iter().filter_map(|bytes| values::reference(bytes));
        let anchors = values
            .iter()
            .filter_map(|bytes| values::living_reference(bytes));
        let link = match self.links.iter().position(|link| link.attribute == *name) {
            Some(at) => self.links.get_mut(at),
            None => {
                self.links.push(LinkChange {
                    attribute: name.clone(),
                    complete: false,
                    added: Vec::new(),
                    removed: Vec::new(),
                });
                self.links.last_mut()
            }
        };
        let Some(link) = link else { return };
        match range {
            Some(REMOVED) => link.removed.extend(removed),
            Some(ADDED) => link.added.extend(anchors),
            None => {
                link.added.extend(anchors);
                link.complete = true;
            }
            Some(range) => {
                link.added.extend(anchors);
                self.continue_from(name, range);
            }
        }
    }

    fn continue_from(&mut self, name: &Name, range: Range) {
        if let Some(to) = range.to {
            self.ranged.push((name.clone(), to.saturating_add(1)));
            self.is_unclear = true;
        }
    }

    /// Adds further values of a ranged attribute.
    pub fn add_chunk(&mut self, name: &Name, chunk: &[Bytes], selection: &Selection) {
        if selection.links.get(name).is_some() {
            chunk
                .iter()
                .for_each(|value| selection.elsewhere.note(value));
            let anchors = chunk
                .iter()
                .filter_map(|bytes| values::living_reference(bytes));
            let mut links = self.links.iter_mut();
            if let Some(link) = links.find(|link| link.attribute == *name) {
                link.added.extend(anchors);
            }
        }
        if let Some((name, kind)) = selection.plain.get(name) {
            let mut all = self.attributes.remove(name).unwrap_or_default();
            all.extend(chunk.iter().map(|bytes| values::typed(*kind, bytes)));
            self.attributes.set(name.clone(), all);
        }
    }

    /// The relative distinguished name; of the naming context's root its whole name.
    pub fn rdn(&self, root: &str) -> &str {
        match self.dn.eq_ignore_ascii_case(root) {
            true => &self.dn,
            false => dn::split_first(&self.dn).0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sync_core::value::Value;

    const GUID: &str = "05d9f29f-8b48-4d7f-90f1-6838c7b54c58";
    const OTHER: &str = "626b32e9-4a00-474e-bb62-dbe46791e44b";

    fn selection() -> Selection {
        let plain = [
            ("title".into(), AttributeType::Text),
            ("pwdLastSet".into(), AttributeType::FileTime),
        ];
        Selection {
            plain: plain.into_iter().collect(),
            links: [("member".into(), true)].into_iter().collect(),
            elsewhere: Elsewhere::default(),
        }
    }

    fn raw(dn: &str, attributes: &[(&str, &[&str])]) -> Raw {
        Raw {
            dn: format!("<GUID={GUID}>;{dn}"),
            attributes: attributes
                .iter()
                .map(|(name, values)| {
                    let values = values.iter().map(|v| Bytes::copy_from_slice(v.as_bytes()));
                    ((*name).into(), values.collect())
                })
                .collect(),
        }
    }

    fn check(dn: &str, attributes: &[(&str, &[&str])]) -> Seen {
        read(&raw(dn, attributes), &selection()).unwrap()
    }

    fn link() -> String {
        format!("<GUID={OTHER}>;CN=x")
    }

    #[test]
    fn a_born_object_is_whole_and_its_links_complete() {
        let seen = check(
            "CN=G,DC=x",
            &[
                ("objectClass", &["top", "group"]),
                ("name", &["G"]),
                ("whenCreated", &["20260101000000.0Z"]),
                ("title", &[]),
                ("member;range=1-1", &[&link()]),
            ],
        );
        assert!(seen.is_whole && !seen.is_unclear);
        assert_eq!(seen.class.as_deref(), Some("group"));
        assert_eq!(seen.anchor.guid_text(), GUID);
        assert!(seen.attributes.is_empty());
        assert!(seen.links[0].complete);
        assert_eq!(seen.links[0].added[0].guid_text(), OTHER);
    }

    #[test]
    fn a_change_has_cleared_attributes_and_link_differences() {
        let seen = check(
            "CN=G,DC=x",
            &[
                ("title", &[]),
                ("pwdLastSet", &["5"]),
                ("member;range=0-0", &[&link()]),
            ],
        );
        assert!(!seen.is_whole && !seen.is_unclear);
        assert_eq!(seen.attributes.values("title"), Some(&[][..]));
        assert_eq!(
            seen.attributes.first("pwdLastSet"),
            Some(&Value::Integer(5))
        );
        assert_eq!(
            (seen.links[0].complete, seen.links[0].removed.len()),
            (false, 1)
        );
    }

    #[test]
    fn renames_ranges_and_restored_objects_are_unclear_or_restored() {
        assert!(check("CN=G,DC=x", &[("name", &["G"])]).is_unclear);
        let ranged = check("CN=G,DC=x", &[("member;range=0-1499", &[&link()])]);
        assert_eq!(ranged.ranged, [("member".into(), 1500)]);
        assert!(ranged.is_unclear);
        assert_eq!(
            check("CN=G,DC=x", &[("isDeleted", &[])]).life,
            Life::Restored
        );
        assert_eq!(
            check(
                "CN=G\\0ADEL:5,CN=Deleted Objects,DC=x",
                &[("isDeleted", &["TRUE"])]
            )
            .life,
            Life::Deleted
        );
        assert_eq!(
            check("CN=Deleted Objects,DC=x", &[("isDeleted", &["TRUE"])]).life,
            Life::Alive
        );
    }
}
