//! Where the server is and what proves that we may: from the data directory's `admin.json`, or given one by one.
//!
//! Never prints the token. Trap: a file that others can read is refused, because whoever reads it is the administrator.

use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::SecretString;
use serde::Deserialize;
use sync_core::code::Code;

use crate::failure::Failure;

/// Name of the file in the data directory that holds address, authority and token.
const ADMIN_FILE: &str = "admin.json";
/// Data directory unless told otherwise.
const DATA_DIRECTORY: &str = "hybridge-data";

/// Options every command has.
#[derive(Args, Clone, Debug)]
pub struct Access {
    /// Data directory of the server; its admin.json says where the server is
    #[arg(long, global = true, env = "HYBRIDGE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of a server elsewhere, such as https://sync.example:8443
    #[arg(long, global = true, value_name = "URL", requires_all = ["ca", "token_file"])]
    pub server: Option<String>,
    /// Certificate authority of that server, PEM
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// File that holds the administrator's token
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Print one JSON document instead of tables
    #[arg(long, global = true)]
    pub json: bool,
}

/// Where the server is and what proves that we may.
pub struct Target {
    /// Address without a slash at the end.
    pub url: String,
    /// Certification authority, PEM.
    pub authority: String,
    /// Token.
    pub token: SecretString,
}

#[derive(Deserialize)]
struct AdminFile {
    url: String,
    token: String,
    ca_pem: String,
}

impl Access {
    /// The data directory, given or usual.
    pub fn data_directory(&self) -> PathBuf {
        self.data_dir
            .clone()
            .unwrap_or_else(|| PathBuf::from(DATA_DIRECTORY))
    }

    /// Finds out where the server is.
    ///
    /// # Errors
    /// By code: no such file, not private, not understood.
    pub fn target(&self) -> Result<Target, Failure> {
        match (&self.server, &self.ca, &self.token_file) {
            (Some(url), Some(ca), Some(token)) => Ok(Target {
                url: url.trim_end_matches('/').to_owned(),
                authority: read(ca)?,
                token: SecretString::from(read_private(token)?.trim().to_owned()),
            }),
            _ => from_data_directory(&self.data_directory()),
        }
    }
}

fn from_data_directory(directory: &Path) -> Result<Target, Failure> {
    let path = directory.join(ADMIN_FILE);
    if !path.exists() {
        let text = "there is no admin.json; start `hybridge server` with this data directory, or name another with --data-dir, or a server with --server, --ca and --token-file";
        return Err(Failure::text(
            Code::ConfigurationInvalid,
            path.display().to_string(),
            text,
        ));
    }
    let file: AdminFile = serde_json::from_str(&read_private(&path)?).map_err(|error| {
        Failure::text(
            Code::ConfigurationInvalid,
            path.display().to_string(),
            error.to_string(),
        )
    })?;
    Ok(Target {
        url: file.url.trim_end_matches('/').to_owned(),
        authority: file.ca_pem,
        token: SecretString::from(file.token),
    })
}

/// Reads a text file.
///
/// # Errors
/// By code, naming the file.
pub fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::text(
            Code::ConfigurationInvalid,
            path.display().to_string(),
            error.to_string(),
        )
    })
}

/// Reads a file only its owner may read.
///
/// # Errors
/// By code, naming the file; `SecretFileUnsafe` if others can read it.
pub fn read_private(path: &Path) -> Result<String, Failure> {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(path) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let text = format!("its mode is {mode:o}; run: chmod 600 {}", path.display());
            return Err(Failure::text(
                Code::SecretFileUnsafe,
                path.display().to_string(),
                text,
            ));
        }
    }
    read(path)
}
