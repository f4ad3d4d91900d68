//! Reading single objects by name, with all values.
//!
//! Never concludes from an empty answer alone that an object is gone: the root of what is read must be readable at the same
//! time. Trap: there are no tombstones here, so an object that is not found is only that.

use ldap::{Filter, Query, ResultCode, Scope as Depth};
use sync_core::object::EntryKind;

use super::{
    intake::{Intake, named},
    lookup::is_absence,
    values,
};
use crate::source::{Listed, ObjectName, ReadOne, SourceError};

const OPERATION: &str = "read one object";

impl Intake<'_> {
    /// Answers what is known of one object.
    pub async fn read_one(&mut self, name: &ObjectName) -> Result<ReadOne, SourceError> {
        let by =
            |attribute: &str, value: &String| Filter::Equality(attribute.into(), value.clone());
        let below = Query::new(&self.session.base, Depth::Subtree);
        let query = match name {
            ObjectName::Anchor(anchor) => match values::uuid(anchor.guid_text().as_bytes()) {
                Some(uuid) => below.filter(named(uuid)),
                None => return Ok(ReadOne::NotFound),
            },
            ObjectName::Dn(dn) => Query::new(dn, Depth::Base),
            ObjectName::UserPrincipalName(value) => {
                below.filter(Filter::Or(vec![by("mail", value), by("uid", value)]))
            }
            ObjectName::AccountName(value) => below.filter(by("uid", value)),
        };
        let query = query.attributes(self.selection.requested());
        let found = match self.session.connection.search_all(&query).await {
            Ok(found) => found,
            Err(error) if is_absence(error.code()) => Vec::new(),
            // A filter on an attribute without an index may be refused; a name it cannot have names nothing.
            Err(error) if error.code() == Some(ResultCode::INAPPROPRIATE_MATCHING) => Vec::new(),
            Err(error) => return Err(self.session.told(OPERATION)(error)),
        };
        let Some(raw) = found.into_iter().next() else {
            self.session.prove_readable().await?;
            return Ok(ReadOne::NotFound);
        };
        let Listed { entry, dn } = self.listed(raw).await?;
        let entry = Box::new(entry);
        Ok(ReadOne::Live {
            entry,
            dn,
            elsewhere: Vec::new(),
        })
    }

    /// The whole state of one entry, names looked up one by one, or all of them if there are many.
    async fn listed(&mut self, raw: ldap::Entry) -> Result<Listed, SourceError> {
        let dn = raw.dn.clone();
        let seen = self.selection.read(raw, None);
        let seen = seen.map_err(|dn| self.nameless(&dn))?;
        self.look_up_names(&seen).await?;
        let entry = self.whole(seen).await?;
        debug_assert!(matches!(entry.kind, EntryKind::Whole | EntryKind::Skeleton));
        Ok(Listed { entry, dn })
    }
}
