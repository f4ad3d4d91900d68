//! The doorbell of Active Directory: a notification search at the root of the naming context.
//!
//! Only rings; what changed is found by the next read. Never judges which object it was: a notification shows what the
//! account may see, not what the read spec wants. Trap: silence is the usual state of a watch, so it is not limited; a
//! request beside it at intervals of `idle_seconds` tells a quiet controller from a dead one.

use ldap::{Item, LdapControl, Outcome, Query, ResultCode, Scope, Search};
use sync_core::code::Code;

use super::{session::Session, watermark::Standing};
use crate::source::{Bell, SourceError, WatchEnd, source_error};

const OPERATION: &str = "watch for changes";

/// Rings for every change the controller tells of, until it ends that.
pub(super) async fn watch(session: &Session, bell: &dyn Bell) -> Result<WatchEnd, SourceError> {
    if !session.has_control(ldap::CHANGE_NOTIFICATION).await? {
        return Ok(unsupported(
            session,
            "this controller does not offer change notification",
        ));
    }
    let search = session.connection.search(&query(session));
    let mut search = search.map_err(session.told(OPERATION))?;
    // The first request beside the search shows that the search was taken: answers come in the order of requests.
    if let Some(outcome) = ring_until(session.standing(), &mut search, session, bell).await? {
        return ended(session, outcome);
    }
    bell.armed();
    let silence = session.connection.timeouts().idle_between_entries;
    loop {
        let alive = async {
            tokio::time::sleep(silence).await;
            session.standing().await
        };
        if let Some(outcome) = ring_until(alive, &mut search, session, bell).await? {
            return ended(session, outcome);
        }
    }
}

/// Rings for what the search tells until the other request is answered; an outcome is the end of the search.
async fn ring_until(
    beside: impl Future<Output = Result<Standing, SourceError>>,
    search: &mut Search,
    session: &Session,
    bell: &dyn Bell,
) -> Result<Option<Outcome>, SourceError> {
    tokio::pin!(beside);
    loop {
        tokio::select! {
            biased;
            item = search.next_whenever() => match item.map_err(session.told(OPERATION))? {
                Item::Entry(_) => bell.ring(),
                Item::Reference(_) => {}
                Item::Done(outcome) => return Ok(Some(outcome)),
            },
            alive = &mut beside => return alive.map(|_| None),
        }
    }
}

fn query(session: &Session) -> Query {
    let controls: [LdapControl; 2] = [ldap::change_notification(), ldap::show_deleted()];
    let query = Query::new(&session.naming_context, Scope::Subtree).attributes(["objectGUID"]);
    controls.into_iter().fold(query, Query::control)
}

fn ended(session: &Session, outcome: Outcome) -> Result<WatchEnd, SourceError> {
    match outcome.code {
        ResultCode::SUCCESS => Ok(WatchEnd::Ended),
        ResultCode::UNAVAILABLE_CRITICAL_EXTENSION
        | ResultCode::UNWILLING_TO_PERFORM
        | ResultCode::INSUFFICIENT_ACCESS_RIGHTS => Ok(unsupported(session, &outcome.text)),
        _ => Err(session.told(OPERATION)(ldap::Error::Refused {
            server: session.connection.server().to_owned(),
            operation: OPERATION,
            outcome: Box::new(outcome),
        })),
    }
}

fn unsupported(session: &Session, text: &str) -> WatchEnd {
    let server = session.connection.server();
    WatchEnd::Unsupported(source_error(Code::RequestInvalid, server, OPERATION, text))
}
