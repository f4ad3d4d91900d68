//! The administrator's key: a random token in a private file, compared in constant time.
//!
//! Never logged, never shown by any answer. Trap: whoever can read `admin.json` administers the tenant.

use std::{path::Path, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{Fingerprint, PkiError, files, new_token};

/// Name of the file within the data directory.
pub const ADMIN_FILE: &str = "admin.json";

/// What `admin.json` holds: all a command-line client needs.
#[derive(Clone, Serialize, Deserialize)]
pub struct AdminFile {
    /// Where the server is reached.
    pub url: String,
    /// The token, sent as `Authorization: Bearer`.
    pub token: String,
    /// The tenant's certification authority, PEM.
    pub ca_pem: String,
}

impl AdminFile {
    /// Reads the file of a data directory; `None` if there is none.
    ///
    /// # Errors
    /// Unreadable, readable by others, or damaged.
    pub fn read(data_directory: &Path) -> Result<Option<Self>, PkiError> {
        let text = files::read_private(&data_directory.join(ADMIN_FILE))?;
        text.map(|text| serde_json::from_str(&text).map_err(|_| PkiError::AdminFile))
            .transpose()
    }
}

/// The server's side of the token: enough to recognise it.
#[derive(Clone)]
pub struct AdminKey(Arc<Fingerprint>);

impl AdminKey {
    /// Takes the token of the data directory, or makes one, and brings `url` and authority in the file up to date.
    ///
    /// # Errors
    /// Whatever is wrong with the file.
    pub fn open(data_directory: &Path, url: &str, ca_pem: &str) -> Result<Self, PkiError> {
        let token = match AdminFile::read(data_directory)? {
            Some(file) => SecretString::from(file.token),
            None => SecretString::from(new_token()?.0),
        };
        let file = AdminFile {
            url: url.into(),
            token: token.expose_secret().into(),
            ca_pem: ca_pem.into(),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|_| PkiError::AdminFile)?;
        files::write_private(&data_directory.join(ADMIN_FILE), &text)?;
        Ok(Self::of(token.expose_secret()))
    }

    /// The key that recognises this token.
    pub fn of(token: &str) -> Self {
        Self(Arc::new(Fingerprint::of(token.as_bytes())))
    }

    /// Whether this is the token. Constant time: digests of equal length are compared.
    pub fn is(&self, token: &str) -> bool {
        let offered = Fingerprint::of(token.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0.0, &offered.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_survives_a_restart_and_nothing_else_is_it() {
        let directory = tempfile::tempdir().unwrap();
        let first = AdminKey::open(directory.path(), "https://a:1", "ca").unwrap();
        let token = AdminFile::read(directory.path()).unwrap().unwrap().token;
        assert!(first.is(&token) && !first.is("") && !first.is(&token[1..]));
        assert!(token.len() >= 43);
        let second = AdminKey::open(directory.path(), "https://b:2", "ca").unwrap();
        assert!(second.is(&token));
        let file = AdminFile::read(directory.path()).unwrap().unwrap();
        assert_eq!(file.url, "https://b:2");
    }
}
