//! An administrator's hand in a directory of the lab: objects made, changed, renamed and deleted over LDAP.
//!
//! Knows no product; [`crate::samba::Domain`] and [`crate::slapd::Directory`] are such hands with what is their own. Trap: names
//! given to the verbs are raw; they are escaped into distinguished names in one place, [`below`].

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ldap::{Change, ChangeKind, Connection, Query, Scope};

/// How long replication may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Values in one request.
const CHUNK: usize = 1_000;

/// The name of an object below a container: the one place where raw names are escaped.
pub fn below(kind: &str, name: &str, container: &str) -> String {
    format!("{kind}={},{container}", ldap::dn::escape_value(name))
}

/// The container of an object: everything after the first comma that is not escaped.
pub fn container_of(dn: &str) -> &str {
    let mut is_escaped = false;
    for (at, byte) in dn.bytes().enumerate() {
        match byte {
            b'\\' if !is_escaped => is_escaped = true,
            b',' if !is_escaped => return &dn[at + 1..],
            _ => is_escaped = false,
        }
    }
    ""
}

pub struct Hand(Mutex<Connection>);

impl Hand {
    /// By a connection that may change everything.
    pub fn new(connection: Connection) -> Self {
        Self(Mutex::new(connection))
    }

    /// Goes on by another connection.
    pub fn take_up(&self, connection: Connection) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// The connection.
    pub fn connection(&self) -> Connection {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// An object.
    pub async fn add(&self, dn: &str, attributes: &[(&str, &str)]) {
        let mut all: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
        for (name, value) in attributes {
            match all.iter_mut().find(|(have, _)| have == name) {
                Some((_, values)) => values.push(value.as_bytes().to_vec()),
                None => all.push(((*name).to_owned(), vec![value.as_bytes().to_vec()])),
            }
        }
        let done = self.connection().add(dn, all).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
    }

    async fn change(&self, dn: &str, kind: ChangeKind, attribute: &str, values: &[&str]) {
        let change = Change::new(kind, attribute, values.iter().map(|value| value.as_bytes()));
        let done = self.connection().modify(dn, vec![change]).await;
        done.unwrap_or_else(|error| panic!("{dn} {attribute}: {error}"));
    }

    /// Replaces all values of an attribute; none: clears it.
    pub async fn set(&self, dn: &str, attribute: &str, values: &[&str]) {
        self.change(dn, ChangeKind::Replace, attribute, values)
            .await;
    }

    /// Replaces the value of an attribute by bytes that are no text.
    pub async fn set_bytes(&self, dn: &str, attribute: &str, value: &[u8]) {
        let change = Change::new(ChangeKind::Replace, attribute, [value.to_vec()]);
        let done = self.connection().modify(dn, vec![change]).await;
        done.unwrap_or_else(|error| panic!("{dn} {attribute}: {error}"));
    }

    /// Adds values, such as members.
    pub async fn put(&self, dn: &str, attribute: &str, values: &[&str]) {
        for chunk in values.chunks(CHUNK) {
            self.change(dn, ChangeKind::Add, attribute, chunk).await;
        }
    }

    /// Takes values away.
    pub async fn take(&self, dn: &str, attribute: &str, values: &[&str]) {
        for chunk in values.chunks(CHUNK) {
            self.change(dn, ChangeKind::Delete, attribute, chunk).await;
        }
    }

    /// Gives an object another relative name as it is written; returns its name.
    pub async fn rename_to(&self, dn: &str, rdn: &str) -> String {
        let done = self.connection().rename(dn, rdn, None).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
        format!("{rdn},{}", container_of(dn))
    }

    /// Gives an object another name in its container; returns its name.
    pub async fn rename(&self, dn: &str, name: &str) -> String {
        let (kind, _) = dn.split_once('=').unwrap();
        let rdn = format!("{kind}={}", ldap::dn::escape_value(name));
        self.rename_to(dn, &rdn).await
    }

    /// Moves an object into another container; returns its name.
    pub async fn move_to(&self, dn: &str, container: &str) -> String {
        let rdn = &dn[..dn.len() - container_of(dn).len() - 1];
        let done = self.connection().rename(dn, rdn, Some(container)).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
        format!("{rdn},{container}")
    }

    /// Deletes an object.
    pub async fn delete(&self, dn: &str) {
        let done = self.connection().delete(dn).await;
        done.unwrap_or_else(|error| panic!("{dn}: {error}"));
    }

    /// Waits until the server shows this value.
    pub async fn shows(&self, dn: &str, attribute: &str, value: &str) {
        let deadline = Instant::now() + PATIENCE;
        let query = Query::new(dn, Scope::Base).attributes([attribute]);
        let reader = self.connection();
        loop {
            // Not there yet is an answer too.
            let found = reader.search_all(&query).await.unwrap_or_default();
            if found.first().and_then(|entry| entry.text(attribute)) == Some(value) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{} does not show {attribute} {value} of {dn}",
                reader.server()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
