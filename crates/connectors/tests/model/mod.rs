//! A connector space in miniature: applies entries as they come, and compares the sum with a plain search.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use connectors::{
    PageSink, ReadEnd, ReadMode, Source,
    source::{Listed, Page, ReadMethod, SourceError, Watermark},
};
use sync_core::{
    id::Anchor,
    object::{Entry, EntryKind, ReadSpec},
    operation::Refusal,
    value::{Attributes, Name},
};

/// What is read in these tests.
pub fn spec() -> ReadSpec {
    let names = |list: &[&str]| list.iter().map(|name| (*name).into()).collect();
    ReadSpec {
        classes: names(&["user", "inetOrgPerson", "group", "contact"]),
        attributes: names(&[
            "cn",
            "displayName",
            "title",
            "description",
            "sAMAccountName",
            "userPrincipalName",
            "userAccountControl",
            "objectSid",
            "pwdLastSet",
            "accountExpires",
            "isCriticalSystemObject",
            "proxyAddresses",
            "mail",
            "thumbnailPhoto",
            "extensionAttribute1",
            "whenCreated",
        ]),
        links: names(&["member", "manager", "managedBy"]),
        containers: Vec::new(),
    }
}

#[derive(Clone, Debug)]
pub struct State {
    pub kind: EntryKind,
    pub class: Option<Name>,
    pub parent: Option<Anchor>,
    pub rdn: String,
    pub attributes: Attributes,
    pub links: BTreeMap<String, BTreeSet<Anchor>>,
}

#[derive(Default)]
pub struct Model {
    objects: HashMap<Anchor, State>,
    deleted: HashSet<Anchor>,
    pub watermark: Option<Watermark>,
    /// How the last read that ended well found changes.
    pub method: ReadMethod,
    /// Entries of the last read, tombstones included.
    pub last_entries: usize,
    /// Objects the last read named as there and unchanged.
    pub present: HashSet<Anchor>,
    next_page: u32,
    is_positioned: bool,
}

#[async_trait]
impl PageSink for Model {
    async fn page(&mut self, page: Page) -> Result<(), Refusal> {
        assert_eq!(page.number, self.next_page, "pages come in order");
        self.next_page += 1;
        self.last_entries += page.entries.len();
        for entry in page.entries {
            self.apply(entry);
        }
        self.is_positioned |= page.watermark.is_some();
        self.watermark = page.watermark.or(self.watermark.take());
        Ok(())
    }
}

impl Model {
    pub fn live(&self, anchor: &Anchor) -> &State {
        &self.objects[anchor]
    }

    pub fn is_deleted(&self, anchor: &Anchor) -> bool {
        self.deleted.contains(anchor) && !self.objects.contains_key(anchor)
    }

    pub fn wholes(&self) -> usize {
        let all = self.objects.values();
        all.filter(|state| state.kind == EntryKind::Whole).count()
    }

    /// The size of the largest set of links.
    pub fn largest_link_set(&self) -> usize {
        let sets = self.objects.values().flat_map(|state| state.links.values());
        sets.map(BTreeSet::len).max().unwrap_or_default()
    }

    /// The distinguished name, put together from RDNs.
    pub fn dn(&self, anchor: &Anchor, root: &str) -> String {
        let state = self.live(anchor);
        match &state.parent {
            Some(parent) => format!("{},{}", state.rdn, self.dn(parent, root)),
            None => {
                assert_eq!(state.rdn, root);
                root.to_owned()
            }
        }
    }

    /// A read begins.
    pub fn begin(&mut self) {
        (self.next_page, self.last_entries, self.is_positioned) = (0, 0, false);
        self.present.clear();
    }

    pub async fn try_delta(
        &mut self,
        source: &mut dyn Source,
        spec: &ReadSpec,
        watermark: Watermark,
    ) -> Result<ReadEnd, SourceError> {
        self.begin();
        source.read(spec, ReadMode::Delta(watermark), self).await
    }

    pub async fn try_full(
        &mut self,
        source: &mut dyn Source,
        spec: &ReadSpec,
    ) -> Result<ReadEnd, SourceError> {
        self.begin();
        source.read(spec, ReadMode::Full, self).await
    }

    /// Reads from where the last read ended; the first time, everything.
    pub async fn read(&mut self, source: &mut dyn Source, spec: &ReadSpec) {
        let end = match self.watermark.clone() {
            Some(watermark) => self.try_delta(source, spec, watermark).await,
            None => self.try_full(source, spec).await,
        };
        match end.unwrap() {
            ReadEnd::Complete {
                watermark, method, ..
            } => {
                // A position per page, where there is one, leads to the one at the end.
                if self.is_positioned {
                    assert_eq!(Some(&watermark), self.watermark.as_ref());
                }
                self.watermark = Some(watermark);
                self.method = method;
            }
            ReadEnd::NeedsFullRead(refusal) => panic!("{refusal}"),
        }
    }

    fn apply(&mut self, entry: Entry) {
        if entry.kind == EntryKind::Present {
            self.present.insert(entry.anchor);
            return;
        }
        if entry.kind == EntryKind::Deleted {
            self.objects.remove(&entry.anchor);
            // A deleted object is nobody's member; if it is restored, its holders are told again.
            let links = self
                .objects
                .values_mut()
                .flat_map(|state| state.links.values_mut());
            links.for_each(|edges| {
                edges.remove(&entry.anchor);
            });
            self.deleted.insert(entry.anchor);
            return;
        }
        self.deleted.remove(&entry.anchor);
        let state = self.objects.entry(entry.anchor).or_insert_with(|| State {
            kind: EntryKind::Skeleton,
            class: None,
            parent: None,
            rdn: String::new(),
            attributes: Attributes::new(),
            links: BTreeMap::new(),
        });
        if entry.kind == EntryKind::Part && state.kind == EntryKind::Skeleton {
            return;
        }
        if entry.kind != EntryKind::Part {
            state.kind = entry.kind;
            state.attributes = Attributes::new();
            state.links.clear();
        }
        state.class = entry.class.or(state.class.take());
        state.parent = entry.parent.or(state.parent.take());
        if let Some(rdn) = entry.rdn {
            state.rdn = rdn.into();
        }
        state.attributes.merge(entry.attributes);
        for link in entry.links {
            let edges = state
                .links
                .entry(link.attribute.to_lowercase())
                .or_default();
            if link.complete {
                edges.clear();
            }
            for gone in &link.removed {
                edges.remove(gone);
            }
            edges.extend(link.added);
        }
    }

    /// Every object a plain search shows must be held whole and equal, and nothing else may be held whole.
    pub async fn compare(&self, source: &mut dyn Source, spec: &ReadSpec) {
        let mut listed: Vec<Listed> = Vec::new();
        source
            .enumerate(spec, &mut |one| {
                listed.push(one);
                true
            })
            .await
            .unwrap();
        for Listed { entry, dn } in &listed {
            let state = self.objects.get(&entry.anchor);
            let state = state.unwrap_or_else(|| panic!("{dn} never came"));
            assert_eq!(state.kind, EntryKind::Whole, "{dn}");
            assert_eq!(state.class, entry.class, "{dn}");
            assert_eq!(state.parent, entry.parent, "{dn}");
            assert_eq!(Some(state.rdn.as_str()), entry.rdn.as_deref(), "{dn}");
            assert_eq!(state.attributes, entry.attributes, "{dn}");
            let found: BTreeMap<_, BTreeSet<Anchor>> = entry
                .links
                .iter()
                .map(|link| {
                    (
                        link.attribute.to_lowercase(),
                        link.added.iter().cloned().collect(),
                    )
                })
                .filter(|(_, edges): &(_, BTreeSet<Anchor>)| !edges.is_empty())
                .collect();
            assert_eq!(Self::held_links(state), found, "{dn}");
        }
        assert_eq!(self.wholes(), listed.len());
    }

    fn held_links(state: &State) -> BTreeMap<String, BTreeSet<Anchor>> {
        let mut links = state.links.clone();
        links.retain(|_, edges| !edges.is_empty());
        links
    }
}
