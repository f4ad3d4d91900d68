//! Taking entries in: each gets its parent's anchor, its place in the read spec, and its links, now or at the end.
//!
//! The same for every mechanism changes come by. Never judges what is absent. Trap: a renamed container renames everything
//! below it without a word about it, so all names learnt are forgotten then.

use std::collections::{HashMap, HashSet};

use ldap::{Entry as Raw, Filter, Query, Scope as Depth, dn};
use sync_core::object::{Entry, EntryKind};

use super::{
    entry::{By, Link, Seen, Selection},
    links::{self, Held},
    lookup::Lookup,
    names::{Key, Names, Uuid},
    session::Session,
    values,
    watermark::Witnesses,
};
use crate::{
    ldap::{pages::Pages, scope::Scope},
    source::{SourceError, source_error},
};

/// More new names than this are not looked for one by one among the links of others.
const MOST_ASKED_FOR: usize = 100;
/// How many names are asked for in one search.
const NAMES_PER_SEARCH: usize = 10;
// LIMIT: names referred to that a survey remembers.
const MOST_REFERRED: usize = 4 << 20;

/// How much of the directory comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything.
    Whole,
    /// What changed.
    Changes,
}

/// What a read works with.
pub(super) struct Intake<'a> {
    pub session: &'a Session,
    pub scope: &'a Scope,
    pub selection: Selection,
    pub names: Names,
    pub pages: Pages<'a>,
    pub lookup: Lookup<'a>,
    pub extent: Extent,
    pub page_size: u32,
    pub witnesses: Witnesses,
    /// The newest modifyTimestamp.
    pub newest: Option<Box<str>>,
    pub gone: HashSet<Uuid>,
    base: Key,
    held: Held,
    arrived: Vec<Arrival>,
    /// The keys of their names.
    arrived_keys: HashSet<Key>,
    parent: Option<(String, Parent)>,
    /// Objects that were looked up, or that will come: known as containers, and still news when they come.
    looked_up: HashMap<Key, Uuid>,
}

/// An object whose name is new here.
#[derive(Debug)]
struct Arrival {
    uuid: Uuid,
    dn: String,
    uids: Vec<String>,
    has_children: bool,
}

/// Where an object hangs.
#[derive(Clone, Debug)]
struct Parent {
    anchor: Option<Uuid>,
    /// What of the name lies between it and the object's own: containers that are not shown.
    hidden: String,
}

/// Everything a read works with, given.
pub(super) struct Parts<'a> {
    pub session: &'a Session,
    pub scope: &'a Scope,
    pub selection: Selection,
    pub names: Names,
    pub pages: Pages<'a>,
    pub lookup: Lookup<'a>,
    pub extent: Extent,
    pub page_size: u32,
}

impl<'a> Intake<'a> {
    pub fn new(parts: Parts<'a>) -> Self {
        let Parts {
            session,
            scope,
            selection,
            mut names,
            pages,
            lookup,
            extent,
            page_size,
        } = parts;
        if extent == Extent::Whole {
            names.begin_whole();
        }
        Self {
            base: names.keys.of_dn(&session.base),
            session,
            scope,
            selection,
            names,
            pages,
            lookup,
            extent,
            page_size,
            witnesses: Witnesses::default(),
            newest: None,
            gone: HashSet::new(),
            held: Held::default(),
            arrived: Vec::new(),
            arrived_keys: HashSet::new(),
            parent: None,
            looked_up: HashMap::new(),
        }
    }

    /// Takes in an entry that came with its values.
    pub async fn entry(&mut self, raw: Raw, uuid: Option<Uuid>) -> Result<(), SourceError> {
        let seen = match self.selection.read(raw, uuid) {
            Ok(seen) => seen,
            Err(dn) => return Err(self.nameless(&dn)),
        };
        if let Some(change) = &seen.change {
            self.witnesses.note(seen.uuid, change);
        }
        if self.newest < seen.modified {
            self.newest.clone_from(&seen.modified);
        }
        let key = self.learn(&seen);
        let entry = self.place(seen, key).await?;
        self.pages.push(entry).await
    }

    /// Learns where an object that will come is, so that one below it which comes first finds it there, even if another one
    /// had the name before.
    pub fn foresee(&mut self, dn: &str, uuid: Uuid) {
        let key = self.names.keys.of_dn(dn);
        self.looked_up.insert(key, uuid);
    }

    /// Takes in that an object is there and did not change.
    pub async fn present(&mut self, uuid: Uuid) -> Result<(), SourceError> {
        let entry = Entry::new(values::anchor(uuid), EntryKind::Present);
        self.pages.push(entry).await
    }

    /// Takes in that an object was deleted.
    pub async fn deleted(&mut self, uuid: Uuid) -> Result<(), SourceError> {
        self.gone.insert(uuid);
        let entry = Entry::new(values::anchor(uuid), EntryKind::Deleted);
        self.pages.push(entry).await
    }

    /// Learns the names of an object; the key of its distinguished name.
    fn learn(&mut self, seen: &Seen) -> Key {
        let dn = self.names.keys.of_dn(&seen.dn);
        let mut is_news = self.names.learn(dn, seen.uuid);
        for uid in seen.account_names() {
            let key = self.names.keys.of_uid(uid);
            is_news |= self.names.learn(key, seen.uuid);
        }
        if self.extent == Extent::Changes && is_news {
            self.arrived_keys.insert(dn);
            for uid in seen.account_names() {
                self.arrived_keys.insert(self.names.keys.of_uid(uid));
            }
            self.arrived.push(Arrival {
                uuid: seen.uuid,
                dn: seen.dn.clone(),
                uids: seen.account_names().map(str::to_owned).collect(),
                has_children: seen.has_children,
            });
        }
        dn
    }

    /// The entry as it is told: whole inside the spec, a skeleton outside.
    async fn place(&mut self, seen: Seen, key: Key) -> Result<Entry, SourceError> {
        let is_wanted = seen.is_wanted && self.scope.has_place(&seen.dn);
        let kind = match is_wanted {
            true => EntryKind::Whole,
            false => EntryKind::Skeleton,
        };
        let mut entry = Entry::new(values::anchor(seen.uuid), kind);
        entry.class = Some(seen.class.clone());
        if key == self.base {
            entry.rdn = Some(seen.dn.as_str().into());
        } else {
            let (rdn, parent) = dn::split_first(&seen.dn);
            let parent = self.parent_of(parent).await?;
            entry.rdn = Some(format!("{rdn}{}", parent.hidden).into());
            entry.parent = parent.anchor.map(values::anchor);
        }
        if is_wanted {
            self.links(&mut entry, &seen);
            entry.attributes = seen.attributes;
        }
        Ok(entry)
    }

    /// The whole state of an entry, by the names known now.
    pub async fn whole(&mut self, seen: Seen) -> Result<Entry, SourceError> {
        let key = self.names.keys.of_dn(&seen.dn);
        let mut entry = self.place(seen, key).await?;
        entry.links.retain(|link| link.complete);
        for (_, links) in self.held.release() {
            for (at, keys) in links {
                if let Some(link) = self.selection.links.get(at) {
                    let change = links::complete(link, &keys, &mut self.names);
                    entry.links.push(change);
                }
            }
        }
        Ok(entry)
    }

    /// Learns the names one object refers to: one by one, or all there are if they are many.
    pub async fn look_up_names(&mut self, seen: &Seen) -> Result<(), SourceError> {
        let count: usize = seen.links.iter().map(|(_, values)| values.len()).sum();
        if count > MOST_ASKED_FOR {
            return self.learn_all().await;
        }
        for (at, values) in &seen.links {
            for value in values {
                let Some(link) = self.selection.links.get(*at).cloned() else {
                    continue;
                };
                let text = match link.by {
                    By::Dn => values::plain_name(value),
                    By::Uid => std::str::from_utf8(value).ok(),
                };
                let Some(text) = text else { continue };
                let found = match link.by {
                    By::Dn => self.lookup.object_at(text).await?,
                    By::Uid => self.lookup.object_of(text).await?,
                };
                let key = self.selection.key(*at, value, &mut self.names.keys);
                if let (Some(key), Some(uuid)) = (key, found) {
                    self.names.learn(key, uuid);
                }
            }
        }
        Ok(())
    }

    /// Learns every name there is.
    pub async fn learn_all(&mut self) -> Result<(), SourceError> {
        self.survey(&HashSet::new()).await
    }

    /// Where an object below this name hangs: the nearest container above it that is shown.
    async fn parent_of(&mut self, name: &str) -> Result<Parent, SourceError> {
        if let Some((known, parent)) = &self.parent
            && known == name
        {
            return Ok(parent.clone());
        }
        let mut rest = name;
        let mut hidden = String::new();
        let parent = loop {
            let key = self.names.keys.of_dn(rest);
            let known = self.looked_up.get(&key).copied();
            let known = match known.or_else(|| self.names.find(key)) {
                Some(uuid) => Some(uuid),
                None if rest.is_empty() => None,
                None => {
                    let found = self.lookup.object_at(rest).await?;
                    self.looked_up.extend(found.map(|uuid| (key, uuid)));
                    found
                }
            };
            if known.is_some() || rest.is_empty() || key == self.base {
                break Parent {
                    anchor: known,
                    hidden,
                };
            }
            let (rdn, above) = dn::split_first(rest);
            hidden.push(',');
            hidden.push_str(rdn);
            rest = above;
        };
        self.parent = Some((name.to_owned(), parent.clone()));
        Ok(parent)
    }

    /// Tells the links whose names are all known; holds the others.
    fn links(&mut self, entry: &mut Entry, seen: &Seen) {
        let mut held = Vec::new();
        for (at, all) in &seen.links {
            let Some(link) = self.selection.links.get(*at) else {
                continue;
            };
            let keys = &mut self.names.keys;
            let values = all.iter();
            let keys: Vec<Key> = values
                .filter_map(|value| self.selection.key(*at, value, keys))
                .collect();
            // While changes come, a name may mean another object before the end.
            let is_known = keys.is_empty()
                || (self.extent == Extent::Whole
                    && keys.iter().all(|key| self.names.find(*key).is_some()));
            if is_known {
                let change = links::complete(link, &keys, &mut self.names);
                entry.links.push(change);
            } else {
                entry.links.push(links::untold(link));
                held.push((*at, keys));
            }
        }
        if !held.is_empty() {
            self.held.hold(seen.uuid, held);
        }
    }

    /// The stream is over: tells what was held.
    pub async fn end(&mut self) -> Result<(), SourceError> {
        self.lookup.is_streaming = false;
        match self.extent {
            Extent::Whole => {
                let dangling = Some(HashSet::new());
                self.names.end_whole(dangling);
            }
            Extent::Changes => self.end_of_changes().await?,
        }
        self.tell_held().await?;
        self.pages.flush(None).await
    }

    async fn tell_held(&mut self) -> Result<(), SourceError> {
        for (uuid, links) in self.held.release() {
            let mut changes = Vec::with_capacity(links.len());
            for (at, keys) in links {
                if let Some(link) = self.selection.links.get(at) {
                    changes.push(links::complete(link, &keys, &mut self.names));
                }
            }
            self.pages.push(links::part(uuid, changes)).await?;
        }
        for uuid in std::mem::take(&mut self.held.again) {
            let query = Query::new(&self.session.base, Depth::Subtree)
                .filter(named(uuid))
                .attributes(self.selection.requested_links());
            for raw in self.ask(&query).await? {
                self.hold_links_of(raw, None);
            }
            for (uuid, links) in self.held.release() {
                let selection = &self.selection;
                let names = &mut self.names;
                let changes = links.iter().filter_map(|(at, keys)| {
                    let link = selection.links.get(*at)?;
                    Some(links::complete(link, keys, names))
                });
                let changes = changes.collect();
                self.pages.push(links::part(uuid, changes)).await?;
            }
        }
        Ok(())
    }

    async fn ask(&mut self, query: &Query) -> Result<Vec<Raw>, SourceError> {
        let connection = self.lookup.connection().await?;
        connection
            .search_all(query)
            .await
            .map_err(self.session.told("read links"))
    }

    /// Names that changed: forgets the old ones, and finds who referred to the new ones.
    async fn end_of_changes(&mut self) -> Result<(), SourceError> {
        let arrived = std::mem::take(&mut self.arrived);
        let keys = std::mem::take(&mut self.arrived_keys);
        let mut stale = self.gone.clone();
        stale.extend(arrived.iter().map(|one| one.uuid));
        let lost = self.names.forget(&stale, &keys);
        let containers = || arrived.iter().filter(|one| one.has_children);
        if containers().any(|one| lost.contains(&one.uuid)) {
            self.names.forget_all();
        }
        if self.scope.is_limited() {
            for one in containers().filter(|one| self.scope.has_place(&one.dn)) {
                self.subtree(&one.dn).await?;
            }
        }
        self.referrers(&arrived, &keys).await
    }

    /// Everything below a container that may have come into the spec's containers.
    async fn subtree(&mut self, dn: &str) -> Result<(), SourceError> {
        let query = Query::new(dn, Depth::Subtree).attributes(self.selection.requested());
        let told = self.session.told("list what is below a container");
        let connection = self.lookup.connection().await?;
        let mut found = connection.paged(query, self.page_size).map_err(&told)?;
        self.lookup.is_streaming = true;
        while let Some(raw) = found.next().await.map_err(&told)? {
            self.entry(raw, None).await?;
        }
        self.lookup.is_streaming = false;
        self.arrived.clear();
        self.arrived_keys.clear();
        Ok(())
    }

    /// Objects whose links name what arrived: their links mean more than before, though they did not change.
    async fn referrers(
        &mut self,
        arrived: &[Arrival],
        keys: &HashSet<Key>,
    ) -> Result<(), SourceError> {
        if self.selection.links.is_empty() || (arrived.is_empty() && self.held.is_empty()) {
            return Ok(());
        }
        if !self.names.is_complete {
            // What changed is told before the whole directory is looked through.
            self.pages.flush(None).await?;
            return self.survey(keys).await;
        }
        let awaited = self.awaited(arrived);
        if awaited.len() > MOST_ASKED_FOR {
            return self.survey(keys).await;
        }
        for filters in awaited.chunks(NAMES_PER_SEARCH) {
            let query = Query::new(&self.session.base, Depth::Subtree)
                .filter(Filter::Or(filters.concat()))
                .attributes(self.selection.requested_links());
            for raw in self.ask(&query).await? {
                self.hold_links_of(raw, None);
            }
        }
        Ok(())
    }

    /// For each name among these that somebody may wait for: what finds who does.
    fn awaited(&mut self, arrived: &[Arrival]) -> Vec<Vec<Filter>> {
        let mut all = Vec::new();
        for one in arrived {
            let names = [(By::Dn, &one.dn)].into_iter();
            for (by, name) in names.chain(one.uids.iter().map(|uid| (By::Uid, uid))) {
                let key = match by {
                    By::Dn => self.names.keys.of_dn(name),
                    By::Uid => self.names.keys.of_uid(name),
                };
                if self.names.may_be_awaited(key) {
                    let links = self.selection.links.iter().filter(|link| link.by == by);
                    let holds = |link: &Link| Filter::Equality(link.name.to_string(), name.clone());
                    all.push(links.map(holds).collect());
                }
            }
        }
        all.retain(|filters: &Vec<Filter>| !filters.is_empty());
        all
    }

    /// Learns every name there is, and holds the links of whoever refers to one of `arrived`.
    async fn survey(&mut self, arrived: &HashSet<Key>) -> Result<(), SourceError> {
        self.names.begin_whole();
        let query = Query::new(&self.session.base, Depth::Subtree)
            .attributes(self.selection.requested_links());
        let told = self.session.told("learn names");
        let connection = self.lookup.connection().await?;
        let mut found = connection.paged(query, self.page_size).map_err(&told)?;
        let mut referred = Some(HashSet::new());
        while let Some(raw) = found.next().await.map_err(&told)? {
            let keys = self.hold_links_of(raw, Some(arrived));
            if let Some(all) = &mut referred {
                all.extend(keys);
            }
            referred = referred.filter(|all| all.len() <= MOST_REFERRED);
        }
        self.names.end_whole(referred);
        Ok(())
    }

    /// Holds the links of an entry that did not change itself, if they name one of these; the keys of all of them.
    fn hold_links_of(&mut self, raw: Raw, wanted: Option<&HashSet<Key>>) -> Vec<Key> {
        let Ok(seen) = self.selection.read(raw, None) else {
            return Vec::new();
        };
        if wanted.is_some() {
            let key = self.names.keys.of_dn(&seen.dn);
            self.names.learn(key, seen.uuid);
            for uid in seen.account_names() {
                let key = self.names.keys.of_uid(uid);
                self.names.learn(key, seen.uuid);
            }
        }
        if !seen.is_wanted || !self.scope.has_place(&seen.dn) {
            return Vec::new();
        }
        let mut all = Vec::new();
        let mut links = Vec::new();
        for (at, values) in &seen.links {
            let names = &mut self.names.keys;
            let keys: Vec<Key> = values
                .iter()
                .filter_map(|value| self.selection.key(*at, value, names))
                .collect();
            all.extend_from_slice(&keys);
            links.push((*at, keys));
        }
        if wanted.is_none_or(|wanted| all.iter().any(|key| wanted.contains(key))) {
            self.held.hold(seen.uuid, links);
        }
        all
    }

    pub fn nameless(&self, dn: &str) -> SourceError {
        source_error(
            sync_core::code::Code::SourceProtocolError,
            &self.session.server,
            "read entries",
            format!("{dn} came without entryUUID"),
        )
    }
}

/// The filter that finds one object by entryUUID.
pub(super) fn named(uuid: Uuid) -> Filter {
    let text = uuid::Uuid::from_bytes(uuid).to_string();
    Filter::Equality("entryUUID".into(), text)
}
