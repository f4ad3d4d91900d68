//! Folding a store's write-ahead log into its file, beside the writer.
//!
//! Most of it needs no lock: what is committed is copied by a connection of its own. Only the rest, which came in
//! meanwhile, is folded while the writer pauses, so that the log begins anew. Never needed for anything to be stored. Trap:
//! the log grows while this fails or is too slow; beyond [`MOST_PAGES`] the writer folds it itself.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use rusqlite::Connection;

/// The log is folded when it has so many pages: pages that many steps touch are written to the file once.
pub const PAGES: i64 = 8_192;
/// When it has so many, the writer folds it, whoever waits.
pub const MOST_PAGES: i64 = 4 * PAGES;
/// So few are folded while the writer pauses.
const FEW_PAGES: i64 = 512;
/// How often what came in meanwhile is folded before the writer pauses all the same.
const PASSES: usize = 3;

/// Whoever writes to the file.
pub trait Writer: Send + Sync {
    /// Does something to its connection while it writes nothing.
    ///
    /// # Errors
    /// What `act` failed with.
    fn pause(
        &self,
        act: &mut dyn FnMut(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()>;
}

/// Has whoever commits fold the log when it has so many pages.
///
/// # Errors
/// Of SQLite.
pub fn by_itself(connection: &Connection, pages: i64) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "wal_autocheckpoint", pages, |_| Ok(()))
}

/// The thread that folds; it ends with its handle.
pub struct Folder {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    is_rung: bool,
    is_over: bool,
}

impl Folder {
    /// Starts folding the log of this file, in a thread of this name. The writer folds it only when it has [`MOST_PAGES`].
    ///
    /// # Errors
    /// If the file cannot be opened once more or no thread can be started, in words; then the writer folds it at [`PAGES`].
    pub fn start(path: &Path, name: &str, writer: Arc<dyn Writer>) -> Result<Self, String> {
        let started = Self::beside(path, name, Arc::clone(&writer));
        let pages = match started {
            Ok(_) => MOST_PAGES,
            Err(_) => PAGES,
        };
        writer
            .pause(&mut |connection| by_itself(connection, pages))
            .map_err(|error| error.to_string())?;
        started
    }

    fn beside(path: &Path, name: &str, writer: Arc<dyn Writer>) -> Result<Self, String> {
        let connection = Connection::open(path).map_err(|error| error.to_string())?;
        let bell = Arc::<Bell>::default();
        let own = Arc::clone(&bell);
        let work = move || {
            while own.wait() {
                // Whatever fails now is tried with the next commit, and by the writer in the end.
                let _ = fold(&connection, &*writer, PAGES);
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|error| error.to_string())?;
        Ok(Self {
            bell,
            thread: Some(thread),
        })
    }

    /// Something was committed.
    pub fn ring(&self) {
        relock(&self.bell.state).is_rung = true;
        self.bell.rung.notify_one();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        relock(&self.bell.state).is_over = true;
        self.bell.rung.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Bell {
    /// Waits for a ring; false: it is over.
    fn wait(&self) -> bool {
        let mut state = relock(&self.state);
        while !state.is_rung && !state.is_over {
            state = self
                .rung
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_rung = false;
        !state.is_over
    }
}

/// Folds the log if it has so many pages. Says whether it had.
fn fold(connection: &Connection, writer: &dyn Writer, pages: i64) -> rusqlite::Result<bool> {
    if left(connection, "NOOP")? < pages {
        return Ok(false);
    }
    for _ in 0..PASSES {
        left(connection, "PASSIVE")?;
        if left(connection, "NOOP")? <= FEW_PAGES {
            break;
        }
    }
    writer.pause(&mut |writing| left(writing, "PASSIVE").map(drop))?;
    Ok(true)
}

/// Checkpoints in this mode, and says how many pages are not folded.
fn left(connection: &Connection, mode: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    })
}

fn relock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain(Mutex<Connection>);

    impl Writer for Plain {
        fn pause(
            &self,
            act: &mut dyn FnMut(&Connection) -> rusqlite::Result<()>,
        ) -> rusqlite::Result<()> {
            act(&relock(&self.0))
        }
    }

    #[test]
    fn a_long_log_is_folded_and_begins_anew_and_a_short_one_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let writing = Connection::open(&path).unwrap();
        writing
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE item (id INTEGER PRIMARY KEY, text BLOB)",
            )
            .unwrap();
        let writer = Plain(Mutex::new(writing));
        let beside = Connection::open(&path).unwrap();
        let put = || {
            relock(&writer.0)
                .execute("INSERT INTO item (text) VALUES (zeroblob(100000))", [])
                .unwrap();
        };
        put();
        assert!(!fold(&beside, &writer, 1_000).unwrap());
        let short = left(&beside, "NOOP").unwrap();
        assert!(short > 20, "{short}");
        put();
        assert!(fold(&beside, &writer, short).unwrap());
        assert_eq!(left(&beside, "NOOP").unwrap(), 0);
        put();
        let pages = left(&beside, "NOOP").unwrap();
        assert!(pages < 2 * short, "the log began anew: {pages}");
    }
}
