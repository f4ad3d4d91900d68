//! Who calls: service principals, their credentials, and the handles that carry rights.
//!
//! Never stores a secret, only a salted digest of one; plain SHA-256 suffices because secrets are 32 random bytes and
//! cannot be guessed. Trap: a handle is not forever; every call asks again whether its credential still stands.

mod handles;
mod records;

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::batch::{Act, Batch};
use crate::fault::Fault;
use crate::store::Directory;
use handles::Identity;

pub(crate) use handles::row_of;
pub use handles::{Administrator, Caller, Reader, Reads, Writer};
pub use records::{CredentialRecord, PrincipalRecord};

const SECRET_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// A secret in its text form; it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, to be shown once or stored where only its owner can read.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a service principal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read everything.
    Reader,
    /// Read and write everything except the tenant itself and its principals.
    Writer,
}

/// A service principal that was just made, with the only copy of its secret.
#[derive(Clone, Debug)]
pub struct NewPrincipal {
    /// What it authenticates as.
    pub app_id: Uuid,
    /// The id of the credential.
    pub credential_id: Uuid,
    /// What it authenticates with.
    pub secret: Secret,
    /// From when on the secret is refused.
    pub expires_at: Timestamp,
}

/// Why a caller was not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Nothing to check: no such principal, no credential left, or none given.
    #[error("no credential is on record for this application; create one")]
    Missing,
    /// It was right once.
    #[error("the credential expired at {at}; rotate it")]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// The secret is not the one on record.
    #[error("the credential is wrong; enter the current secret or rotate it")]
    Wrong,
    /// The principal was switched off.
    #[error("the service principal is disabled; enable it")]
    Disabled,
    /// Authenticated, but not for this.
    #[error("the service principal may only read; give it the role of a writer")]
    Forbidden,
    /// Something else went wrong before anything could be said about the credential.
    #[error("the credential could not be checked: {text}")]
    Unchecked {
        /// The code of what went wrong.
        code: &'static str,
        /// What went wrong.
        text: String,
    },
}

impl AuthError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            AuthError::Missing => "CredentialMissing",
            AuthError::Expired { .. } => "CredentialExpired",
            AuthError::Wrong => "CredentialWrong",
            AuthError::Disabled => "PrincipalDisabled",
            AuthError::Forbidden => "Forbidden",
            AuthError::Unchecked { code, .. } => code,
        }
    }
}

impl Directory {
    /// Checks a secret. An empty one counts as missing.
    ///
    /// # Errors
    /// Says which of missing, expired, wrong or disabled it is; expiry is only told to those who know the secret.
    pub fn authenticate(&self, app_id: Uuid, secret: &str) -> Result<Caller, AuthError> {
        if secret.is_empty() {
            return Err(AuthError::Missing);
        }
        let now = (self.options.clock)();
        let checked = self.read(&self.administrator(), |connection| {
            authenticate(connection, app_id, secret, now)
        });
        checked.map_err(|fault| match fault {
            Fault::Denied(error) => error,
            other => AuthError::Unchecked {
                code: other.code(),
                text: std::error::Error::source(&other)
                    .map_or_else(|| other.to_string(), |cause| format!("{other}: {cause}")),
            },
        })
    }

    /// Makes a service principal with one credential.
    ///
    /// # Errors
    /// When the store fails or there is no randomness.
    pub fn create_service_principal(
        &self,
        administrator: &Administrator,
        display_name: &str,
        role: Role,
        lifetime: SignedDuration,
    ) -> Result<NewPrincipal, Fault> {
        self.write(administrator, Act::PRINCIPAL, |batch| {
            let app_id = (batch.options.ids)();
            batch.connection().execute(
                "INSERT INTO principal (app_id, display_name, may_write, enabled, created_at) VALUES (?1, ?2, ?3, 1, ?4)",
                params![&app_id.as_bytes()[..], display_name, role == Role::Writer, batch.now().as_millisecond()],
            )?;
            let principal = batch.connection().last_insert_rowid();
            add_credential(batch, principal, app_id, lifetime)
        })
    }

    /// Gives a principal a further credential; the old ones stay good until they expire or are removed.
    ///
    /// # Errors
    /// When there is no such principal, the store fails, or there is no randomness.
    pub fn rotate_credential(
        &self,
        administrator: &Administrator,
        app_id: Uuid,
        lifetime: SignedDuration,
    ) -> Result<NewPrincipal, Fault> {
        self.write(administrator, Act::PRINCIPAL, |batch| {
            let principal = principal_row(batch.connection(), app_id)?;
            add_credential(batch, principal, app_id, lifetime)
        })
    }

    /// Removes one credential; handles made with it stop working at once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_credential(
        &self,
        administrator: &Administrator,
        credential_id: Uuid,
    ) -> Result<(), Fault> {
        self.write(administrator, Act::PRINCIPAL, |batch| {
            batch.connection().execute(
                "DELETE FROM credential WHERE uuid = ?1",
                [&credential_id.as_bytes()[..]],
            )?;
            Ok(())
        })
    }

    /// Switches a principal off or on again; handles stop working at once.
    ///
    /// # Errors
    /// When there is no such principal or the store fails.
    pub fn set_principal_enabled(
        &self,
        administrator: &Administrator,
        app_id: Uuid,
        is_enabled: bool,
    ) -> Result<(), Fault> {
        self.write(administrator, Act::PRINCIPAL, |batch| {
            let principal = principal_row(batch.connection(), app_id)?;
            batch.connection().execute(
                "UPDATE principal SET enabled = ?2 WHERE id = ?1",
                params![principal, is_enabled],
            )?;
            Ok(())
        })
    }
}

/// Whether the handle still stands.
pub(crate) fn admit(
    connection: &Connection,
    caller: &impl Reads,
    now: Timestamp,
) -> Result<(), Fault> {
    let Identity::Credential {
        principal,
        credential,
    } = caller.identity()
    else {
        return Ok(());
    };
    let mut statement = connection.prepare_cached(
        "SELECT p.enabled, c.expires_at FROM credential c JOIN principal p ON p.id = c.principal
         WHERE c.id = ?1 AND p.id = ?2",
    )?;
    let row = statement
        .query_row([credential, principal], |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    match row {
        None => Err(AuthError::Missing.into()),
        Some((false, _)) => Err(AuthError::Disabled.into()),
        Some((true, expires_at)) => check_expiry(expires_at, now),
    }
}

fn authenticate(
    connection: &Connection,
    app_id: Uuid,
    secret: &str,
    now: Timestamp,
) -> Result<Caller, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT p.id, p.may_write, p.enabled, c.id, c.salt, c.hash, c.expires_at
         FROM principal p JOIN credential c ON c.principal = p.id WHERE p.app_id = ?1",
    )?;
    let mut rows = statement.query([&app_id.as_bytes()[..]])?;
    let mut outcome = Err(Fault::from(AuthError::Missing));
    while let Some(row) = rows.next()? {
        let (salt, hash): (Vec<u8>, Vec<u8>) = (row.get(4)?, row.get(5)?);
        if verify_slices_are_equal(&digest_of(&salt, secret), &hash).is_err() {
            if matches!(outcome, Err(Fault::Denied(AuthError::Missing))) {
                outcome = Err(AuthError::Wrong.into());
            }
            continue;
        }
        if !row.get::<_, bool>(2)? {
            return Err(AuthError::Disabled.into());
        }
        let role = if row.get::<_, bool>(1)? {
            Role::Writer
        } else {
            Role::Reader
        };
        let identity = Identity::Credential {
            principal: row.get(0)?,
            credential: row.get(3)?,
        };
        outcome = check_expiry(row.get(6)?, now).map(|()| Caller::new(identity, role));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn check_expiry(expires_at: i64, now: Timestamp) -> Result<(), Fault> {
    let at = crate::read::timestamp(expires_at)?;
    match now < at {
        true => Ok(()),
        false => Err(AuthError::Expired { at }.into()),
    }
}

fn principal_row(connection: &Connection, app_id: Uuid) -> Result<i64, Fault> {
    connection
        .query_row(
            "SELECT id FROM principal WHERE app_id = ?1",
            [&app_id.as_bytes()[..]],
            |row| row.get(0),
        )
        .optional()?
        .ok_or_else(|| Fault::NotAllowed(format!("there is no service principal {app_id}")))
}

fn add_credential(
    batch: &mut Batch<'_>,
    principal: i64,
    app_id: Uuid,
    lifetime: SignedDuration,
) -> Result<NewPrincipal, Fault> {
    let mut random = [0u8; SECRET_BYTES + SALT_BYTES];
    if !(batch.options.random)(&mut random) {
        return Err(Fault::NotAllowed(
            "the operating system gave no random bytes for a secret".to_owned(),
        ));
    }
    let (secret, salt) = random.split_at(SECRET_BYTES);
    let secret = Secret(URL_SAFE_NO_PAD.encode(secret));
    let expires_at = batch.now().checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let credential_id = (batch.options.ids)();
    batch.connection().execute(
        "INSERT INTO credential (uuid, principal, salt, hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            &credential_id.as_bytes()[..],
            principal,
            salt,
            digest_of(salt, secret.expose()),
            batch.now().as_millisecond(),
            expires_at.as_millisecond(),
        ],
    )?;
    Ok(NewPrincipal {
        app_id,
        credential_id,
        secret,
        expires_at,
    })
}

fn digest_of(salt: &[u8], secret: &str) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt);
    context.update(secret.as_bytes());
    context.finish().as_ref().to_vec()
}
