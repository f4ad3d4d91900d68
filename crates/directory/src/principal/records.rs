//! Listing service principals and their credentials.
//!
//! Never returns a secret or its digest. Trap: expired credentials are listed until they are removed.

use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::{Administrator, Role};
use crate::fault::Fault;
use crate::read::timestamp;
use crate::store::Directory;

/// One service principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// What it authenticates as.
    pub app_id: Uuid,
    /// Its name.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may do anything at all.
    pub is_enabled: bool,
    /// Its credentials, oldest first.
    pub credentials: Vec<CredentialRecord>,
}

/// One credential of a service principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRecord {
    /// The id by which it is removed.
    pub id: Uuid,
    /// Since when it exists.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl Directory {
    /// All service principals, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn service_principals(
        &self,
        administrator: &Administrator,
    ) -> Result<Vec<PrincipalRecord>, Fault> {
        self.read(administrator, |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, app_id, display_name, may_write, enabled FROM principal ORDER BY id",
            )?;
            let mut rows = statement.query([])?;
            let mut principals = Vec::new();
            while let Some(row) = rows.next()? {
                principals.push(PrincipalRecord {
                    app_id: Uuid::from_bytes(row.get(1)?),
                    display_name: row.get(2)?,
                    role: if row.get(3)? {
                        Role::Writer
                    } else {
                        Role::Reader
                    },
                    is_enabled: row.get(4)?,
                    credentials: credentials(connection, row.get(0)?)?,
                });
            }
            Ok(principals)
        })
    }
}

fn credentials(connection: &Connection, principal: i64) -> Result<Vec<CredentialRecord>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT uuid, created_at, expires_at FROM credential WHERE principal = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([principal])?;
    let mut credentials = Vec::new();
    while let Some(row) = rows.next()? {
        credentials.push(CredentialRecord {
            id: Uuid::from_bytes(row.get(0)?),
            created_at: timestamp(row.get(1)?)?,
            expires_at: timestamp(row.get(2)?)?,
        });
    }
    Ok(credentials)
}
