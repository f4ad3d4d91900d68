//! The read position of an AD source: the DirSync cookie with what is needed to judge whether it can be continued.
//!
//! Never interprets the cookie itself. Trap: a cookie may be continued on another controller, but not on the same one after
//! it was restored from a backup: a new invocationId or a smaller update sequence number gives that away.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};

use crate::source::Watermark;

const VERSION: u32 = 1;
const DAY: i64 = 86_400;
/// How long before tombstones vanish a position is given up, at most.
const MARGIN_SECONDS: i64 = 7 * DAY;

/// A position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    version: u32,
    /// The controller that issued the cookie.
    pub server: String,
    /// Its invocationId, as GUID text.
    pub replica: String,
    /// Its highest committed update sequence number before the round.
    pub usn: i64,
    /// Its clock before the round, seconds since 1970.
    pub issued: i64,
    /// Root of what was read.
    pub naming_context: String,
    cookie: String,
}

/// What a controller says of itself now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub server: String,
    pub replica: String,
    pub usn: i64,
    pub now: i64,
    pub naming_context: String,
    pub tombstone_lifetime_seconds: i64,
}

impl Position {
    pub fn new(standing: &Standing, cookie: &[u8]) -> Self {
        Self {
            version: VERSION,
            server: standing.server.clone(),
            replica: standing.replica.clone(),
            usn: standing.usn,
            issued: standing.now,
            naming_context: standing.naming_context.clone(),
            cookie: STANDARD.encode(cookie),
        }
    }

    pub fn encode(&self) -> Watermark {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The cookie to continue with, if the position can be continued on this controller. Another selection than before does
    /// not matter: a cookie stands for changes of objects, and whoever selects more reads that once besides.
    pub fn resume(watermark: &[u8], standing: &Standing) -> Result<Vec<u8>, Refusal> {
        let refuse = |code: Code, text: String| {
            Refusal::new(code)
                .with("server", standing.server.clone())
                .with("operation", "continue reading")
                .with("text", text)
        };
        let position: Self = serde_json::from_slice(watermark)
            .ok()
            .filter(|position: &Self| position.version == VERSION)
            .ok_or_else(|| {
                refuse(
                    Code::SourceCookieRefused,
                    "the stored position was not written by this connector".into(),
                )
            })?;
        if position.naming_context != standing.naming_context {
            return Err(refuse(
                Code::SourceReadSpecChanged,
                "the position was stored for another naming context".into(),
            ));
        }
        position.judge_replica(standing, refuse)?;
        let age = standing.now.saturating_sub(position.issued);
        let lifetime = standing.tombstone_lifetime_seconds;
        if age > lifetime - MARGIN_SECONDS.min(lifetime / 4) {
            return Err(refuse(
                Code::SourceCookieTooOld,
                format!(
                    "the position is {} days old and deletions are remembered for {} days",
                    age / DAY,
                    lifetime / DAY
                ),
            ));
        }
        STANDARD.decode(&position.cookie).map_err(|_| {
            refuse(
                Code::SourceCookieRefused,
                "the stored cookie is damaged".into(),
            )
        })
    }

    fn judge_replica(
        &self,
        standing: &Standing,
        refuse: impl Fn(Code, String) -> Refusal,
    ) -> Result<(), Refusal> {
        let is_same_server = self.server.eq_ignore_ascii_case(&standing.server);
        let is_same_replica = self.replica == standing.replica;
        if is_same_server && !is_same_replica {
            return Err(refuse(
                Code::SourceReplicaReset,
                format!(
                    "invocationId was {} and is {}",
                    self.replica, standing.replica
                ),
            ));
        }
        if is_same_replica && standing.usn < self.usn {
            return Err(refuse(
                Code::SourceReplicaReset,
                format!(
                    "the update sequence number went back from {} to {}",
                    self.usn, standing.usn
                ),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        Standing {
            server: "dc1.canal.example".into(),
            replica: "r1".into(),
            usn: 100,
            now: 1_000 * DAY,
            naming_context: "DC=canal,DC=example".into(),
            tombstone_lifetime_seconds: 60 * DAY,
        }
    }

    fn check(change: impl FnOnce(&mut Standing)) -> Result<Vec<u8>, Code> {
        let watermark = Position::new(&standing(), b"cookie").encode();
        let mut now = standing();
        change(&mut now);
        Position::resume(&watermark, &now).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_position_is_continued_only_where_nothing_can_be_missed() {
        assert_eq!(check(|_| {}), Ok(b"cookie".to_vec()));
        let elsewhere = |s: &mut Standing| s.naming_context = "DC=other".into();
        assert_eq!(check(elsewhere), Err(Code::SourceReadSpecChanged));
        assert_eq!(
            check(|s| s.replica = "r2".into()),
            Err(Code::SourceReplicaReset)
        );
        assert_eq!(check(|s| s.usn = 99), Err(Code::SourceReplicaReset));
        assert_eq!(check(|s| s.now += 52 * DAY), Ok(b"cookie".to_vec()));
        assert_eq!(check(|s| s.now += 54 * DAY), Err(Code::SourceCookieTooOld));
        let other = |s: &mut Standing| {
            s.server = "dc2.canal.example".into();
            s.replica = "r2".into();
            s.usn = 5;
        };
        assert_eq!(check(other), Ok(b"cookie".to_vec()));
        assert_eq!(
            Position::resume(b"{}", &standing()).unwrap_err().code,
            Code::SourceCookieRefused
        );
    }
}
