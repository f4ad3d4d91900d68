//! Private files: written whole or not at all, readable by their owner only.
//!
//! Never follows a looser mode found on disk: a secret others can read is an error, not a warning. Trap: on systems
//! without Unix permissions the check cannot be made; there the directory's access list has to protect the file.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use sync_core::code::Code;
use thiserror::Error;

/// What can go wrong with a private file.
#[derive(Debug, Error)]
pub enum FileError {
    /// Others can read it.
    #[error("{path} can be read by others; run `chmod 600 {path}`")]
    Unsafe {
        /// The file.
        path: PathBuf,
    },
    /// The account the program runs as may not.
    #[error(
        "{act} {path} is not allowed to the account this program runs as ({account}); `chown` it to that account, or run the program as its owner"
    )]
    Denied {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Number of the account.
        account: u32,
    },
    /// Reading or writing failed.
    #[error("{act} {path} failed: {source}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// A failure of the system: one of rights is told apart, because another account cures it.
    pub fn of(act: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied {
                act,
                path: path.into(),
                account: account(),
            },
            _ => Self::Io {
                act,
                path: path.into(),
                source,
            },
        }
    }

    /// The code a person looks up.
    pub fn code(&self) -> Code {
        match self {
            Self::Unsafe { .. } => Code::SecretFileUnsafe,
            Self::Denied { .. } => Code::PrivilegeMissing,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Code::DiskFull
            }
            Self::Io { .. } => Code::StoreUnwritable,
        }
    }
}

/// Reads a private file; `None` if it is not there.
///
/// # Errors
/// [`FileError::Unsafe`] if others can read it.
pub fn read_private(path: &Path) -> Result<Option<String>, FileError> {
    let fault = |source| FileError::of("reading", path, source);
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
        Ok(metadata) if is_exposed(&metadata) => {
            return Err(FileError::Unsafe { path: path.into() });
        }
        Ok(_) => {}
    }
    fs::read_to_string(path).map(Some).map_err(fault)
}

/// Replaces a private file, so that after a power cut it is the old or the new one.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_private(path: &Path, content: &str) -> Result<(), FileError> {
    let fault = |source| FileError::of("writing", path, source);
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
        _ => {}
    }
    let mut file = private_options().open(&temporary).map_err(fault)?;
    file.write_all(content.as_bytes()).map_err(fault)?;
    file.sync_all().map_err(fault)?;
    fs::rename(&temporary, path).map_err(fault)?;
    sync_directory(path).map_err(fault)
}

/// Number of the account this process runs as.
#[cfg(unix)]
pub fn account() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Systems without numbers.
#[cfg(not(unix))]
pub fn account() -> u32 {
    0
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

fn private_options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(directory) = path.parent()
    {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn writes_for_the_owner_only_and_refuses_what_others_can_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert!(read_private(&path).unwrap().is_none());
        write_private(&path, "one").unwrap();
        write_private(&path, "two").unwrap();
        assert_eq!(read_private(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = read_private(&path).unwrap_err();
        assert_eq!(error.code(), Code::SecretFileUnsafe);
    }
}
