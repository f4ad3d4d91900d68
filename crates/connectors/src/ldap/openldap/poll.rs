//! Reads from servers that do not synchronise content: plain searches, and for deltas what was modified since.
//!
//! Never sees a deletion, nor what an object was renamed away from being seen: a full comparison has to find those. Trap: times
//! of change have seconds, and providers' clocks differ, so every delta begins some time before the newest one seen.

use ldap::{Filter, Query, Scope as Depth};
use sync_core::{code::Code, operation::Refusal};

use super::{
    intake::Intake,
    read::{Obstacle, Told},
    watermark::{Position, Start, refusal},
};
use crate::source::{ReadMethod, SourceError};

/// How far before the newest change seen a delta begins.
const OVERLAP_SECONDS: i64 = 60;
const CURE: &str = "changes are found by their time, so deletions show in full comparisons only; \
     have the server load and enable the syncprov overlay for this database (389 Directory Server: the content synchronization plug-in, allowing OpenLDAP)";

/// By time of change.
pub(super) fn method(server: &str) -> ReadMethod {
    let weaker = Refusal::new(Code::SourceSyncNotOffered)
        .with("server", server)
        .with("method", "modifyTimestamp")
        .with("text", CURE);
    ReadMethod {
        name: "modifyTimestamp".into(),
        server: server.into(),
        weaker: Some(weaker),
    }
}

impl Intake<'_> {
    /// Reads everything.
    pub async fn poll(&mut self) -> Result<Told, Obstacle> {
        let query = self.query();
        self.search(query).await?;
        self.end().await?;
        Ok(self.told_by_time(None))
    }

    /// Reads what was modified since a position.
    pub async fn poll_from(&mut self, position: &Position) -> Result<Told, Obstacle> {
        let Start::Modified(newest) = &position.start else {
            let text = "the position is a cookie, and the server no longer synchronises content";
            let server = &self.session.server;
            return Err(Obstacle::NeedsFullRead(refusal(
                Code::SourceCookieRefused,
                server,
                text,
            )));
        };
        let since = before(newest, OVERLAP_SECONDS).unwrap_or_else(|| newest.clone());
        let changed = Filter::GreaterOrEqual("modifyTimestamp".into(), since);
        let query = self.query().filter(changed);
        self.search(query).await?;
        self.end().await?;
        Ok(self.told_by_time(Some(newest)))
    }

    fn query(&self) -> Query {
        Query::new(&self.session.base, Depth::Subtree).attributes(self.selection.requested())
    }

    async fn search(&mut self, query: Query) -> Result<(), SourceError> {
        let told = self.session.told("search");
        let connection = &self.session.connection;
        let mut found = connection.paged(query, self.page_size).map_err(&told)?;
        self.lookup.is_streaming = true;
        while let Some(raw) = found.next().await.map_err(&told)? {
            self.entry(raw, None).await?;
        }
        Ok(())
    }

    fn told_by_time(&self, before: Option<&str>) -> Told {
        let newest = self
            .newest
            .as_deref()
            .max(before)
            .unwrap_or("19700101000000Z");
        let (server, base) = (&self.session.server, &self.session.base);
        Told {
            position: Position::of_time(server, base, newest),
            is_census: false,
        }
    }
}

/// A generalized time some seconds earlier.
fn before(time: &str, seconds: i64) -> Option<String> {
    let then: jiff::civil::DateTime = {
        let digits = time.get(..14)?;
        let text = format!(
            "{}-{}-{}T{}:{}:{}",
            digits.get(..4)?,
            digits.get(4..6)?,
            digits.get(6..8)?,
            digits.get(8..10)?,
            digits.get(10..12)?,
            digits.get(12..14)?
        );
        text.parse().ok()?
    };
    let earlier = then
        .checked_sub(jiff::Span::new().try_seconds(seconds).ok()?)
        .ok()?;
    Some(earlier.strftime("%Y%m%d%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_begins_before_the_newest_change() {
        assert_eq!(before("20261121000030Z", 60).unwrap(), "20261120235930Z");
        assert_eq!(before("20270101000000.5Z", 1).unwrap(), "20261231235959Z");
        assert_eq!(before("yesterday", 1), None);
    }
}
