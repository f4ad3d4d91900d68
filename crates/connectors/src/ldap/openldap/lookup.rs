//! Questions asked beside a stream of entries.
//!
//! Never asks on the connection that streams: an answer would wait behind entries that nobody takes. Trap: the second
//! connection is opened only when it is needed, to the same server, because another may know less.

use ldap::{Connection, Filter, Query, ResultCode, Scope};

use super::{entry::UID, names::Uuid, session::Session, values};
use crate::{
    ldap::{config::LdapConfig, connect},
    source::SourceError,
};

/// Asks.
pub(super) struct Lookup<'a> {
    config: &'a LdapConfig,
    session: &'a Session,
    aside: Option<Connection>,
    /// Whether the session's own connection streams.
    pub is_streaming: bool,
}

impl<'a> Lookup<'a> {
    pub fn new(config: &'a LdapConfig, session: &'a Session) -> Self {
        Self {
            config,
            session,
            aside: None,
            is_streaming: false,
        }
    }

    /// A connection that answers at once.
    pub async fn connection(&mut self) -> Result<Connection, SourceError> {
        if !self.is_streaming {
            return Ok(self.session.connection.clone());
        }
        if let Some(aside) = self.aside.as_ref().filter(|aside| !aside.is_closed()) {
            return Ok(aside.clone());
        }
        let opened = connect::again(&self.session.server, self.config).await?;
        Ok(self.aside.insert(opened).clone())
    }

    /// The object of a distinguished name; `None` if there is none, or none that is shown.
    pub async fn object_at(&mut self, dn: &str) -> Result<Option<Uuid>, SourceError> {
        self.first(Query::new(dn, Scope::Base)).await
    }

    /// The object of an account name.
    pub async fn object_of(&mut self, uid: &str) -> Result<Option<Uuid>, SourceError> {
        let filter = Filter::Equality(UID.into(), uid.into());
        let query = Query::new(&self.session.base, Scope::Subtree).filter(filter);
        self.first(query).await
    }

    async fn first(&mut self, query: Query) -> Result<Option<Uuid>, SourceError> {
        let query = query.attributes(["entryUUID"]);
        let found = match self.connection().await?.search_all(&query).await {
            Ok(found) => found,
            Err(error) if is_absence(error.code()) => return Ok(None),
            Err(error) => return Err(self.session.told("look up a name")(error)),
        };
        let uuid = |entry: &ldap::Entry| values::uuid(entry.first("entryUUID")?);
        Ok(found.first().and_then(uuid))
    }
}

/// Whether an answer means that nothing of this name is here.
pub(super) fn is_absence(code: Option<ResultCode>) -> bool {
    matches!(
        code,
        Some(
            ResultCode::NO_SUCH_OBJECT
                | ResultCode::INVALID_DN_SYNTAX
                | ResultCode::REFERRAL
                | ResultCode::INSUFFICIENT_ACCESS_RIGHTS
        )
    )
}
