//! The agent's identity: its key, its certificate, and whom it trusts. All the state an agent has.
//!
//! One private file, replaced as a whole, so that key and certificate always belong together. Never sent, never logged.
//! Trap: a copied file is a copied agent; revoke it on the server if the machine was lost.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use rcgen::{CertificateParams, KeyPair};
use serde::{Deserialize, Serialize};

use crate::error::AgentError;

const IDENTITY_FILE: &str = "identity.json";

/// The identity.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    /// Where the control plane is.
    pub server: String,
    /// Id of its tenant.
    pub server_id: String,
    /// Id of the agent.
    pub agent_id: i64,
    /// Certificate chain, PEM.
    pub certificate: String,
    /// Private key, PEM.
    pub key: String,
    /// The tenant's certification authority, PEM.
    pub authority: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("server", &self.server)
            .field("agent_id", &self.agent_id)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the identity of a data directory.
    ///
    /// # Errors
    /// [`AgentError::NotEnrolled`] if there is none, [`AgentError::Unsafe`] if others can read it.
    pub fn read(data_directory: &Path) -> Result<Self, AgentError> {
        let path = data_directory.join(IDENTITY_FILE);
        let fault = |source| AgentError::of_file("reading", &path, source);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(AgentError::NotEnrolled {
                    path: data_directory.into(),
                });
            }
            Err(error) => return Err(fault(error)),
            Ok(metadata) if is_exposed(&metadata) => return Err(AgentError::Unsafe { path }),
            Ok(_) => {}
        }
        let text = fs::read_to_string(&path).map_err(fault)?;
        serde_json::from_str(&text).map_err(|_| {
            let shown = path.display();
            AgentError::Invalid(format!(
                "{shown} is damaged; delete it and enrol the agent again"
            ))
        })
    }

    /// Writes the identity so that after a power cut it is the old or the new one.
    ///
    /// # Errors
    /// [`AgentError::File`].
    pub fn write(&self, data_directory: &Path) -> Result<(), AgentError> {
        let path = data_directory.join(IDENTITY_FILE);
        let fault = |source| AgentError::of_file("writing", &path, source);
        let text = serde_json::to_string_pretty(self).map_err(|e| fault(e.into()))?;
        fs::create_dir_all(data_directory).map_err(fault)?;
        replace(&path, text.as_bytes()).map_err(fault)
    }
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if cfg!(unix)
        && let Some(directory) = path.parent()
    {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn is_exposed(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_exposed(_: &fs::Metadata) -> bool {
    false
}

/// A new key (ECDSA P-256, PEM) and the request to sign it (PEM).
///
/// # Errors
/// [`AgentError::Certificate`].
pub fn new_key() -> Result<(String, String), AgentError> {
    let key = KeyPair::generate()?;
    let request = CertificateParams::default().serialize_request(&key)?;
    Ok((key.serialize_pem(), request.pem()?))
}
