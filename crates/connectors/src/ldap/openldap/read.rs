//! Full and delta reads by content synchronisation.
//!
//! A full read is the same as a delta from nothing. Never publishes a position on the way: a cookie stands for everything
//! before the end. Trap: while the refresh streams, nothing else is asked on its connection; a small delta is heard out
//! first, so that it needs no second one.

use std::collections::{BTreeMap, HashSet};

use ldap::{Error, Query, ResultCode, Scope as Depth, SyncMode, SyncSearch, SyncState, SyncStep};
use sync_core::{code::Code, operation::Refusal, value::Name};

use super::{
    intake::{Intake, named},
    names::Uuid,
    values,
    watermark::{self, Position},
};
use crate::source::{ReadEnd, ReadMethod, SourceError};

/// Steps of a delta that are heard out before any is taken in, and values of theirs.
const STEPS_AHEAD: usize = 256;
const VALUES_AHEAD: usize = 100_000;

/// How a refresh ended.
struct Refreshed {
    cookie: Option<Vec<u8>>,
    is_census: bool,
}

/// What a read found out.
pub(super) struct Told {
    pub position: Position,
    pub is_census: bool,
}

/// By content synchronisation.
pub(super) fn method(server: &str) -> ReadMethod {
    ReadMethod {
        name: "RFC 4533".into(),
        server: server.into(),
        weaker: None,
    }
}

/// A complete read.
pub(super) fn complete(told: &Told, seen: BTreeMap<Name, u64>, method: ReadMethod) -> ReadEnd {
    ReadEnd::Complete {
        watermark: told.position.encode(),
        seen,
        is_census: told.is_census,
        method,
    }
}

/// Why a read by content synchronisation cannot be done.
pub(super) enum Obstacle {
    /// It failed.
    Failed(SourceError),
    /// The position cannot be continued.
    NeedsFullRead(Refusal),
    /// The database does not offer it, though the server does.
    NotOffered,
}

impl From<SourceError> for Obstacle {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

impl Intake<'_> {
    /// Reads everything.
    pub async fn synchronise(&mut self) -> Result<Told, Obstacle> {
        // RFC 4533 has an entry named by its entryUUID; this cookie stands for nothing and asks for just that.
        let nothing = self.session.is_389.then_some(&b"rid=000"[..]);
        let mut sync = self.begin(nothing).map_err(|e| self.obstacle(&e, false))?;
        let refreshed = self.stream(&mut sync, Vec::new(), false).await?;
        self.end().await?;
        let cookie = refreshed.cookie.ok_or_else(|| self.no_cookie())?;
        Ok(self.told(&cookie, false))
    }

    /// Reads what changed since a position.
    pub async fn synchronise_from(&mut self, position: &Position) -> Result<Told, Obstacle> {
        let Some(cookie) = position.cookie() else {
            return Err(Obstacle::NeedsFullRead(self.other_kind()));
        };
        let had = watermark::change_numbers(&cookie);
        let has = self.session.change_numbers().await?;
        if !had.is_empty() && had == has {
            let position = position.clone();
            return Ok(Told {
                position,
                is_census: false,
            });
        }
        match has.is_empty() {
            true => self.demand_same_server(position)?,
            false => self.judge_server(position, &had, &has)?,
        }
        let missing = self.witnesses_missing(position).await?;
        let mut sync = self
            .begin(Some(&cookie))
            .map_err(|e| self.obstacle(&e, true))?;
        let ahead = self.ahead(&mut sync).await?;
        let refreshed = self.stream(&mut sync, ahead, true).await?;
        drop(sync);
        if !refreshed.is_census && !missing.is_subset(&self.gone) {
            let text =
                "objects seen before are gone and the server does not say that they were deleted";
            return Err(Obstacle::NeedsFullRead(self.reset(text)));
        }
        self.end().await?;
        let mut before = position.witnesses.clone();
        for uuid in &self.gone {
            before.forget(*uuid);
        }
        self.witnesses = std::mem::take(&mut self.witnesses).and(&before);
        let cookie = refreshed.cookie.unwrap_or(cookie);
        Ok(self.told(&cookie, refreshed.is_census))
    }

    fn told(&mut self, cookie: &[u8], is_census: bool) -> Told {
        let witnesses = std::mem::take(&mut self.witnesses);
        let (server, base) = (&self.session.server, &self.session.base);
        Told {
            position: Position::of_cookie(server, base, cookie, witnesses),
            is_census,
        }
    }

    fn begin(&self, cookie: Option<&[u8]>) -> Result<SyncSearch, Error> {
        let query =
            Query::new(&self.session.base, Depth::Subtree).attributes(self.selection.requested());
        let connection = &self.session.connection;
        connection.synchronise(&query, SyncMode::RefreshOnly, cookie)
    }

    /// The first steps of a delta; the end among them, if there are few.
    async fn ahead(&mut self, sync: &mut SyncSearch) -> Result<Vec<SyncStep>, Obstacle> {
        let mut steps = Vec::new();
        let mut values = 0;
        while steps.len() < STEPS_AHEAD && values < VALUES_AHEAD {
            let step = sync.next().await.map_err(|e| self.obstacle(&e, true))?;
            if let SyncStep::Entry { entry, .. } = &step {
                values += entry.attributes.iter().map(|(_, v)| v.len()).sum::<usize>();
            }
            let is_end = matches!(step, SyncStep::Done { .. });
            steps.push(step);
            if is_end {
                break;
            }
        }
        Ok(steps)
    }

    /// Takes in these steps and all that follow, to the end.
    async fn stream(
        &mut self,
        sync: &mut SyncSearch,
        ahead: Vec<SyncStep>,
        is_continued: bool,
    ) -> Result<Refreshed, Obstacle> {
        self.lookup.is_streaming = !matches!(ahead.last(), Some(SyncStep::Done { .. }));
        let mut is_census = false;
        for step in &ahead {
            if let SyncStep::Entry { entry, uuid, .. } = step
                && !entry.dn.is_empty()
            {
                self.foresee(&entry.dn, *uuid);
            }
        }
        for step in ahead {
            if let Some(refreshed) = self.step(step, &mut is_census).await? {
                return Ok(refreshed);
            }
        }
        loop {
            let step = sync.next().await;
            let step = step.map_err(|e| self.obstacle(&e, is_continued))?;
            if let Some(refreshed) = self.step(step, &mut is_census).await? {
                return Ok(refreshed);
            }
        }
    }

    async fn step(
        &mut self,
        step: SyncStep,
        is_census: &mut bool,
    ) -> Result<Option<Refreshed>, SourceError> {
        match step {
            SyncStep::Entry { entry, state, uuid } => match state {
                SyncState::Add | SyncState::Modify => self.entry(entry, Some(uuid)).await?,
                SyncState::Present => self.present(uuid).await?,
                SyncState::Delete => self.deleted(uuid).await?,
            },
            SyncStep::Set { uuids, are_deleted } => {
                for uuid in uuids {
                    match are_deleted {
                        true => self.deleted(uuid).await?,
                        false => self.present(uuid).await?,
                    }
                }
            }
            SyncStep::Phase {
                is_census: phase, ..
            } => *is_census |= phase,
            SyncStep::Cookie(_) => {}
            SyncStep::Done {
                cookie,
                is_census: last,
            } => {
                return Ok(Some(Refreshed {
                    cookie,
                    is_census: *is_census || last,
                }));
            }
        }
        Ok(None)
    }

    /// Where a server does not show where it stands, its cookie says nothing to another one.
    fn demand_same_server(&self, position: &Position) -> Result<(), Obstacle> {
        if position.server == self.session.server {
            return Ok(());
        }
        let text = format!("the position is of {}", position.server);
        let server = &self.session.server;
        let refusal = watermark::refusal(Code::SourceServerChanged, server, text);
        Err(Obstacle::NeedsFullRead(refusal))
    }

    /// Refuses a server that knows less than the position.
    fn judge_server(
        &self,
        position: &Position,
        had: &[String],
        has: &[String],
    ) -> Result<(), Obstacle> {
        let Some((wanted, reached)) = watermark::behind(had, has) else {
            return Ok(());
        };
        let text = format!("the position is {wanted} and the server has reached {reached}");
        if position.server == self.session.server {
            return Err(Obstacle::NeedsFullRead(self.reset(text)));
        }
        // Another server of the list that replication has not brought up yet: its past would undo what is known.
        let error = watermark::refusal(Code::SourceReplicaLags, &self.session.server, text);
        Err(Obstacle::Failed(error))
    }

    /// Which of the objects changed last are not there; refuses if one is older than it was.
    async fn witnesses_missing(&mut self, position: &Position) -> Result<HashSet<Uuid>, Obstacle> {
        let filters: Vec<_> = position
            .witnesses
            .iter()
            .map(|(uuid, _)| named(uuid))
            .collect();
        if filters.is_empty() {
            return Ok(HashSet::new());
        }
        let query = Query::new(&self.session.base, Depth::Subtree)
            .filter(ldap::Filter::Or(filters))
            .attributes(["entryUUID", "entryCSN"]);
        let found = self.session.connection.search_all(&query).await;
        let found = found.map_err(self.session.told("look at what changed last"))?;
        let mut missing = HashSet::new();
        for (uuid, change) in position.witnesses.iter() {
            let is_it = |entry: &&ldap::Entry| {
                entry.first("entryUUID").and_then(|text| values::uuid(text)) == Some(uuid)
            };
            match found.iter().find(is_it) {
                None => {
                    missing.insert(uuid);
                }
                Some(entry) if entry.text("entryCSN").is_some_and(|now| now < change) => {
                    let text = format!("{} was changed at {change} and that is undone", entry.dn);
                    return Err(Obstacle::NeedsFullRead(self.reset(text)));
                }
                Some(_) => {}
            }
        }
        Ok(missing)
    }

    fn reset(&self, text: impl Into<String>) -> Refusal {
        watermark::refusal(Code::SourceReplicaReset, &self.session.server, text)
    }

    fn other_kind(&self) -> Refusal {
        let text = "the position was stored when the server did not synchronise content";
        watermark::refusal(Code::SourceCookieRefused, &self.session.server, text)
    }

    fn no_cookie(&self) -> SourceError {
        crate::source::source_error(
            Code::SourceProtocolError,
            &self.session.server,
            "content synchronisation search",
            "the server gave no cookie",
        )
    }

    fn obstacle(&self, error: &Error, is_continued: bool) -> Obstacle {
        match error.code() {
            Some(ResultCode::UNAVAILABLE_CRITICAL_EXTENSION) => Obstacle::NotOffered,
            // Its answer where it may not be asked as OpenLDAP's consumers ask.
            Some(ResultCode::SYNC_REFRESH_REQUIRED) if self.session.is_389 && !is_continued => {
                Obstacle::NotOffered
            }
            Some(ResultCode::SYNC_REFRESH_REQUIRED) => Obstacle::NeedsFullRead(watermark::refusal(
                Code::SourceCookieRefused,
                &self.session.server,
                error.chain(),
            )),
            Some(
                ResultCode::UNWILLING_TO_PERFORM | ResultCode::PROTOCOL_ERROR | ResultCode::OTHER,
            ) if is_continued => Obstacle::NeedsFullRead(watermark::refusal(
                Code::SourceCookieRefused,
                &self.session.server,
                error.chain(),
            )),
            _ => Obstacle::Failed(crate::ldap::failure::refusal(
                &self.session.server,
                "content synchronisation search",
                error,
            )),
        }
    }
}
