//! The source connector of an Active Directory domain.
//!
//! Keeps one connection for as long as it lives and opens another when that one is gone. Never keeps a position: it comes
//! with every read. Trap: containers and schema are resolved anew for every call, because they change under us.

use async_trait::async_trait;
use sync_core::object::ReadSpec;

use super::{
    entry::Selection,
    list,
    one::Reading,
    read::Pages,
    schema::{self, Schema},
    session::{Session, dns_name},
    watch,
    watermark::Position,
};
use crate::{
    ldap::{config::LdapConfig, failure, scope::Scope},
    source::{
        Bell, Container, Listed, ObjectName, PageSink, ReadEnd, ReadMode, ReadOne, Source,
        SourceError, SourceInfo, WatchEnd, Watermark,
    },
};

/// An Active Directory domain (or Samba AD) as a source.
pub struct AdSource {
    config: LdapConfig,
    session: Option<Session>,
}

impl AdSource {
    /// A source of this configuration; nothing is connected yet.
    pub fn new(config: LdapConfig) -> Self {
        Self {
            config,
            session: None,
        }
    }

    async fn session(&mut self) -> Result<&Session, SourceError> {
        let session = match self.session.take() {
            Some(session) if !session.connection.is_closed() => session,
            _ => Session::open(&self.config).await?,
        };
        Ok(self.session.insert(session))
    }

    /// Everything a read needs: session, attributes with types, classes and places.
    async fn prepare(
        &mut self,
        spec: &ReadSpec,
    ) -> Result<(&Session, Selection, Scope), SourceError> {
        let session = self.session().await?;
        let schema = session.schema_of(spec).await?;
        let containers = list::resolve(session, &spec.containers).await?;
        let selection = Selection::new(spec, &schema);
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
        let page_size = self.config.page_size_entries;
        let (session, selection, scope) = self.prepare(spec).await?;
        let standing = session.standing().await?;
        let cookie = match mode {
            ReadMode::Full | ReadMode::Backfill => None,
            ReadMode::Delta(watermark) => match Position::resume(&watermark, &standing) {
                Ok(cookie) => Some(cookie),
                Err(refusal) => return Ok(ReadEnd::NeedsFullRead(refusal)),
            },
        };
        session.demand_sight_of_deletions().await?;
        let reading = Reading {
            session,
            selection: &selection,
            scope: &scope,
            usn: standing.usn,
        };
        let pages = Pages::new(sink, page_size);
        reading.read(cookie, standing, pages).await
    }

    async fn try_read_one(
        &mut self,
        spec: &ReadSpec,
        name: &ObjectName,
    ) -> Result<ReadOne, SourceError> {
        let (session, selection, scope) = self.prepare(spec).await?;
        let reading = Reading {
            session,
            selection: &selection,
            scope: &scope,
            usn: session.standing().await?.usn,
        };
        reading.read_one(name).await
    }

    async fn try_enumerate(
        &mut self,
        spec: &ReadSpec,
        each: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> Result<(), SourceError> {
        let page_size = self.config.page_size_entries;
        let (session, selection, scope) = self.prepare(spec).await?;
        let reading = Reading {
            session,
            selection: &selection,
            scope: &scope,
            usn: session.standing().await?.usn,
        };
        reading.list(page_size, each).await
    }

    async fn try_watch(&mut self, bell: &dyn Bell) -> Result<WatchEnd, SourceError> {
        watch::watch(self.session().await?, bell).await
    }

    async fn try_containers(&mut self) -> Result<Vec<Container>, SourceError> {
        let page_size = self.config.page_size_entries;
        list::containers(self.session().await?, page_size).await
    }
}
