//! The doorbell: a synchronisation that persists, asked for names only.
//!
//! Rings for whatever comes and never says what. Trap: nothing may come for days, so the server is asked something small from
//! time to time, or a connection that was cut would look like a quiet directory.

use std::time::Duration;

use ldap::{Query, ResultCode, Scope as Depth, SyncMode, SyncSearch, SyncStep};
use sync_core::code::Code;

use super::{
    session::Session,
    watermark::{self, Position},
};
use crate::source::{Bell, SourceError, WatchEnd, Watermark};

const OPERATION: &str = "watch for changes";
/// How long nothing may come before the server is asked whether it is still there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// Watches until the server ends it.
pub(super) async fn watch(
    session: &Session,
    watermark: Option<Watermark>,
    bell: &dyn Bell,
) -> Result<WatchEnd, SourceError> {
    if !session.can_synchronise {
        let text = "the server does not offer content synchronisation";
        let why = watermark::refusal(Code::SourceSyncNotOffered, &session.server, text);
        return Ok(WatchEnd::Unsupported(why));
    }
    if session.is_389 {
        let text = "a 389 Directory Server does not persist where it is asked for entryUUIDs";
        let why = watermark::refusal(Code::SourceSyncNotOffered, &session.server, text);
        return Ok(WatchEnd::Unsupported(why));
    }
    let cookie = cookie(session, watermark).await?;
    let query = Query::new(&session.base, Depth::Subtree).attributes(["1.1"]);
    let told = session.told(OPERATION);
    let mut sync = session
        .connection
        .synchronise(&query, SyncMode::RefreshAndPersist, cookie.as_deref())
        .map_err(&told)?;
    let mut is_armed = false;
    loop {
        let step = match is_armed {
            true => patiently(session, &mut sync).await?,
            false => match sync.next().await {
                // The next read finds that out too, and gives another position to begin at.
                Err(error) if error.code() == Some(ResultCode::SYNC_REFRESH_REQUIRED) => {
                    bell.ring();
                    return Ok(WatchEnd::Ended);
                }
                step => step.map_err(&told)?,
            },
        };
        match step {
            SyncStep::Done { .. } => return Ok(WatchEnd::Ended),
            SyncStep::Phase { is_refreshed, .. } if !is_armed => {
                if is_refreshed {
                    is_armed = true;
                    bell.armed();
                }
            }
            // Sets of what is there say nothing of change.
            SyncStep::Set {
                are_deleted: false, ..
            } => {}
            _ => bell.ring(),
        }
    }
}

/// Waits for the next message, and for signs of life meanwhile.
async fn patiently(session: &Session, sync: &mut SyncSearch) -> Result<SyncStep, SourceError> {
    let told = session.told(OPERATION);
    loop {
        match tokio::time::timeout(SIGN_OF_LIFE, sync.next_whenever()).await {
            Ok(step) => return step.map_err(&told),
            Err(_) => {
                let query = Query::new("", Depth::Base).attributes(["1.1"]);
                session.connection.search_all(&query).await.map_err(&told)?;
            }
        }
    }
}

/// Where to begin: at the position, or where the server stands now.
async fn cookie(
    session: &Session,
    watermark: Option<Watermark>,
) -> Result<Option<Vec<u8>>, SourceError> {
    let position =
        watermark.and_then(|stored| Position::read(&stored, &session.server, &session.base).ok());
    if let Some(cookie) = position.and_then(|position| position.cookie()) {
        return Ok(Some(cookie));
    }
    let now = session.change_numbers().await?;
    Ok((!now.is_empty()).then(|| format!("rid=000,csn={}", now.join(";")).into_bytes()))
}
