//! What an account may see of a domain, for whoever asks why it does not work.
//!
//! Reads only. Trap: what is not shown looks as if it were not there, so what is said is what the account sees, and not what is.

use jiff::Timestamp;
use ldap::{Filter, Query, Scope};

use super::{session::Session, vector::Vector};
use crate::{ldap::config::LdapConfig, source::SourceError};

/// People looked at.
const FEW: u32 = 5;

/// What an account may see of an Active Directory domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdFacts {
    /// The controller that answered.
    pub server: String,
    /// Its naming context.
    pub naming_context: String,
    /// How far its clock is ahead of ours, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Whether it is a read-only controller.
    pub is_read_only: bool,
    /// Whether the account may use DirSync.
    pub may_dirsync: bool,
    /// Whether deleted objects are shown to the account.
    pub shows_deletions: bool,
    /// Whether the account sees a person, and how the account of that person is set (`userAccountControl`).
    pub sees_people: bool,
}

/// Looks at what the account may see.
///
/// # Errors
/// By code, as far as connecting and signing in do not work.
pub async fn examine_ad(config: &LdapConfig) -> Result<AdFacts, SourceError> {
    let session = Session::open(config, &Vector::default()).await?;
    let standing = session.standing().await?;
    let now = Timestamp::now().as_millisecond();
    let people = Query::new(&session.naming_context, Scope::Subtree)
        .filter(Filter::And(vec![
            Filter::Equality("objectCategory".into(), "person".into()),
            Filter::Equality("objectClass".into(), "user".into()),
        ]))
        .attributes(["userAccountControl"]);
    let told = session.told("look for a person");
    let mut some = session.connection.paged(people, FEW).map_err(&told)?;
    let mut sees_people = false;
    for _ in 0..FEW {
        match some.next().await {
            Ok(Some(entry)) => sees_people |= entry.text("userAccountControl").is_some(),
            Ok(None) => break,
            Err(error) if error.is_answer() => break,
            Err(error) => return Err(told(error)),
        }
    }
    Ok(AdFacts {
        clock_ahead_ms: standing.now.saturating_mul(1_000).saturating_sub(now),
        is_read_only: session.is_read_only().await?,
        may_dirsync: session.may_dirsync().await?,
        shows_deletions: session.shows_deletions().await?,
        server: session.server.clone(),
        naming_context: session.naming_context.clone(),
        sees_people,
    })
}
