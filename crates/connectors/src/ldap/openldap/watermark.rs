//! The read position of an LDAP source: the server's cookie, or the newest time of change, with what is needed to judge
//! whether it can be continued.
//!
//! Never kept anywhere but with whoever stores it. Trap: a server restored from a backup may have moved on since, so that its
//! change numbers are newer than the cookie's again; objects seen last, which are then older than they were, give it away.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};

use super::names::Uuid;
use crate::source::Watermark;

const VERSION: u32 = 1;
/// How many of the objects changed last are remembered.
const WITNESSES: usize = 3;

/// A position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    version: u32,
    /// The server that gave it.
    pub server: String,
    /// Root of what was read.
    pub base: String,
    /// Where to continue.
    pub start: Start,
    /// Objects changed last, by entryUUID, with their change numbers (entryCSN).
    pub witnesses: Witnesses,
}

/// Where to continue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Start {
    /// A cookie of RFC 4533, in Base64.
    Cookie(String),
    /// Everything modified since this generalized time.
    Modified(String),
}

/// The objects changed last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Witnesses(Vec<(uuid::Uuid, Box<str>)>);

impl Witnesses {
    /// Takes an object in, if it is among the newest.
    pub fn note(&mut self, uuid: Uuid, change: &str) {
        let is_old = |(_, have): &(uuid::Uuid, Box<str>)| **have >= *change;
        if self.0.len() >= WITNESSES && self.0.iter().all(is_old) {
            return;
        }
        let uuid = uuid::Uuid::from_bytes(uuid);
        self.0.retain(|(have, _)| *have != uuid);
        self.0.push((uuid, change.into()));
        self.0.sort_by(|(_, a), (_, b)| b.cmp(a));
        self.0.truncate(WITNESSES);
    }

    /// Those and the ones before.
    pub fn and(mut self, before: &Self) -> Self {
        for (uuid, change) in &before.0 {
            if !self.0.iter().any(|(have, _)| have == uuid) {
                self.note(uuid.into_bytes(), change);
            }
        }
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (Uuid, &str)> {
        self.0
            .iter()
            .map(|(uuid, change)| (uuid.into_bytes(), &**change))
    }

    /// Forgets an object that is gone.
    pub fn forget(&mut self, uuid: Uuid) {
        self.0.retain(|(have, _)| have.into_bytes() != uuid);
    }
}

impl Position {
    pub fn of_cookie(server: &str, base: &str, cookie: &[u8], witnesses: Witnesses) -> Self {
        Self {
            version: VERSION,
            server: server.into(),
            base: base.into(),
            start: Start::Cookie(STANDARD.encode(cookie)),
            witnesses,
        }
    }

    pub fn of_time(server: &str, base: &str, time: &str) -> Self {
        Self {
            version: VERSION,
            server: server.into(),
            base: base.into(),
            start: Start::Modified(time.into()),
            witnesses: Witnesses::default(),
        }
    }

    pub fn encode(&self) -> Watermark {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a stored position, if it was stored for this base.
    pub fn read(watermark: &[u8], server: &str, base: &str) -> Result<Self, Refusal> {
        let position: Self = serde_json::from_slice(watermark)
            .ok()
            .filter(|position: &Self| position.version == VERSION)
            .ok_or_else(|| {
                let text = "the stored position was not written by this connector";
                refusal(Code::SourceCookieRefused, server, text)
            })?;
        if !position.base.eq_ignore_ascii_case(base) {
            let text = format!("the position was stored for {}", position.base);
            return Err(refusal(Code::SourceReadSpecChanged, server, text));
        }
        Ok(position)
    }

    /// The cookie; `None` if the position has another kind.
    pub fn cookie(&self) -> Option<Vec<u8>> {
        match &self.start {
            Start::Cookie(text) => STANDARD.decode(text).ok(),
            Start::Modified(_) => None,
        }
    }
}

/// Says why a position is not continued.
pub(super) fn refusal(code: Code, server: &str, text: impl Into<String>) -> Refusal {
    Refusal::new(code)
        .with("server", server)
        .with("operation", "continue reading")
        .with("text", text)
}

/// The change numbers an OpenLDAP cookie (`rid=001,csn=…;…`) stands for, sorted; none if it has another form.
pub(super) fn change_numbers(cookie: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(cookie).unwrap_or_default();
    let parts = text.split(',').filter_map(|part| part.strip_prefix("csn="));
    let mut numbers: Vec<String> = parts
        .flat_map(|all| all.split(';'))
        .filter(|number| provider(number).is_some())
        .map(str::to_owned)
        .collect();
    numbers.sort_unstable();
    numbers
}

/// The provider of a change number (`20261121034100.820720Z#000000#001#000000`: the third part).
fn provider(number: &str) -> Option<&str> {
    number.split('#').nth(2)
}

/// The first change number of a cookie that a server which stands at `now` has not reached, with where it stands instead.
pub(super) fn behind<'a>(cookie: &'a [String], now: &'a [String]) -> Option<(&'a str, &'a str)> {
    cookie.iter().find_map(|wanted| {
        let same = |number: &&String| provider(number) == provider(wanted);
        match now.iter().filter(same).max() {
            Some(reached) if reached >= wanted => None,
            Some(reached) => Some((wanted.as_str(), reached.as_str())),
            None => Some((wanted.as_str(), "nothing")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "20261121034100.820720Z#000000#001#000000";
    const NEW: &str = "20261121034105.000000Z#000000#001#000000";
    const OTHER: &str = "20250101000000.000000Z#000000#002#000000";

    #[test]
    fn a_server_is_behind_where_one_provider_is() {
        let text = format!("rid=001,sid=001,csn={NEW};{OTHER}");
        let cookie = change_numbers(text.as_bytes());
        assert_eq!(cookie, [OTHER, NEW]);
        let all = |numbers: &[&str]| numbers.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(behind(&cookie, &all(&[NEW, OTHER])), None);
        assert_eq!(behind(&cookie, &all(&[OLD, OTHER])), Some((NEW, OLD)));
        assert_eq!(behind(&cookie, &all(&[NEW])), Some((OTHER, "nothing")));
        assert!(change_numbers(b"389ds.example:389#dc=x#5").is_empty());
        assert!(change_numbers(b"rid=1,csn=garbage").is_empty());
    }

    #[test]
    fn the_newest_objects_are_remembered() {
        let mut witnesses = Witnesses::default();
        for (n, change) in [(1, "3"), (2, "1"), (3, "2"), (4, "4"), (1, "5")] {
            witnesses.note([n; 16], change);
        }
        let all: Vec<_> = witnesses
            .iter()
            .map(|(u, c)| (u[0], c.to_owned()))
            .collect();
        assert_eq!(all, [(1, "5".into()), (4, "4".into()), (3, "2".into())]);
        let mut fresh = Witnesses::default();
        fresh.note([9; 16], "6");
        let both = fresh.and(&witnesses);
        assert_eq!(
            both.iter().map(|(u, _)| u[0]).collect::<Vec<_>>(),
            [9, 1, 4]
        );
    }

    #[test]
    fn a_position_is_of_one_base_and_version() {
        let position = Position::of_cookie("s", "dc=x", b"c", Witnesses::default());
        let stored = position.encode();
        assert_eq!(Position::read(&stored, "t", "DC=x").unwrap(), position);
        assert_eq!(position.cookie().unwrap(), b"c");
        let code = |stored: &[u8], base| Position::read(stored, "s", base).unwrap_err().code;
        assert_eq!(code(&stored, "dc=y"), Code::SourceReadSpecChanged);
        assert_eq!(code(b"{}", "dc=x"), Code::SourceCookieRefused);
    }
}
