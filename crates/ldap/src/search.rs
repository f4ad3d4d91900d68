//! A search and the stream of what it finds.
//!
//! Dropping a [`Search`] before its end abandons it. Trap: anything but success at the end (`sizeLimitExceeded`,
//! `referral`) means that what came before is not the whole; [`Search::entries`] makes that an error.

use std::sync::Arc;

use ldap3_proto::{
    control::LdapControl,
    proto::{LdapDerefAliases, LdapFilter, LdapOp, LdapSearchRequest, LdapSearchScope},
};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    connection::Connection,
    driver::{Delivered, Delivery, QUEUE_KIB, Route},
    error::Error,
    message::{Body, Entry, Names, decode},
    result::{Outcome, ResultCode},
};

/// How deep to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base object only.
    Base,
    /// Its immediate children.
    OneLevel,
    /// The base object and everything below.
    Subtree,
}

/// A search request.
#[derive(Clone, Debug)]
pub struct Query {
    /// Base.
    pub base: String,
    /// Scope.
    pub scope: Scope,
    /// Filter.
    pub filter: LdapFilter,
    /// Attributes wanted; none: all user attributes.
    pub attributes: Vec<String>,
    /// Controls.
    pub controls: Vec<LdapControl>,
    /// Entries the server may return; 0: its own limit.
    pub size_limit: u32,
    /// Seconds the server may take; 0: its own limit.
    pub time_limit_seconds: u32,
}

impl Query {
    /// A search for everything under a base.
    pub fn new(base: impl Into<String>, scope: Scope) -> Self {
        Self {
            base: base.into(),
            scope,
            filter: LdapFilter::Present("objectClass".into()),
            attributes: Vec::new(),
            controls: Vec::new(),
            size_limit: 0,
            time_limit_seconds: 0,
        }
    }

    /// With this filter.
    #[must_use]
    pub fn filter(mut self, filter: LdapFilter) -> Self {
        self.filter = filter;
        self
    }

    /// With these attributes.
    #[must_use]
    pub fn attributes<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.attributes = names.into_iter().map(Into::into).collect();
        self
    }

    /// With one more control.
    #[must_use]
    pub fn control(mut self, control: LdapControl) -> Self {
        self.controls.push(control);
        self
    }

    fn request(&self) -> LdapOp {
        let number = |limit: u32| i32::try_from(limit).unwrap_or(i32::MAX);
        LdapOp::SearchRequest(LdapSearchRequest {
            base: self.base.clone(),
            scope: match self.scope {
                Scope::Base => LdapSearchScope::Base,
                Scope::OneLevel => LdapSearchScope::OneLevel,
                Scope::Subtree => LdapSearchScope::Subtree,
            },
            aliases: LdapDerefAliases::Never,
            sizelimit: number(self.size_limit),
            timelimit: number(self.time_limit_seconds),
            typesonly: false,
            filter: self.filter.clone(),
            attrs: self.attributes.clone(),
        })
    }
}

/// What a search yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An entry.
    Entry(Entry),
    /// The rest is on other servers.
    Reference(Vec<String>),
    /// The end.
    Done(Outcome),
}

/// A running search.
pub struct Search {
    connection: Connection,
    operation: &'static str,
    id: i32,
    items: mpsc::UnboundedReceiver<Delivery>,
    names: Names,
    has_begun: bool,
    is_over: bool,
}

impl Connection {
    /// Starts a search.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn search(&self, query: &Query) -> Result<Search, Error> {
        self.search_as("search", query)
    }

    pub(crate) fn search_as(
        &self,
        operation: &'static str,
        query: &Query,
    ) -> Result<Search, Error> {
        let (sender, items) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(QUEUE_KIB as usize));
        let route = Route::Stream(sender, room);
        let id = self.send(operation, query.request(), query.controls.clone(), route)?;
        Ok(Search {
            connection: self.clone(),
            operation,
            id,
            items,
            names: Names::default(),
            has_begun: false,
            is_over: false,
        })
    }

    /// All entries of a search that must succeed.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server ends it with anything but success.
    pub async fn search_all(&self, query: &Query) -> Result<Vec<Entry>, Error> {
        self.search(query)?.entries().await
    }
}

impl Search {
    /// The next thing found; after [`Item::Done`] nothing more comes.
    ///
    /// # Errors
    /// Silence for too long, or a broken connection.
    pub async fn next(&mut self) -> Result<Item, Error> {
        self.next_body().await.map(item)
    }

    /// As [`Search::next`], without a limit: for searches that tell of what happens, where silence is the usual thing. The
    /// caller has to find out by other requests whether the server still lives. May be dropped without losing anything.
    ///
    /// # Errors
    /// A broken connection.
    pub async fn next_whenever(&mut self) -> Result<Item, Error> {
        self.next_body_whenever().await.map(item)
    }

    /// As [`Search::next`], with everything the message carries.
    pub(crate) async fn next_body(&mut self) -> Result<Body, Error> {
        // What is there already is not waited for.
        if let Ok(delivery) = self.items.try_recv() {
            return self.take(delivery);
        }
        let limits = self.connection.timeouts();
        let limit = match self.has_begun {
            true => limits.idle_between_entries,
            false => limits.request,
        };
        match tokio::time::timeout(limit, self.next_body_whenever()).await {
            Ok(body) => body,
            Err(_) => Err(self.connection.silence(self.operation, limit)),
        }
    }

    /// As [`Search::next_whenever`], with everything the message carries.
    pub(crate) async fn next_body_whenever(&mut self) -> Result<Body, Error> {
        match self.items.recv().await {
            Some(delivery) => self.take(delivery),
            None => {
                self.is_over = true;
                Err(self.connection.ended(self.operation))
            }
        }
    }

    fn take(&mut self, (delivered, _): Delivery) -> Result<Body, Error> {
        self.has_begun = true;
        let body = match delivered {
            Delivered::Other(body) => body,
            Delivered::Entry(frame) => match decode(&frame, &mut self.names) {
                Ok(message) => message.body,
                Err(bad) => {
                    self.is_over = true;
                    return Err(self.connection.condemned(self.operation, bad));
                }
            },
        };
        self.is_over |= matches!(body, Body::Done { .. });
        Ok(body)
    }

    /// Everything to the end, which must be success. References to other servers are passed over.
    ///
    /// # Errors
    /// [`Error::Refused`], silence, or a broken connection.
    pub async fn entries(mut self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        loop {
            match self.next().await? {
                Item::Entry(entry) => entries.push(entry),
                Item::Reference(_) => {}
                Item::Done(outcome) => {
                    self.succeeded(outcome)?;
                    return Ok(entries);
                }
            }
        }
    }

    pub(crate) fn succeeded(&self, outcome: Outcome) -> Result<Outcome, Error> {
        match outcome.code {
            ResultCode::SUCCESS => Ok(outcome),
            _ => Err(self.connection.refused(self.operation, outcome)),
        }
    }

    pub(crate) fn incomplete(&self, what: &'static str) -> Error {
        Error::Incomplete {
            server: self.connection.server().to_owned(),
            operation: self.operation,
            what,
        }
    }
}

fn item(body: Body) -> Item {
    match body {
        Body::Entry(entry, _) => Item::Entry(entry),
        Body::Reference(urls) => Item::Reference(urls),
        Body::Done { outcome, .. } => Item::Done(outcome),
        Body::Intermediate(..) => Item::Reference(Vec::new()),
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.abandon(self.id);
        }
    }
}
