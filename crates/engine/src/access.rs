//! Programs that may call the API, and the applications they set up.
//!
//! Never holds a secret: of each only the digest is stored, and comparing it is the caller's business. Trap: deleting or
//! rotating takes effect at once, because every request looks here; a token alone proves nothing.

use rusqlite::{OptionalExtension, Row, params};
use sync_core::{code::Code, id::ConnectorId, operation::Refusal};

use crate::{
    config::not_found,
    group::Transaction,
    store::{Engine, Result, StoreError},
};

// LIMIT: programs that may call the API.
const MOST_CLIENTS: i64 = 1_000;

/// A program that may call the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiClientRow {
    /// Client id.
    pub guid: String,
    /// Name.
    pub name: String,
    /// Names of its permissions.
    pub permissions: Vec<String>,
    /// When it was made, unix ms.
    pub created_at: i64,
    /// Who made it.
    pub created_by: String,
    /// Tokens issued before are refused, unix ms.
    pub valid_from: i64,
    /// When it was last given a token.
    pub last_used_at: Option<i64>,
    /// Its secrets, the newest first.
    pub secrets: Vec<SecretRow>,
}

/// A secret of such a program: its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// SHA-256, hexadecimal.
    pub hash: String,
    /// When it was made, unix ms.
    pub created_at: i64,
    /// Until when it is accepted, unix ms.
    pub expires_at: i64,
}

/// A program to be admitted.
#[derive(Clone, Debug)]
pub struct NewApiClient {
    /// Unique name.
    pub name: String,
    /// Names of its permissions.
    pub permissions: Vec<String>,
    /// Digest of its first secret.
    pub hash: String,
    /// Until when that is accepted, unix ms.
    pub expires_at: i64,
    /// Who admits it.
    pub actor: String,
}

/// An application of the Graph-shaped API: the other side of a source connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Its connector.
    pub connector: ConnectorId,
    /// Object id.
    pub guid: String,
    /// Application id.
    pub app_guid: String,
    /// Name for people.
    pub display_name: String,
    /// Client id of the program that made it; empty: the administrator.
    pub owner: String,
    /// Keys and values as they were put; JSON.
    pub secrets: serde_json::Value,
    /// When it was made, unix ms.
    pub created_at: i64,
}

const CLIENT: &str = "SELECT id, guid, name, permissions, created_at, created_by, valid_from, last_used_at FROM api_client";

fn client(row: &Row<'_>) -> rusqlite::Result<(i64, ApiClientRow)> {
    Ok((
        row.get(0)?,
        ApiClientRow {
            guid: row.get(1)?,
            name: row.get(2)?,
            permissions: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
            created_at: row.get(4)?,
            created_by: row.get(5)?,
            valid_from: row.get(6)?,
            last_used_at: row.get(7)?,
            secrets: Vec::new(),
        },
    ))
}

fn with_secrets(
    c: &rusqlite::Connection,
    (id, mut row): (i64, ApiClientRow),
) -> Result<ApiClientRow> {
    let mut statement = c.prepare_cached(
        "SELECT hash, created_at, expires_at FROM api_secret WHERE client = ?1 ORDER BY id DESC",
    )?;
    let secrets = statement.query_map([id], |row| {
        Ok(SecretRow {
            hash: row.get(0)?,
            created_at: row.get(1)?,
            expires_at: row.get(2)?,
        })
    })?;
    row.secrets = secrets.collect::<rusqlite::Result<_>>()?;
    Ok(row)
}

fn conflict(text: String) -> StoreError {
    StoreError::Refused(Refusal::new(Code::Conflict).with("text", text))
}

fn audit(tx: &Transaction<'_>, now: i64, actor: &str, act: &str, detail: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO audit (at, actor, act, detail) VALUES (?1, ?2, ?3, ?4)",
        params![now, actor, act, detail],
    )?;
    Ok(())
}

fn row_of(tx: &Transaction<'_>, name: &str) -> Result<(i64, String)> {
    tx.query_row(
        "SELECT id, name FROM api_client WHERE guid = ?1 OR name = ?1",
        [name],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .optional()?
    .ok_or_else(|| not_found("API client", name))
}

/// Admits a program, by client id and name, without a secret.
pub(crate) fn insert_client(
    tx: &Transaction<'_>,
    (guid, name): (&str, &str),
    permissions: &[String],
    actor: &str,
    now: i64,
) -> Result<i64> {
    if tx
        .prepare("SELECT 1 FROM api_client WHERE name = ?1")?
        .exists([name])?
    {
        return Err(conflict(format!(
            "an API client named {name} exists already"
        )));
    }
    let count: i64 = tx.query_row("SELECT count(*) FROM api_client", [], |row| row.get(0))?;
    if count >= MOST_CLIENTS {
        return Err(conflict(format!(
            "there are {MOST_CLIENTS} API clients already; delete one that is not used"
        )));
    }
    let permissions = serde_json::to_string(permissions).unwrap_or_default();
    tx.execute(
        "INSERT INTO api_client (guid, name, permissions, created_at, created_by, valid_from) VALUES (?1, ?2, ?3, ?4, ?5, ?4)",
        params![guid, name, permissions, now, actor],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Changes what a program may do; its secret and its tokens stay.
pub(crate) fn set_permissions(
    tx: &Transaction<'_>,
    guid: &str,
    permissions: &[String],
) -> Result<()> {
    let permissions = serde_json::to_string(permissions).unwrap_or_default();
    let changed = tx.execute(
        "UPDATE api_client SET permissions = ?2 WHERE guid = ?1",
        [guid, &permissions],
    )?;
    match changed {
        0 => Err(not_found("API client", guid)),
        _ => Ok(()),
    }
}

impl Engine {
    /// Admits a program. Its client id is new.
    ///
    /// # Errors
    /// Conflict if the name is taken or there are too many.
    pub fn create_api_client(&self, new: &NewApiClient) -> Result<ApiClientRow> {
        let guid = self.new_id().to_string();
        let now = self.now();
        self.write("engine.create_api_client", |tx| {
            let id = insert_client(tx, (&guid, &new.name), &new.permissions, &new.actor, now)?;
            add_secret(tx, id, &new.hash, now, new.expires_at)?;
            audit(
                tx,
                now,
                &new.actor,
                "create API client",
                &format!("{}: {}", new.name, new.permissions.join(", ")),
            )
        })?;
        self.api_client(&guid)
    }

    /// All admitted programs, by name.
    ///
    /// # Errors
    /// Of the store.
    pub fn api_clients(&self) -> Result<Vec<ApiClientRow>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!("{CLIENT} ORDER BY name"))?;
            let rows: Vec<_> = statement
                .query_map([], client)?
                .collect::<rusqlite::Result<_>>()?;
            rows.into_iter().map(|row| with_secrets(c, row)).collect()
        })
    }

    /// One admitted program, by client id or name.
    ///
    /// # Errors
    /// NotFound.
    pub fn api_client(&self, name: &str) -> Result<ApiClientRow> {
        self.read(|c| {
            let row = c
                .prepare_cached(&format!("{CLIENT} WHERE guid = ?1 OR name = ?1"))?
                .query_row([name], client)
                .optional()?;
            with_secrets(c, row.ok_or_else(|| not_found("API client", name))?)
        })
    }

    /// Notes that a program was given a token.
    ///
    /// # Errors
    /// Of the store.
    pub fn note_api_client(&self, guid: &str) -> Result<()> {
        let now = self.now();
        self.write("engine.note_api_client", |tx| {
            tx.execute(
                "UPDATE api_client SET last_used_at = ?2 WHERE guid = ?1",
                params![guid, now],
            )?;
            Ok(())
        })
    }

    /// Gives a program a new secret. Older ones are accepted until `old_until` at the latest; where that is not in the future,
    /// tokens that were issued for them are refused, too.
    ///
    /// # Errors
    /// NotFound.
    pub fn rotate_api_client(
        &self,
        name: &str,
        hash: &str,
        expires_at: i64,
        old_until: i64,
        actor: &str,
    ) -> Result<ApiClientRow> {
        let now = self.now();
        self.write("engine.rotate_api_client", |tx| {
            let (id, name) = row_of(tx, name)?;
            tx.execute(
                "DELETE FROM api_secret WHERE client = ?1 AND expires_at <= ?2",
                [id, now],
            )?;
            match old_until > now {
                true => tx.execute(
                    "UPDATE api_secret SET expires_at = min(expires_at, ?2) WHERE client = ?1",
                    [id, old_until],
                )?,
                false => {
                    tx.execute(
                        "UPDATE api_client SET valid_from = ?2 WHERE id = ?1",
                        [id, now],
                    )?;
                    tx.execute("DELETE FROM api_secret WHERE client = ?1", [id])?
                }
            };
            add_secret(tx, id, hash, now, expires_at)?;
            audit(tx, now, actor, "rotate API client", &name)
        })?;
        self.api_client(name)
    }

    /// Takes a program's admission away; its tokens are refused from now on.
    ///
    /// # Errors
    /// NotFound.
    pub fn delete_api_client(&self, name: &str, actor: &str) -> Result<ApiClientRow> {
        let row = self.api_client(name)?;
        let now = self.now();
        self.write("engine.delete_api_client", |tx| {
            let (id, name) = row_of(tx, name)?;
            tx.execute("DELETE FROM api_secret WHERE client = ?1", [id])?;
            tx.execute("DELETE FROM api_client WHERE id = ?1", [id])?;
            audit(tx, now, actor, "delete API client", &name)
        })?;
        Ok(row)
    }

    /// Notes the application of a connector.
    ///
    /// # Errors
    /// Conflict if it has one already.
    pub fn create_application(
        &self,
        connector: ConnectorId,
        display_name: &str,
        owner: &str,
        actor: &str,
    ) -> Result<ApplicationRow> {
        let (guid, app_guid) = (self.new_id().to_string(), self.new_id().to_string());
        let now = self.now();
        self.write("engine.create_application", |tx| {
            if tx.prepare("SELECT 1 FROM application WHERE connector = ?1")?.exists([connector.0])? {
                return Err(conflict(format!("there is an application for {display_name} already")));
            }
            tx.execute(
                "INSERT INTO application (connector, guid, app_guid, display_name, owner, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![connector.0, guid, app_guid, display_name, owner, now],
            )?;
            audit(tx, now, actor, "create application", display_name)
        })?;
        self.application(connector)?
            .ok_or_else(|| not_found("application", display_name))
    }

    /// The application of a connector, if it has one.
    ///
    /// # Errors
    /// Of the store.
    pub fn application(&self, connector: ConnectorId) -> Result<Option<ApplicationRow>> {
        self.read(|c| {
            Ok(c.prepare_cached(
                "SELECT connector, guid, app_guid, display_name, owner, secrets, created_at FROM application WHERE connector = ?1",
            )?
            .query_row([connector.0], |row| {
                Ok(ApplicationRow {
                    connector: ConnectorId(row.get(0)?),
                    guid: row.get(1)?,
                    app_guid: row.get(2)?,
                    display_name: row.get(3)?,
                    owner: row.get(4)?,
                    secrets: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
                    created_at: row.get(6)?,
                })
            })
            .optional()?)
        })
    }

    /// Replaces what an application was told by key and value; makes the application if there is none.
    ///
    /// # Errors
    /// Of the store.
    pub fn set_application_secrets(
        &self,
        connector: ConnectorId,
        display_name: &str,
        secrets: &serde_json::Value,
        actor: &str,
    ) -> Result<()> {
        let (guid, app_guid) = (self.new_id().to_string(), self.new_id().to_string());
        let now = self.now();
        self.write("engine.application_secrets", |tx| {
            tx.execute(
                "INSERT INTO application (connector, guid, app_guid, display_name, owner, created_at) VALUES (?1, ?2, ?3, ?4, '', ?5)
                 ON CONFLICT (connector) DO NOTHING",
                params![connector.0, guid, app_guid, display_name, now],
            )?;
            tx.execute(
                "UPDATE application SET secrets = ?2 WHERE connector = ?1",
                params![connector.0, secrets.to_string()],
            )?;
            audit(tx, now, actor, "change application settings", display_name)
        })
    }

    /// The newest lines of the audit trail: when, who, what, to what.
    ///
    /// # Errors
    /// Of the store.
    pub fn audit_trail(&self, before: Option<i64>, limit: usize) -> Result<Vec<AuditRow>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT id, at, actor, act, detail FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![before.unwrap_or(i64::MAX), limit], |row| {
                Ok(AuditRow {
                    id: row.get(0)?,
                    at: row.get(1)?,
                    actor: row.get(2)?,
                    act: row.get(3)?,
                    detail: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// A line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Row.
    pub id: i64,
    /// When, unix ms.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// What.
    pub act: String,
    /// To what.
    pub detail: String,
}

fn add_secret(
    tx: &Transaction<'_>,
    client: i64,
    hash: &str,
    now: i64,
    expires_at: i64,
) -> Result<()> {
    tx.execute(
        "INSERT INTO api_secret (client, hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
        params![client, hash, now, expires_at],
    )?;
    Ok(())
}
