//! Reading single objects by name, with all values.
//!
//! Never concludes from an empty answer alone that an object is gone: the root of the naming context must be readable at the
//! same time. Trap: names of deleted objects are mangled and their UPN is stripped, so only the anchor finds all tombstones.

use ldap::{Filter, Query, ResultCode, Scope as Depth};
use sync_core::{
    code::Code,
    id::Anchor,
    object::{Entry, EntryKind, Version},
};

use super::{
    entry::{self, Life, Seen, Selection},
    session::Session,
};
use crate::{
    ldap::scope::Scope,
    source::{ObjectName, ReadOne, SourceError, source_error},
};

const OPERATION: &str = "read one object";

/// What reading needs to know.
pub(super) struct Reading<'a> {
    pub session: &'a Session,
    pub selection: &'a Selection,
    pub scope: &'a Scope,
    /// What the controller had committed before.
    pub usn: i64,
    /// Why nothing may be read from this controller but differences: it has not received all that is known already.
    pub lag: Option<SourceError>,
}

/// What was found under a name.
pub(super) enum Found {
    Live(Box<Seen>),
    Deleted(Anchor),
    Nothing,
}

impl Reading<'_> {
    pub fn version(&self) -> Option<Version> {
        Some(Version {
            replica: self.session.replica,
            usn: self.usn,
        })
    }

    /// Answers what is known of one object.
    pub async fn read_one(&self, name: &ObjectName) -> Result<ReadOne, SourceError> {
        match self.find(name).await? {
            Found::Live(seen) => Ok(ReadOne::Live {
                dn: seen.dn.clone(),
                entry: Box::new(self.living(*seen)),
                elsewhere: self.selection.elsewhere.take(),
            }),
            Found::Deleted(anchor) => Ok(ReadOne::Deleted(anchor)),
            Found::Nothing => {
                self.prove_readable().await?;
                Ok(ReadOne::NotFound)
            }
        }
    }

    /// The entry of a living object: whole inside the spec, a skeleton outside.
    pub fn living(&self, seen: Seen) -> Entry {
        let class = seen.class.clone().unwrap_or_else(|| "".into());
        let is_wanted = self.scope.has_class(&class) && self.scope.has_place(&seen.dn);
        let kind = match is_wanted {
            true => EntryKind::Whole,
            false => EntryKind::Skeleton,
        };
        let mut entry = Entry::new(seen.anchor.clone(), kind);
        entry.rdn = Some(seen.rdn(&self.session.naming_context).into());
        entry.class = Some(class);
        entry.parent = seen.parent;
        entry.version = self.version();
        if is_wanted {
            entry.attributes = seen.attributes;
            entry.links = seen.links;
        }
        entry
    }

    /// Reads an object afresh, all ranges included.
    pub async fn find(&self, name: &ObjectName) -> Result<Found, SourceError> {
        let query = match name {
            ObjectName::Anchor(anchor) => Query::new(guid_base(anchor), Depth::Base),
            ObjectName::Dn(dn) => Query::new(dn, Depth::Base),
            ObjectName::UserPrincipalName(value) => self.named("userPrincipalName", value),
            ObjectName::AccountName(value) => self.named("sAMAccountName", value),
        };
        let query = query
            .attributes(self.selection.requested())
            .control(ldap::extended_dn())
            .control(ldap::show_deleted())
            .control(ldap::show_recycled());
        let raws = match self.session.connection.search_all(&query).await {
            Ok(raws) => raws,
            Err(error) if is_absence(error.code()) => return Ok(Found::Nothing),
            Err(error) => return Err(self.session.told(OPERATION)(error)),
        };
        let mut deleted = None;
        for raw in &raws {
            let seen = entry::read(raw, self.selection).ok_or_else(|| self.nameless(&raw.dn))?;
            match seen.life {
                Life::Deleted => deleted = Some(seen.anchor),
                Life::Alive | Life::Restored => {
                    return Ok(Found::Live(Box::new(self.complete(seen).await?)));
                }
            }
        }
        Ok(deleted.map_or(Found::Nothing, Found::Deleted))
    }

    fn named(&self, attribute: &str, value: &str) -> Query {
        Query::new(&self.session.naming_context, Depth::Subtree)
            .filter(Filter::Equality(attribute.into(), value.into()))
    }

    /// Fetches the rest of every attribute of which only the first values came.
    pub async fn complete(&self, mut seen: Seen) -> Result<Seen, SourceError> {
        let base = guid_base(&seen.anchor);
        let controls = [ldap::extended_dn()];
        for (name, first) in std::mem::take(&mut seen.ranged) {
            let mut next = Some(first);
            while let Some(from) = next {
                let connection = &self.session.connection;
                let (chunk, after) = connection
                    .values_from(&base, &name, from, &controls)
                    .await
                    .map_err(self.session.told("read a range of values"))?;
                seen.add_chunk(&name, &chunk, self.selection);
                next = after;
            }
        }
        for link in &mut seen.links {
            link.complete = true;
        }
        Ok(seen)
    }

    /// Makes sure that "not there" is not "not allowed to see".
    async fn prove_readable(&self) -> Result<(), SourceError> {
        let root = &self.session.naming_context;
        let query = Query::new(root, Depth::Base).attributes(["objectClass"]);
        let found = self
            .session
            .connection
            .search_all(&query)
            .await
            .map_err(self.session.told("read the naming context"))?;
        match found.is_empty() {
            false => Ok(()),
            true => Err(source_error(
                Code::SourceInsufficientAccess,
                self.session.connection.server(),
                "read the naming context",
                format!("{root} is not shown to this account"),
            )
            .with("right", "Read all properties")
            .with("naming_context", root)),
        }
    }

    pub fn nameless(&self, dn: &str) -> SourceError {
        source_error(
            Code::SourceProtocolError,
            self.session.connection.server(),
            OPERATION,
            format!("{dn} came without objectGUID"),
        )
    }
}

/// A search base that survives renames.
///
/// # Source
/// MS-ADTS §3.1.1.3.1.2.4 Alternative Forms of DNs
pub(super) fn guid_base(anchor: &Anchor) -> String {
    format!("<GUID={}>", anchor.guid_text())
}

fn is_absence(code: Option<ResultCode>) -> bool {
    // A malformed name names nothing either.
    matches!(
        code,
        Some(ResultCode::NO_SUCH_OBJECT | ResultCode::INVALID_DN_SYNTAX)
    )
}
