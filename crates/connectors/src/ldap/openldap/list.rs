//! Plain searches: every object of the read spec, for judges, and the containers, for people.
//!
//! Never uses the delta mechanism or anything remembered. Trap: links name objects that may come later, so the names of the
//! whole directory are learnt in a search of their own before.

use ldap::{Filter, Query, Scope as Depth};
use sync_core::id::Anchor;

use super::{
    intake::{Intake, named},
    session::Session,
    values,
};
use crate::{
    ldap::scope::depth_first,
    source::{Container, Listed, SourceError},
};

/// What people keep objects in.
const CONTAINERS: &[&str] = &[
    "organizationalUnit",
    "organization",
    "dcObject",
    "domain",
    "container",
    "locality",
    "country",
];

impl Intake<'_> {
    /// Lists every object of the spec below its containers.
    pub async fn list(
        &mut self,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError> {
        self.learn_all().await?;
        for base in self.scope.bases(&self.session.base) {
            if !self.list_below(base, each).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// As [`Intake::list`], below one base; whether more is wanted.
    async fn list_below(
        &mut self,
        base: &str,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<bool, SourceError> {
        let classes = self.scope.classes();
        let classes = classes.map(|class| Filter::Equality("objectClass".into(), class.into()));
        let classes: Vec<Filter> = classes.collect();
        if classes.is_empty() {
            return Ok(true);
        }
        let query = Query::new(base, Depth::Subtree)
            .filter(Filter::Or(classes))
            .attributes(self.selection.requested());
        let told = self.session.told("list objects");
        let connection = &self.session.connection;
        let mut found = connection.paged(query, self.page_size).map_err(&told)?;
        self.lookup.is_streaming = true;
        while let Some(raw) = found.next().await.map_err(&told)? {
            let dn = raw.dn.clone();
            let seen = self.selection.read(raw, None);
            let seen = seen.map_err(|dn| self.nameless(&dn))?;
            if seen.is_wanted {
                let entry = self.whole(seen).await?;
                if !each(Listed { entry, dn }) {
                    return Ok(false);
                }
            }
        }
        self.lookup.is_streaming = false;
        Ok(true)
    }
}

/// Distinguished names of containers given by anchor.
pub(super) async fn resolve(
    session: &Session,
    containers: &[Anchor],
) -> Result<Vec<String>, SourceError> {
    let mut names = Vec::new();
    for anchor in containers {
        let Some(uuid) = values::uuid(anchor.guid_text().as_bytes()) else {
            continue;
        };
        let query = Query::new(&session.base, Depth::Subtree)
            .filter(named(uuid))
            .attributes(["objectClass"]);
        let found = session
            .connection
            .search_all(&query)
            .await
            .map_err(session.told("resolve a container"))?;
        let Some(entry) = found.into_iter().next() else {
            return Err(crate::source::source_error(
                sync_core::code::Code::SourceBaseNotFound,
                &session.server,
                "resolve a container",
                "a container of the scope does not exist in the source",
            )
            .with("container", anchor.guid_text()));
        };
        names.push(entry.dn);
    }
    Ok(names)
}

/// The containers people keep objects in, parents before children.
pub(super) async fn containers(
    session: &Session,
    page_size: u32,
) -> Result<Vec<Container>, SourceError> {
    let class = |name: &&str| Filter::Equality("objectClass".into(), (*name).into());
    let query = Query::new(&session.base, Depth::Subtree)
        .filter(Filter::Or(CONTAINERS.iter().map(class).collect()))
        .attributes(["entryUUID"]);
    let found = session
        .connection
        .search_all_paged(query, page_size)
        .await
        .map_err(session.told("list containers"))?;
    let mut containers: Vec<Container> = found
        .into_iter()
        .filter_map(|entry| {
            let anchor = values::anchor(values::uuid(entry.first("entryUUID")?)?);
            Some(Container {
                anchor,
                dn: entry.dn,
            })
        })
        .collect();
    containers.sort_by_cached_key(|container| depth_first(&container.dn));
    Ok(containers)
}
