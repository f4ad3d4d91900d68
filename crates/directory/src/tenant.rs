//! The tenant itself and its domains.
//!
//! Never checks that somebody owns a domain; whoever calls this has. Trap: a domain in use by a user principal name
//! cannot be removed, since its users could not be written any more.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::batch::Act;
use crate::check::Domains;
use crate::fault::{Fault, OpenError};
use crate::keys;
use crate::options::TenantSeed;
use crate::principal::{Administrator, Reads};
use crate::read::timestamp;
use crate::store::Directory;

/// Longest domain name in characters.
const MAX_DOMAIN_CHARS: usize = 255;

/// The tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub display_name: String,
    /// The domain it always has.
    pub initial_domain: String,
    /// Since when it exists.
    pub created_at: Timestamp,
}

impl Directory {
    /// The tenant.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn tenant(&self, caller: &impl Reads) -> Result<Tenant, Fault> {
        self.read(caller, |connection| {
            let row = connection.query_row(
                "SELECT uuid, display_name, initial_domain, created_at FROM tenant",
                [],
                |row| {
                    Ok((
                        row.get::<_, [u8; 16]>(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                    ))
                },
            )?;
            let (id, display_name, initial_domain, created_at) = row;
            Ok(Tenant {
                id: Uuid::from_bytes(id),
                display_name,
                initial_domain,
                created_at: timestamp(created_at)?,
            })
        })
    }

    /// The verified domains, the initial one included, in alphabetical order.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn verified_domains(&self, caller: &impl Reads) -> Result<Vec<String>, Fault> {
        self.read(caller, |connection| {
            let mut statement =
                connection.prepare_cached("SELECT name FROM domain ORDER BY name")?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
    }

    /// Adds a verified domain; adding it again changes nothing.
    ///
    /// # Errors
    /// When it is not a domain name, or the store fails.
    pub fn add_verified_domain(
        &self,
        administrator: &Administrator,
        name: &str,
    ) -> Result<(), Fault> {
        let name = normalised(name);
        check_name(&name).map_err(Fault::NotAllowed)?;
        self.write(administrator, Act::TENANT, |batch| {
            let now = batch.now().as_millisecond();
            batch.connection().execute(
                "INSERT INTO domain (name, verified_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![name, now],
            )?;
            batch.domains.insert(name);
            Ok(())
        })
    }

    /// The federated ones among the verified domains.
    ///
    /// # Errors
    /// When the caller is not admitted or the store fails.
    pub fn federated_domains(&self, caller: &impl Reads) -> Result<Vec<String>, Fault> {
        self.read(caller, |connection| {
            let mut statement = connection
                .prepare_cached("SELECT name FROM domain WHERE is_federated = 1 ORDER BY name")?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
    }

    /// Says whether sign-ins of a verified domain are carried out by somebody else.
    ///
    /// # Errors
    /// When it is not a verified domain, or is the initial one, or the store fails.
    pub fn set_domain_federated(
        &self,
        administrator: &Administrator,
        name: &str,
        is_federated: bool,
    ) -> Result<(), Fault> {
        let name = normalised(name);
        self.write(administrator, Act::TENANT, |batch| {
            let connection = batch.connection();
            if is_federated && initial_domain(connection)? == name {
                return Err(Fault::NotAllowed(format!(
                    "{name} is the initial domain and cannot be federated"
                )));
            }
            let changed = connection.execute(
                "UPDATE domain SET is_federated = ?2 WHERE name = ?1",
                params![name, is_federated],
            )?;
            match changed {
                0 => Err(Fault::NotAllowed(format!(
                    "{name} is not a verified domain; verify it first"
                ))),
                _ => Ok(()),
            }
        })
    }

    /// Removes a verified domain; removing an absent one changes nothing.
    ///
    /// # Errors
    /// When it is the initial domain, or a live user's principal name is in it, or the store fails.
    pub fn remove_verified_domain(
        &self,
        administrator: &Administrator,
        name: &str,
    ) -> Result<(), Fault> {
        let name = normalised(name);
        self.write(administrator, Act::TENANT, |batch| {
            let connection = batch.connection();
            if initial_domain(connection)? == name {
                return Err(Fault::NotAllowed(format!(
                    "{name} is the initial domain and cannot be removed"
                )));
            }
            if let Some(user) = user_in_domain(connection, &name)? {
                return Err(Fault::NotAllowed(format!(
                    "{name} is in use by {user}; move its users first"
                )));
            }
            connection.execute("DELETE FROM domain WHERE name = ?1", [&name])?;
            batch.domains.remove(&name);
            Ok(())
        })
    }
}

/// The domain the tenant always has.
pub(crate) fn initial_domain(connection: &Connection) -> Result<String, Fault> {
    Ok(connection.query_row("SELECT initial_domain FROM tenant", [], |row| row.get(0))?)
}

/// Whether both domains are federated.
pub(crate) fn are_federated(connection: &Connection, both: [&str; 2]) -> Result<bool, Fault> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM domain WHERE name IN (?1, ?2) AND is_federated = 1")?
        .query_row(both, |row| row.get(0))?;
    Ok(count == 2)
}

pub(crate) fn domains(connection: &Connection) -> Result<Domains, Fault> {
    let mut statement = connection.prepare("SELECT name FROM domain")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

pub(crate) fn normalised(name: &str) -> String {
    keys::fold(name.trim().trim_end_matches('.'))
}

pub(crate) fn check_seed(seed: &TenantSeed) -> Result<(), OpenError> {
    check_name(&normalised(&seed.initial_domain)).map_err(OpenError::InvalidOptions)
}

/// Whether a text is the name of a domain.
///
/// # Errors
/// In words, what is wrong with it.
pub fn check_domain_name(name: &str) -> Result<(), String> {
    check_name(&normalised(name))
}

fn check_name(name: &str) -> Result<(), String> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    let is_name = name.contains('.')
        && name.split('.').all(is_label)
        && name.chars().count() <= MAX_DOMAIN_CHARS;
    match is_name {
        true => Ok(()),
        false => Err(format!("`{name}` is not a domain name such as contoso.com")),
    }
}

fn user_in_domain(connection: &Connection, domain: &str) -> Result<Option<Uuid>, Fault> {
    let (from, to) = keys::user_principal_names();
    let mut suffix = vec![b'@'];
    suffix.extend_from_slice(domain.as_bytes());
    let length = i64::try_from(suffix.len()).unwrap_or(i64::MAX);
    let found = connection.query_row(
        "SELECT o.uuid FROM unique_key k JOIN object o ON o.id = k.object
         WHERE k.key >= ?1 AND k.key < ?2 AND substr(k.key, -?3) = ?4 LIMIT 1",
        params![from, to, length, suffix],
        |row| row.get::<_, [u8; 16]>(0),
    );
    Ok(found.optional()?.map(Uuid::from_bytes))
}
