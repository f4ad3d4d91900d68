//! The read position of an AD source: where each controller was left, and everything needed to judge whether it can be
//! continued on the one that answers now.
//!
//! Never interprets the cookie. Trap: a cookie may be continued on another controller, an update sequence number never, and
//! neither on a controller that was restored from a backup: a new invocationId or a smaller number gives that away.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};

use super::vector::Vector;
use crate::source::Watermark;

/// The version written; that before it had a cookie and nothing of other controllers.
const VERSION: u32 = 2;
const FIRST_VERSION: u32 = 1;
const DAY: i64 = 86_400;
/// How long before tombstones vanish a position is given up, at most.
const MARGIN_SECONDS: i64 = 7 * DAY;

/// A position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    version: u32,
    /// The controller read last.
    pub server: String,
    /// Its invocationId, as GUID text.
    pub replica: String,
    /// Its highest committed update sequence number before the round.
    pub usn: i64,
    /// Its clock before the round, seconds since 1970.
    pub issued: i64,
    /// Root of what was read.
    pub naming_context: String,
    /// Of DirSync; none: changes are found by update sequence numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cookie: Option<String>,
    /// What has been shown is not newer than this.
    #[serde(default)]
    pub known: Vector,
    /// Whether `known` says of this controller no more than what was shown.
    #[serde(default)]
    pub is_exact: bool,
    /// Where other controllers were left, by invocationId.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    elsewhere: BTreeMap<String, Left>,
}

/// Where a controller was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Left {
    server: String,
    usn: i64,
    issued: i64,
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

impl Standing {
    /// A refusal to continue reading here.
    pub fn refuse(&self, code: Code, text: impl Into<String>) -> Refusal {
        Refusal::new(code)
            .with("server", &self.server)
            .with("operation", "continue reading")
            .with("text", text)
    }

    fn is_too_old(&self, issued: i64) -> bool {
        let lifetime = self.tombstone_lifetime_seconds;
        self.now.saturating_sub(issued) > lifetime - MARGIN_SECONDS.min(lifetime / 4)
    }
}

impl Position {
    /// The position after a round on this controller, taking along what is known of the others.
    pub fn after(
        before: Option<&Self>,
        standing: &Standing,
        cookie: Option<&[u8]>,
        known: Vector,
    ) -> Self {
        let mut elsewhere = BTreeMap::new();
        if let Some(before) = before.filter(|b| b.naming_context == standing.naming_context) {
            elsewhere.clone_from(&before.elsewhere);
            let left = Left {
                server: before.server.clone(),
                usn: before.usn,
                issued: before.issued,
            };
            elsewhere.insert(before.replica.clone(), left);
        }
        // This one's older place is of no use, nor is that of a controller that was restored since.
        elsewhere.retain(|_, left| {
            !left.server.eq_ignore_ascii_case(&standing.server) && !standing.is_too_old(left.issued)
        });
        Self {
            version: VERSION,
            server: standing.server.clone(),
            replica: standing.replica.clone(),
            usn: standing.usn,
            issued: standing.now,
            naming_context: standing.naming_context.clone(),
            cookie: cookie.map(|cookie| STANDARD.encode(cookie)),
            known,
            is_exact: false,
            elsewhere,
        }
    }

    pub fn encode(&self) -> Watermark {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a stored position.
    pub fn decode(watermark: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(watermark)
            .ok()
            .filter(|position: &Self| (FIRST_VERSION..=VERSION).contains(&position.version))
            .ok_or_else(|| {
                Refusal::new(Code::SourceCookieRefused)
                    .with("operation", "continue reading")
                    .with(
                        "text",
                        "the stored position was not written by this connector",
                    )
            })
    }

    /// Whether changes are found by DirSync.
    pub fn has_cookie(&self) -> bool {
        self.cookie.is_some()
    }

    /// The DirSync cookie. Another selection than before does not matter: a cookie stands for changes of objects, and whoever
    /// selects more reads that once besides.
    pub fn cookie(&self, standing: &Standing) -> Result<Option<Vec<u8>>, Refusal> {
        let damaged =
            |_| standing.refuse(Code::SourceCookieRefused, "the stored cookie is damaged");
        let cookie = self.cookie.as_ref().map(|text| STANDARD.decode(text));
        cookie.transpose().map_err(damaged)
    }

    /// The update sequence number up to which this controller was read.
    pub fn usn_at(&self, standing: &Standing) -> Option<i64> {
        if self.replica == standing.replica {
            return Some(self.usn);
        }
        let left = self.elsewhere.get(&standing.replica)?;
        (left.usn <= standing.usn && !standing.is_too_old(left.issued)).then_some(left.usn)
    }

    /// Whether the position can be continued on this controller at all.
    pub fn judge(&self, standing: &Standing) -> Result<(), Refusal> {
        if self.naming_context != standing.naming_context {
            return Err(standing.refuse(
                Code::SourceReadSpecChanged,
                "the position was stored for another naming context",
            ));
        }
        self.judge_replica(standing)?;
        if standing.is_too_old(self.issued) {
            let age = standing.now.saturating_sub(self.issued) / DAY;
            let lifetime = standing.tombstone_lifetime_seconds / DAY;
            let text = format!(
                "the position is {age} days old and deletions are remembered for {lifetime} days"
            );
            return Err(standing.refuse(Code::SourceCookieTooOld, text));
        }
        Ok(())
    }

    /// Whether this controller still is what it was when it was read.
    pub fn judge_replica(&self, standing: &Standing) -> Result<(), Refusal> {
        let is_same_server = self.server.eq_ignore_ascii_case(&standing.server);
        let is_same_replica = self.replica == standing.replica;
        let reset = |text| Err(standing.refuse(Code::SourceReplicaReset, text));
        if is_same_server && !is_same_replica {
            return reset(format!(
                "invocationId was {} and is {}",
                self.replica, standing.replica
            ));
        }
        if is_same_replica && standing.usn < self.usn {
            return reset(format!(
                "the update sequence number went back from {} to {}",
                self.usn, standing.usn
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

    fn second() -> Standing {
        Standing {
            server: "dc2.canal.example".into(),
            replica: "r2".into(),
            usn: 5,
            ..standing()
        }
    }

    fn read(watermark: &[u8], now: &Standing) -> Result<Option<Vec<u8>>, Code> {
        let position = Position::decode(watermark).map_err(|refusal| refusal.code)?;
        position.judge(now).map_err(|refusal| refusal.code)?;
        position.cookie(now).map_err(|refusal| refusal.code)
    }

    fn check(change: impl FnOnce(&mut Standing)) -> Result<Option<Vec<u8>>, Code> {
        let position = Position::after(None, &standing(), Some(b"cookie"), Vector::default());
        let mut now = standing();
        change(&mut now);
        read(&position.encode(), &now)
    }

    #[test]
    fn a_position_is_continued_only_where_nothing_can_be_missed() {
        let cookie = Ok(Some(b"cookie".to_vec()));
        assert_eq!(check(|_| {}), cookie);
        let elsewhere = |s: &mut Standing| s.naming_context = "DC=other".into();
        assert_eq!(check(elsewhere), Err(Code::SourceReadSpecChanged));
        assert_eq!(
            check(|s| s.replica = "r2".into()),
            Err(Code::SourceReplicaReset)
        );
        assert_eq!(check(|s| s.usn = 99), Err(Code::SourceReplicaReset));
        assert_eq!(check(|s| s.now += 52 * DAY), cookie);
        assert_eq!(check(|s| s.now += 54 * DAY), Err(Code::SourceCookieTooOld));
        assert_eq!(check(|s| *s = second()), cookie);
        assert_eq!(read(b"{}", &standing()), Err(Code::SourceCookieRefused));
    }

    #[test]
    fn positions_of_the_first_version_are_continued() {
        let old =
            br#"{"version":1,"server":"dc1.canal.example","replica":"r1","usn":7,"issued":86400000,
            "naming_context":"DC=canal,DC=example","cookie":"Y29va2ll"}"#;
        assert_eq!(read(old, &standing()), Ok(Some(b"cookie".to_vec())));
    }

    #[test]
    fn each_controller_is_continued_where_it_was_left() {
        let first = Position::after(None, &standing(), None, Vector::default());
        assert_eq!(first.usn_at(&standing()), Some(100));
        assert_eq!(first.usn_at(&second()), None);
        let next = Position::after(Some(&first), &second(), None, Vector::default());
        let next = Position::decode(&next.encode()).unwrap();
        assert_eq!(next.usn_at(&second()), Some(5));
        assert_eq!(next.usn_at(&standing()), Some(100));
        let restored = |change: fn(&mut Standing)| {
            let mut now = standing();
            change(&mut now);
            next.usn_at(&now)
        };
        assert_eq!(restored(|s| s.usn = 99), None);
        assert_eq!(restored(|s| s.replica = "r3".into()), None);
        assert_eq!(restored(|s| s.now += 54 * DAY), None);
        let back = Position::after(Some(&next), &standing(), None, Vector::default());
        assert_eq!(back.elsewhere.keys().collect::<Vec<_>>(), ["r2"]);
    }
}
