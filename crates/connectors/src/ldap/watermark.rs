//! The read position of an AD source: the DirSync cookie with what is needed to judge whether it can be continued.
//!
//! Never interprets the cookie itself. Trap: a cookie may be continued on another controller, but not on the same one after
//! it was restored from a backup: a new invocationId or a smaller update sequence number gives that away.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, object::ReadSpec, operation::Refusal};

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
    /// Hash of the read spec.
    pub spec: u64,
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
    pub fn new(standing: &Standing, spec: u64, cookie: &[u8]) -> Self {
        Self {
            version: VERSION,
            server: standing.server.clone(),
            replica: standing.replica.clone(),
            usn: standing.usn,
            issued: standing.now,
            naming_context: standing.naming_context.clone(),
            spec,
            cookie: STANDARD.encode(cookie),
        }
    }

    pub fn encode(&self) -> Watermark {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The cookie to continue with, if the position can be continued on this controller for this spec.
    pub fn resume(watermark: &[u8], standing: &Standing, spec: u64) -> Result<Vec<u8>, Refusal> {
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
        if position.naming_context != standing.naming_context || position.spec != spec {
            return Err(refuse(
                Code::SourceReadSpecChanged,
                "the position was stored for another selection".into(),
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

/// A stable hash of a read spec; order and case of names do not matter (FNV-1a, 64 bits).
pub(super) fn spec_hash(spec: &ReadSpec) -> u64 {
    let names = |list: &[sync_core::value::Name]| {
        let mut names: Vec<_> = list.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        names.join(",")
    };
    let mut containers: Vec<_> = spec
        .containers
        .iter()
        .map(|anchor| anchor.guid_text())
        .collect();
    containers.sort();
    let text = [
        names(&spec.classes),
        names(&spec.attributes),
        names(&spec.links),
        containers.join(","),
    ]
    .join("|");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
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

    fn check(change: impl FnOnce(&mut Standing), spec: u64) -> Result<Vec<u8>, Code> {
        let watermark = Position::new(&standing(), 7, b"cookie").encode();
        let mut now = standing();
        change(&mut now);
        Position::resume(&watermark, &now, spec).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_position_is_continued_only_where_nothing_can_be_missed() {
        assert_eq!(check(|_| {}, 7), Ok(b"cookie".to_vec()));
        assert_eq!(check(|_| {}, 8), Err(Code::SourceReadSpecChanged));
        assert_eq!(
            check(|s| s.replica = "r2".into(), 7),
            Err(Code::SourceReplicaReset)
        );
        assert_eq!(check(|s| s.usn = 99, 7), Err(Code::SourceReplicaReset));
        assert_eq!(check(|s| s.now += 52 * DAY, 7), Ok(b"cookie".to_vec()));
        assert_eq!(
            check(|s| s.now += 54 * DAY, 7),
            Err(Code::SourceCookieTooOld)
        );
        let other = |s: &mut Standing| {
            s.server = "dc2.canal.example".into();
            s.replica = "r2".into();
            s.usn = 5;
        };
        assert_eq!(check(other, 7), Ok(b"cookie".to_vec()));
        assert_eq!(
            Position::resume(b"{}", &standing(), 7).unwrap_err().code,
            Code::SourceCookieRefused
        );
    }

    #[test]
    fn the_hash_of_a_spec_ignores_order_and_case() {
        let spec = |names: &[&str]| ReadSpec {
            attributes: names.iter().map(|name| (*name).into()).collect(),
            ..ReadSpec::default()
        };
        assert_eq!(
            spec_hash(&spec(&["mail", "SN"])),
            spec_hash(&spec(&["sn", "mail"]))
        );
        assert_ne!(spec_hash(&spec(&["mail"])), spec_hash(&spec(&["sn"])));
    }
}
