//! Plain searches: every object of the read spec, for judges, and the containers, for people.
//!
//! Never uses the delta mechanism or anything stored. Trap: ranges are read after the search has ended, because a search
//! that waits to be drained holds up every other answer on its connection.

use ldap::{Filter, Query, Scope as Depth};
use sync_core::{id::Anchor, value::Name};

use super::{
    entry::{self, Life},
    one::{Found, Reading, guid_base},
    session::Session,
    values,
};
use crate::{
    ldap::scope::depth_first,
    source::{Container, Listed, ObjectName, SourceError},
};

/// How many holders of a link are asked for at once.
const HOLDERS_PER_PAGE: u32 = 1000;

impl Reading<'_> {
    /// Lists every object of the spec below its containers.
    pub async fn list(
        &self,
        page_size: u32,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError> {
        for base in self.scope.bases(&self.session.naming_context) {
            if !self.list_below(base, page_size, each).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// As [`Reading::list`], below one base; whether more is wanted.
    pub async fn list_below(
        &self,
        base: &str,
        page_size: u32,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<bool, SourceError> {
        if self.scope.classes().next().is_none() {
            return Ok(true);
        }
        let classes = self
            .scope
            .classes()
            .map(|class| Filter::Equality("objectClass".into(), class.into()));
        let query = Query::new(base, Depth::Subtree)
            .filter(Filter::Or(classes.collect()))
            .attributes(self.selection.requested())
            .control(ldap::extended_dn());
        let told = self.session.told("list objects");
        let mut search = self
            .session
            .connection
            .paged(query, page_size)
            .map_err(&told)?;
        let mut put_off: Vec<Anchor> = Vec::new();
        while let Some(raw) = search.next().await.map_err(&told)? {
            let seen = entry::read(&raw, self.selection).ok_or_else(|| self.nameless(&raw.dn))?;
            let is_wanted = seen
                .class
                .as_deref()
                .is_some_and(|c| self.scope.has_class(c));
            if !is_wanted || seen.life == Life::Deleted {
                continue;
            }
            if !seen.ranged.is_empty() {
                put_off.push(seen.anchor);
                continue;
            }
            let dn = seen.dn.clone();
            let entry = self.living(seen);
            if !each(Listed { entry, dn }) {
                return Ok(false);
            }
        }
        for anchor in put_off {
            let Found::Live(seen) = self.find(&ObjectName::Anchor(anchor)).await? else {
                continue;
            };
            let dn = seen.dn.clone();
            let entry = self.living(*seen);
            if !each(Listed { entry, dn }) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The objects whose linked attributes of the spec hold this one.
    pub async fn holders(&self, anchor: &Anchor) -> Result<Vec<Anchor>, SourceError> {
        let Found::Live(seen) = self.find(&ObjectName::Anchor(anchor.clone())).await? else {
            return Ok(Vec::new());
        };
        if self.selection.links().next().is_none() {
            return Ok(Vec::new());
        }
        let holds = |name: &Name| Filter::Equality(name.to_string(), seen.dn.clone());
        let query = Query::new(&self.session.naming_context, Depth::Subtree)
            .filter(Filter::Or(self.selection.links().map(holds).collect()))
            .attributes(["objectGUID"]);
        let found = self
            .session
            .connection
            .search_all_paged(query, HOLDERS_PER_PAGE)
            .await
            .map_err(self.session.told("find what refers to an object"))?;
        let guid = |entry: &ldap::Entry| values::guid(entry.first("objectGUID")?);
        Ok(found.iter().filter_map(guid).collect())
    }
}

/// Distinguished names of containers given by anchor.
pub(super) async fn resolve(
    session: &Session,
    containers: &[Anchor],
) -> Result<Vec<String>, SourceError> {
    let mut names = Vec::new();
    for anchor in containers {
        let query = Query::new(guid_base(anchor), Depth::Base).attributes(["objectClass"]);
        let found = session
            .connection
            .search_all(&query)
            .await
            .map_err(session.told("resolve a container"))
            .map_err(|refusal| refusal.with("container", anchor.guid_text()))?;
        names.extend(found.into_iter().map(|entry| entry.dn));
    }
    Ok(names)
}

/// The containers people keep objects in.
pub(super) async fn containers(
    session: &Session,
    page_size: u32,
) -> Result<Vec<Container>, SourceError> {
    let class = |name: &str| Filter::Equality("objectClass".into(), name.into());
    let kinds = [
        "organizationalUnit",
        "container",
        "builtinDomain",
        "domainDNS",
    ];
    let filter = Filter::Or(kinds.into_iter().map(class).collect());
    let query = Query::new(&session.naming_context, Depth::Subtree)
        .filter(filter)
        .attributes(["objectGUID", "showInAdvancedViewOnly"]);
    let found = session
        .connection
        .search_all_paged(query, page_size)
        .await
        .map_err(session.told("list containers"))?;
    let mut containers: Vec<Container> = found
        .into_iter()
        // Sorted out here: a filter on an attribute that a server does not know matches nothing, negated or not.
        .filter(|entry| entry.text("showInAdvancedViewOnly") != Some("TRUE"))
        .filter_map(|entry| {
            let anchor = values::guid(entry.first("objectGUID")?)?;
            Some(Container {
                anchor,
                dn: entry.dn,
            })
        })
        .collect();
    containers.sort_by_cached_key(|container| depth_first(&container.dn));
    Ok(containers)
}
