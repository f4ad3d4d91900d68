//! The lock file beside the database.
//!
//! Never locks the database itself, because other tools may want to read a copy. Trap: the lock belongs to the open
//! file and vanishes with the process; the mark inside stays, and that is its purpose.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::fault::OpenError;

const MARK: &[u8] = b"open\n";

/// A held lock.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
    was_clean: bool,
    /// INVARIANT: only true once the database was found in order.
    is_trusted: bool,
}

impl FileLock {
    /// Takes the lock of `database`, and marks it as open.
    pub(super) fn take(database: &Path) -> Result<FileLock, OpenError> {
        let path = lock_path(database);
        let io = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = private(&mut options).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: database.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut mark = Vec::new();
        file.read_to_end(&mut mark).map_err(io)?;
        if mark.is_empty() {
            file.write_all(MARK)
                .and_then(|()| file.sync_all())
                .map_err(io)?;
        }
        Ok(FileLock {
            file,
            was_clean: mark.is_empty(),
            is_trusted: false,
        })
    }

    /// Whether the last holder closed the database properly, or there was none.
    pub(super) fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// The file behind the lock is in order: when the lock goes in order too, it goes without its mark.
    pub(super) fn trust(&mut self) {
        self.is_trusted = true;
    }

    fn remove_mark(&mut self) -> std::io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.sync_all()
    }
}

impl Drop for FileLock {
    /// A mark that stays only costs a check on the next opening.
    fn drop(&mut self) {
        if self.is_trusted
            && !std::thread::panicking()
            && let Err(error) = self.remove_mark()
        {
            tracing::warn!(%error, "the mark of an open directory could not be removed; the next start checks the file");
        }
    }
}

/// Only the owner may read what is created; a tenant's people are in it.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
