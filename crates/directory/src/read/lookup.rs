//! Finding objects by what is unique about them.
//!
//! Never scans: every lookup is one probe of the key table. Trap: an address lookup also finds objects that have the
//! address only as their `mail`, because both share one namespace.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::{OBJECT, Object, object};
use crate::apply::MAX_OPERATIONS_PER_BATCH;
use crate::fault::Fault;
use crate::keys;
use crate::principal::Reads;
use crate::schema::Kind;
use crate::store::Directory;

/// One question of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Only objects of this kind; none for any.
    pub kind: Option<Kind>,
    /// By what.
    pub key: LookupKey,
}

/// By what to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupKey {
    /// The object's id.
    Id(Uuid),
    /// `onPremisesImmutableId`; finds soft-deleted users too, since they keep it.
    ImmutableId(String),
    /// `userPrincipalName`.
    UserPrincipalName(String),
    /// One of `proxyAddresses`, with its protocol (`smtp:`, any case), or `mail`.
    ProxyAddress(String),
    /// `mail` itself.
    Mail(String),
    /// `mailNickname` of users and groups.
    MailNickname(String),
    /// `onPremisesSecurityIdentifier`.
    SecurityIdentifier(String),
    /// `deviceId`.
    DeviceId(String),
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// What was found, live or (by id and immutable id) soft-deleted.
    pub object: Object,
}

impl Directory {
    /// The object of that id, live or soft-deleted.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn get(&self, caller: &impl Reads, id: Uuid) -> Result<Option<Object>, Fault> {
        self.read(caller, |connection| by_id(connection, id))
    }

    /// The first object a key leads to.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn get_by(
        &self,
        caller: &impl Reads,
        kind: Option<Kind>,
        key: LookupKey,
    ) -> Result<Option<Object>, Fault> {
        self.read(caller, |connection| {
            Ok(look_up(connection, &Lookup { kind, key })?
                .into_iter()
                .next())
        })
    }

    /// Answers many questions in one snapshot; the answers are in the order of the questions.
    ///
    /// # Errors
    /// When there are more questions than operations in a batch, the caller is not admitted, or the store fails.
    pub fn find(&self, caller: &impl Reads, lookups: &[Lookup]) -> Result<Vec<Vec<Match>>, Fault> {
        let (actual, max) = (lookups.len(), MAX_OPERATIONS_PER_BATCH);
        if actual > max {
            return Err(Fault::BatchTooLarge { max, actual });
        }
        self.read(caller, |connection| {
            let answers = lookups.iter().map(|lookup| {
                let objects = look_up(connection, lookup)?;
                Ok(objects.into_iter().map(|object| Match { object }).collect())
            });
            answers.collect()
        })
    }
}

fn look_up(connection: &Connection, lookup: &Lookup) -> Result<Vec<Object>, Fault> {
    let mut found = match &lookup.key {
        LookupKey::Id(id) => by_id(connection, *id)?.into_iter().collect(),
        LookupKey::ImmutableId(value) => by_immutable_id(connection, lookup.kind, value)?,
        LookupKey::UserPrincipalName(value) => {
            by_key(connection, &keys::user_principal_name(value))?
        }
        LookupKey::ProxyAddress(value) => by_key(connection, &keys::address(value))?,
        LookupKey::Mail(value) => {
            let mut owners = by_key(connection, &keys::mail(value))?;
            let folded = keys::fold(value);
            owners.retain(|owner| {
                owner
                    .text("mail")
                    .is_some_and(|mail| keys::fold(mail) == folded)
            });
            owners
        }
        LookupKey::MailNickname(value) => by_key(connection, &keys::nickname(value))?,
        LookupKey::SecurityIdentifier(value) => {
            by_key(connection, &keys::security_identifier(value))?
        }
        LookupKey::DeviceId(value) => by_key(connection, &keys::device_id(value))?,
    };
    found.retain(|object| lookup.kind.is_none_or(|kind| kind == object.kind));
    Ok(found)
}

fn by_immutable_id(
    connection: &Connection,
    kind: Option<Kind>,
    value: &str,
) -> Result<Vec<Object>, Fault> {
    let mut found = Vec::new();
    for each in Kind::ALL {
        if kind.is_none_or(|kind| kind == each) {
            found.extend(by_key(connection, &keys::immutable_id(each, value))?);
        }
    }
    Ok(found)
}

fn by_key(connection: &Connection, key: &[u8]) -> Result<Vec<Object>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT object FROM unique_key WHERE key = ?1")?;
    match statement.query_row([key], |row| row.get(0)).optional()? {
        Some(row) => by_row(connection, row),
        None => Ok(Vec::new()),
    }
}

fn by_row(connection: &Connection, row: i64) -> Result<Vec<Object>, Fault> {
    let mut statement = connection.prepare_cached(&format!("{OBJECT} WHERE o.id = ?1"))?;
    let mut rows = statement.query([row])?;
    rows.next()?.map(object).into_iter().collect()
}

fn by_id(connection: &Connection, id: Uuid) -> Result<Option<Object>, Fault> {
    let mut statement = connection.prepare_cached(&format!("{OBJECT} WHERE o.uuid = ?1"))?;
    let mut rows = statement.query([&id.as_bytes()[..]])?;
    rows.next()?.map(object).transpose()
}
