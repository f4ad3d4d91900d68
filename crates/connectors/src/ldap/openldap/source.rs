//! The source connector of an OpenLDAP directory.
//!
//! Keeps one connection for as long as it lives and opens another when that one is gone or has lain unused. Never keeps a
//! position: it comes with every read. Trap: containers are resolved anew for every call, because they move.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sync_core::object::ReadSpec;

use super::{
    entry::Selection,
    intake::{Extent, Intake, Parts},
    list,
    lookup::Lookup,
    memory,
    names::Names,
    poll,
    read::{self, Obstacle, Told},
    session::Session,
    watch,
    watermark::Position,
};
use crate::{
    ldap::{config::LdapConfig, pages::Pages, scope::Scope},
    source::{
        Bell, Container, Listed, ObjectName, Page, PageSink, ReadEnd, ReadMode, ReadOne, Source,
        SourceError, SourceInfo, WatchEnd, Watermark,
    },
};

/// How long a connection may lie unused: shorter than firewalls forget connections.
const UNUSED: Duration = Duration::from_secs(60);

/// An OpenLDAP directory (or another that speaks RFC 4533, or at least LDAP) as a source.
pub struct OpenLdapSource {
    config: LdapConfig,
    session: Option<(Arc<Session>, Instant)>,
    /// Nothing older than this may be shown by the next call.
    floor: Option<Watermark>,
}

/// Where pages go that nobody wants.
struct Nowhere;

#[async_trait]
impl PageSink for Nowhere {
    async fn page(&mut self, _: Page) -> Result<(), SourceError> {
        Ok(())
    }
}

impl OpenLdapSource {
    /// A source of this configuration; nothing is connected yet.
    pub fn new(config: LdapConfig) -> Self {
        Self {
            config,
            session: None,
            floor: None,
        }
    }

    async fn session(&mut self) -> Result<Arc<Session>, SourceError> {
        self.session_not_older(None).await
    }

    /// A session with a server that replication has brought up to what was read before; the first of the list that is.
    async fn session_not_older(
        &mut self,
        floor: Option<&Watermark>,
    ) -> Result<Arc<Session>, SourceError> {
        let kept = self
            .session
            .take()
            .filter(|(session, used)| !session.connection.is_closed() && used.elapsed() < UNUSED);
        let session = match kept {
            Some((session, _)) if session.lag(floor).await.is_ok_and(|lag| lag.is_none()) => {
                session
            }
            _ => Arc::new(Session::open(&self.config, floor).await?),
        };
        self.session = Some((session.clone(), Instant::now()));
        Ok(session)
    }

    /// After any failure the next call starts at the head of the list: a connection that fell silent is never used again.
    fn settle<T>(&mut self, result: Result<T, SourceError>) -> Result<T, SourceError> {
        match (&result, &mut self.session) {
            (Err(_), _) => self.session = None,
            (Ok(_), Some((_, used))) => *used = Instant::now(),
            (Ok(_), None) => {}
        }
        result
    }

    async fn scope(session: &Session, spec: &ReadSpec) -> Result<Scope, SourceError> {
        let containers = list::resolve(session, &spec.containers).await?;
        Ok(Scope::new(&spec.classes, containers))
    }

    fn intake<'a>(
        config: &'a LdapConfig,
        (session, scope): (&'a Session, &'a Scope),
        spec: &ReadSpec,
        sink: &'a mut dyn PageSink,
        (extent, names): (Extent, Option<Names>),
    ) -> Intake<'a> {
        let page_size = config.page_size_entries;
        Intake::new(Parts {
            selection: Selection::new(spec, &session.schema),
            names: names.unwrap_or_else(|| Names::new(session.schema.aliases())),
            pages: Pages::new(sink, page_size),
            lookup: Lookup::new(config, session),
            session,
            scope,
            extent,
            page_size,
        })
    }

    async fn try_discover(&mut self) -> Result<SourceInfo, SourceError> {
        let session = self.session().await?;
        let domain = session.domain();
        Ok(SourceInfo {
            realm: domain.clone(),
            naming_context: session.base.clone(),
            domain_fqdn: domain,
            domain_netbios: String::new(),
            server: session.server.clone(),
            replica: String::new(),
            product: session.product.clone(),
            attributes: session.schema.infos(),
            tombstone_lifetime_seconds: 0,
        })
    }

    async fn try_read(
        &mut self,
        spec: &ReadSpec,
        mode: ReadMode,
        sink: &mut dyn PageSink,
    ) -> Result<ReadEnd, SourceError> {
        let floor = match (&mode, self.floor.take()) {
            (ReadMode::Delta(stored), _) => Some(stored.clone()),
            (ReadMode::Full | ReadMode::Backfill, floor) => floor,
        };
        let session = self.session_not_older(floor.as_ref()).await?;
        let scope = Self::scope(&session, spec).await?;
        let (position, extent, names) = match &mode {
            ReadMode::Full | ReadMode::Backfill => (None, Extent::Whole, None),
            ReadMode::Delta(stored) => {
                match Position::read(stored, &session.server, &session.base) {
                    Ok(position) => {
                        let names = memory::take(&self.config, stored);
                        (Some(position), Extent::Changes, names)
                    }
                    Err(refusal) => return Ok(ReadEnd::NeedsFullRead(refusal)),
                }
            }
        };
        let surroundings = (&*session, &scope);
        let mut intake = Self::intake(&self.config, surroundings, spec, sink, (extent, names));
        let mut is_by_time = !session.can_synchronise;
        let mut told = match is_by_time {
            true => Err(Obstacle::NotOffered),
            false => synchronise(&mut intake, position.as_ref()).await,
        };
        if let Err(Obstacle::NotOffered) = told {
            is_by_time = true;
            told = poll(&mut intake, position.as_ref()).await;
        }
        let told = match told {
            Ok(told) => told,
            Err(Obstacle::NeedsFullRead(refusal)) => return Ok(ReadEnd::NeedsFullRead(refusal)),
            Err(Obstacle::Failed(error)) => return Err(error),
            Err(Obstacle::NotOffered) => return Err(intake.nameless(&session.base)),
        };
        let method = match is_by_time {
            true => poll::method(&session.server),
            false => read::method(&session.server),
        };
        let Intake { names, pages, .. } = intake;
        let end = read::complete(&told, pages.seen, method);
        if let (ReadEnd::Complete { watermark, .. }, false) = (&end, mode == ReadMode::Backfill) {
            memory::keep(&self.config, watermark, names);
        }
        Ok(end)
    }

    async fn try_read_one(
        &mut self,
        spec: &ReadSpec,
        name: &ObjectName,
    ) -> Result<ReadOne, SourceError> {
        let floor = self.floor.take();
        let session = self.session_not_older(floor.as_ref()).await?;
        let scope = Self::scope(&session, spec).await?;
        let mut nowhere = Nowhere;
        let how = (Extent::Changes, None);
        let surroundings = (&*session, &scope);
        let mut intake = Self::intake(&self.config, surroundings, spec, &mut nowhere, how);
        intake.read_one(name).await
    }

    async fn try_enumerate(
        &mut self,
        spec: &ReadSpec,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError> {
        let floor = self.floor.take();
        let session = self.session_not_older(floor.as_ref()).await?;
        let scope = Self::scope(&session, spec).await?;
        let mut nowhere = Nowhere;
        let how = (Extent::Whole, None);
        let surroundings = (&*session, &scope);
        let mut intake = Self::intake(&self.config, surroundings, spec, &mut nowhere, how);
        intake.list(each).await
    }
}

async fn synchronise(
    intake: &mut Intake<'_>,
    position: Option<&Position>,
) -> Result<Told, Obstacle> {
    match position {
        None => intake.synchronise().await,
        Some(position) => intake.synchronise_from(position).await,
    }
}

async fn poll(intake: &mut Intake<'_>, position: Option<&Position>) -> Result<Told, Obstacle> {
    match position {
        None => intake.poll().await,
        Some(position) => intake.poll_from(position).await,
    }
}

#[async_trait]
impl Source for OpenLdapSource {
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
        self.floor = Some(position);
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
        watermark: Option<Watermark>,
        bell: &dyn Bell,
    ) -> Result<WatchEnd, SourceError> {
        let session = self.session().await;
        let result = match session {
            Ok(session) => watch::watch(&session, watermark, bell).await,
            Err(error) => Err(error),
        };
        self.settle(result)
    }

    async fn containers(&mut self) -> Result<Vec<Container>, SourceError> {
        let floor = self.floor.take();
        let session = self.session_not_older(floor.as_ref()).await?;
        let page_size = self.config.page_size_entries;
        let result = list::containers(&session, page_size).await;
        self.settle(result)
    }
}
