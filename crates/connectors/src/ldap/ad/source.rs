//! The source connector of an Active Directory domain.
//!
//! Keeps one connection for as long as it lives and opens another when that one is gone. Never keeps a position: it comes
//! with every read. Trap: containers and schema are resolved anew for every call, because they change under us.

use async_trait::async_trait;
use sync_core::{code::Code, object::ReadSpec};

use super::{
    entry::Selection,
    list,
    one::Reading,
    schema::{self, Schema},
    session::{Session, dns_name},
    trail::Trail,
    vector::Vector,
    watch,
    watermark::Position,
};
use crate::{
    ldap::{config::LdapConfig, failure, locate::located, pages::Pages, scope::Scope},
    source::{
        Bell, Container, Listed, ObjectName, PageSink, ReadEnd, ReadMode, ReadOne, Source,
        SourceError, SourceInfo, WatchEnd, Watermark,
    },
};

/// An Active Directory domain (or Samba AD) as a source.
pub struct AdSource {
    config: LdapConfig,
    /// The same with the controllers last found: a name server that is gone takes none of them away.
    found: Option<LdapConfig>,
    session: Option<Session>,
    /// Where the last read ended: nothing older may be shown.
    floor: Option<Position>,
}

impl AdSource {
    /// A source of this configuration; nothing is connected yet.
    pub fn new(config: LdapConfig) -> Self {
        Self {
            config,
            found: None,
            session: None,
            floor: None,
        }
    }

    async fn session(&mut self) -> Result<&Session, SourceError> {
        let session = match self.session.take() {
            Some(session) if session.is_still_itself().await => session,
            _ => Session::open(&self.servers().await?, &Vector::default()).await?,
        };
        Ok(self.session.insert(session))
    }

    /// The settings with the controllers there are now.
    async fn servers(&mut self) -> Result<LdapConfig, SourceError> {
        match (located(&self.config).await, &self.found) {
            (Ok(found), _) => Ok(self.found.insert(found).clone()),
            (Err(refusal), Some(before)) => {
                tracing::warn!(code = %refusal.code, "the controllers found before are tried: {refusal}");
                Ok(before.clone())
            }
            (Err(refusal), None) => Err(refusal),
        }
    }

    /// Makes sure of a session with a controller that holds everything known already. If there is none, one that lags is
    /// taken, and how it lags is the answer.
    async fn level_session(
        &mut self,
        known: &Vector,
        lost: &[String],
    ) -> Result<Option<SourceError>, SourceError> {
        if let Some(session) = self.session.take()
            && session.is_still_itself().await
            && session.lag(known).await.is_ok_and(|lag| lag.is_none())
        {
            self.session = Some(session);
            return Ok(None);
        }
        let mut config = self.servers().await?;
        config.urls.retain(|url| !is_lost(url, lost));
        match Session::open(&config, known).await {
            Ok(session) => {
                self.session = Some(session);
                Ok(None)
            }
            Err(lag) if lag.code == Code::SourceReplicaLags => {
                self.session = Some(Session::open(&config, &Vector::default()).await?);
                Ok(Some(lag))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Makes sure, if it was said where the last read ended, that nothing older is shown: by a controller that holds all of it.
    async fn demand_floor(&mut self) -> Result<(), SourceError> {
        let Some(floor) = self.floor.take() else {
            return Ok(());
        };
        match self.level_session(&floor.known, &[]).await? {
            None => Ok(()),
            Some(lag) => Err(lag),
        }
    }

    /// Everything a read needs: session, attributes with types, classes and places.
    async fn prepare(
        &mut self,
        spec: &ReadSpec,
    ) -> Result<(&Session, Selection, Scope), SourceError> {
        let session = self.session().await?;
        let schema = session.schema_of(spec).await?;
        let containers = list::resolve(session, &spec.containers).await?;
        let selection = Selection::new(spec, &schema).within(&session.naming_context);
        let scope = Scope::new(&spec.classes, containers);
        Ok((session, selection, scope))
    }

    /// After any failure the next call starts at the head of the list: a connection that fell silent is never used again.
    fn settle<T>(&mut self, result: Result<T, SourceError>) -> Result<T, SourceError> {
        if result.is_err() {
            self.session = None;
        }
        result
    }
}

/// Whether a URL of the list is that of a server lost before.
fn is_lost(url: &str, lost: &[String]) -> bool {
    let endpoint = url.parse::<ldap::Endpoint>();
    endpoint.is_ok_and(|endpoint| lost.contains(&endpoint.to_string()))
}

#[async_trait]
impl Source for AdSource {
    async fn discover(&mut self) -> Result<SourceInfo, SourceError> {
        let result = self.try_discover().await;
        self.settle(result)
    }

    async fn read(
        &mut self,
        spec: &ReadSpec,
        mode: ReadMode,
        sink: &mut dyn PageSink,
    ) -> Result<ReadEnd, SourceError> {
        let result = self.try_read(spec, mode, sink).await;
        self.settle(result)
    }

    fn not_older_than(&mut self, position: Watermark) {
        self.floor = Position::decode(&position).ok();
    }

    async fn read_one(
        &mut self,
        spec: &ReadSpec,
        name: &ObjectName,
    ) -> Result<ReadOne, SourceError> {
        let result = self.try_read_one(spec, name).await;
        self.settle(result)
    }

    async fn enumerate(
        &mut self,
        spec: &ReadSpec,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError> {
        let result = self.try_enumerate(spec, each).await;
        self.settle(result)
    }

    async fn watch(
        &mut self,
        _spec: &ReadSpec,
        _watermark: Option<Watermark>,
        bell: &dyn Bell,
    ) -> Result<WatchEnd, SourceError> {
        let result = self.try_watch(bell).await;
        self.settle(result)
    }

    async fn containers(&mut self) -> Result<Vec<Container>, SourceError> {
        let result = self.try_containers().await;
        self.settle(result)
    }
}

impl AdSource {
    async fn try_discover(&mut self) -> Result<SourceInfo, SourceError> {
        let page_size = self.config.page_size_entries;
        let session = self.session().await?;
        let query = schema::query_all(&session.schema_context);
        let attributes = session
            .connection
            .search_all_paged(query, page_size)
            .await
            .map_err(|error| failure::refusal(&session.server, "read the schema", &error))?;
        let (domain_netbios, domain_fqdn) = session.domain_names().await?;
        Ok(SourceInfo {
            realm: dns_name(&session.root_domain),
            naming_context: session.naming_context.clone(),
            domain_fqdn,
            domain_netbios,
            server: session.server.clone(),
            replica: session.replica_text(),
            product: session.product.clone(),
            attributes: Schema::of(&attributes).infos(),
            tombstone_lifetime_seconds: session.tombstone_lifetime_seconds,
        })
    }

    async fn try_read(
        &mut self,
        spec: &ReadSpec,
        mode: ReadMode,
        sink: &mut dyn PageSink,
    ) -> Result<ReadEnd, SourceError> {
        let mut trail = match Trail::begin(&mode, self.floor.take()) {
            Ok(trail) => trail,
            Err(refusal) => return Ok(ReadEnd::NeedsFullRead(refusal)),
        };
        let mut pages = Pages::new(sink, self.config.page_size_entries);
        let mut lost: Vec<String> = Vec::new();
        loop {
            let lag = self.level_session(&trail.known, &lost).await?;
            match self.read_here(spec, lag, &mut trail, &mut pages).await {
                Err(refusal) if failure::is_loss(&refusal) => {
                    let session = self.session.take();
                    lost.extend(session.map(|session| session.connection.server().to_owned()));
                    if lost.len() >= self.known_servers() {
                        return Err(refusal);
                    }
                    tracing::warn!(code = %refusal.code, "lost in the middle of a read, which goes on at another controller: {refusal}");
                }
                result => return result,
            }
        }
    }

    fn known_servers(&self) -> usize {
        self.found.as_ref().unwrap_or(&self.config).urls.len()
    }

    /// Reads, or goes on reading, at the controller of the session.
    async fn read_here(
        &mut self,
        spec: &ReadSpec,
        lag: Option<SourceError>,
        trail: &mut Trail,
        pages: &mut Pages<'_>,
    ) -> Result<ReadEnd, SourceError> {
        let has_others = self.known_servers() > 1;
        let (session, selection, scope) = self.prepare(spec).await?;
        let standing = session.standing().await?;
        let judged = match (&trail.position, &trail.floor) {
            (Some(position), _) => position.judge(&standing),
            (None, Some(floor)) => floor.judge_replica(&standing),
            (None, None) => Ok(()),
        };
        if let Err(refusal) = judged {
            return Ok(ReadEnd::NeedsFullRead(refusal));
        }
        let cookie = trail.position.as_ref().map(Position::has_cookie);
        let mut reading = Reading {
            session,
            selection: &selection,
            scope: &scope,
            usn: standing.usn,
            lag: lag.clone(),
        };
        // The server itself leaves out of differences what a cookie of elsewhere has seen; whole states it shows as they are.
        if let (Some(lag), false) = (&lag, cookie == Some(true)) {
            return Err(lag.clone());
        }
        let shows_deletions = session.shows_deletions().await?;
        if has_others && trail.position.is_none() {
            reading.learn_first(trail, &standing).await?;
        }
        let is_useful = shows_deletions || !session.is_samba();
        match (is_useful, cookie) {
            (true, Some(false)) => {
                if session.may_dirsync().await? {
                    let text = "the account may use DirSync now";
                    let refusal = standing.refuse(Code::SourceMethodChanged, text);
                    return Ok(ReadEnd::NeedsFullRead(refusal));
                }
            }
            (true, _) => match reading.dirsync(&standing, trail, pages).await {
                Err(refusal) if failure::lacks_dirsync_right(&refusal) => {}
                result => return result,
            },
            (false, _) => {}
        }
        match lag {
            Some(lag) => Err(lag),
            None => reading.poll(&standing, trail, pages, shows_deletions).await,
        }
    }

    async fn try_read_one(
        &mut self,
        spec: &ReadSpec,
        name: &ObjectName,
    ) -> Result<ReadOne, SourceError> {
        self.demand_floor().await?;
        let (session, selection, scope) = self.prepare(spec).await?;
        let reading = Reading {
            session,
            selection: &selection,
            scope: &scope,
            usn: session.standing().await?.usn,
            lag: None,
        };
        reading.read_one(name).await
    }

    async fn try_enumerate(
        &mut self,
        spec: &ReadSpec,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError> {
        self.demand_floor().await?;
        let page_size = self.config.page_size_entries;
        let (session, selection, scope) = self.prepare(spec).await?;
        let reading = Reading {
            session,
            selection: &selection,
            scope: &scope,
            usn: session.standing().await?.usn,
            lag: None,
        };
        reading.list(page_size, each).await
    }

    async fn try_watch(&mut self, bell: &dyn Bell) -> Result<WatchEnd, SourceError> {
        watch::watch(self.session().await?, bell).await
    }

    async fn try_containers(&mut self) -> Result<Vec<Container>, SourceError> {
        self.demand_floor().await?;
        let page_size = self.config.page_size_entries;
        list::containers(self.session().await?, page_size).await
    }
}
