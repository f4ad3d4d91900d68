//! The open file: one writer, a few readers, one lock against other processes.
//!
//! Never leaves a transaction open between calls. Trap: `<file>.lock` is not litter; it carries the lock and the mark
//! that tells a clean shutdown from a crash.

mod copy;
mod lock;
mod open;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fold::Folder;
use rusqlite::Connection;

use crate::batch::{Act, Batch};
use crate::check::Domains;
use crate::fault::Fault;
use crate::located::Located;
use crate::options::Options;
use crate::principal::{Administrator, Reads, admit};

pub use copy::CopyFacts;

/// How many idle readers are kept open.
const MAX_IDLE_READERS: usize = 8;

/// An open tenant directory.
///
/// Share it behind an `Arc`; writers wait for each other, readers wait for nobody.
pub struct Directory {
    /// Dropped first: it has the file open. `None`: the writer folds the log.
    folder: Option<Folder>,
    pub(crate) options: Options,
    path: PathBuf,
    writer: Arc<OneWriter>,
    readers: Mutex<Vec<Connection>>,
    /// Dropped last, when nothing has the file open any more.
    _lock: lock::FileLock,
}

/// What only the writer may touch.
pub(crate) struct WriterState {
    pub(crate) connection: Connection,
    /// INVARIANT: equal to the table `domain` as of the last commit.
    pub(crate) domains: Domains,
    /// INVARIANT: the number of rows of `object` as of the last commit; only kept when there is a quota.
    pub(crate) objects: Option<u64>,
    /// INVARIANT: as of the last commit.
    pub(crate) located: Located,
}

impl Directory {
    /// The file this directory lives in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rights over everything here, for whoever opened the file.
    pub fn administrator(&self) -> Administrator {
        Administrator::new()
    }

    /// Writes everything to the main file and lets go of it. Dropping does the same without telling of failures.
    ///
    /// # Errors
    /// When the last checkpoint fails; what was committed stays committed.
    pub fn close(self) -> Result<(), Fault> {
        // Whoever folds has the writer and the file as well, until it is gone.
        drop(self.folder);
        lock_unpoisoned(&self.readers).clear();
        let Some(state) = Arc::into_inner(self.writer) else {
            return Ok(());
        };
        let state = state.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        state
            .connection
            .pragma_update(None, "wal_checkpoint", "TRUNCATE")
            .or_else(ignore_rows)?;
        state.connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }

    /// Runs `work` in one transaction of the writer.
    pub(crate) fn write<T>(
        &self,
        caller: &impl Reads,
        act: Act,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut state = lock_unpoisoned(&self.writer.0);
        let mut batch = Batch::begin(&mut state, &self.options)?;
        admit(batch.connection(), caller, batch.now())?;
        let result = work(&mut batch)?;
        batch.commit(act, self.options.commit_hook.as_ref())?;
        drop(state);
        if let Some(folder) = &self.folder {
            folder.ring();
        }
        Ok(result)
    }

    /// Runs `work` on a reader, in one snapshot.
    pub(crate) fn read<T>(
        &self,
        caller: &impl Reads,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let pooled = lock_unpoisoned(&self.readers).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        let snapshot = connection.transaction()?;
        admit(&snapshot, caller, (self.options.clock)())?;
        let result = work(&snapshot);
        snapshot.finish()?;
        let mut readers = lock_unpoisoned(&self.readers);
        if readers.len() < MAX_IDLE_READERS {
            readers.push(connection);
        }
        result
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The writer, one user at a time.
struct OneWriter(Mutex<WriterState>);

impl fold::Writer for OneWriter {
    fn pause(
        &self,
        act: &mut dyn FnMut(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        act(&lock_unpoisoned(&self.0).connection)
    }
}

/// A panic elsewhere does not make the data behind the lock wrong: its transaction was rolled back.
fn lock_unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Some pragmas answer with a row where none is expected.
fn ignore_rows(error: rusqlite::Error) -> Result<(), rusqlite::Error> {
    match error {
        rusqlite::Error::ExecuteReturnedResults => Ok(()),
        other => Err(other),
    }
}
