//! Several steps in one commit: whoever waits for the writer while a step runs has its own step carried out before both are
//! committed, so that the disk is waited for once.
//!
//! Each step is there whole or not at all, and nobody is told that it is before it is on the disk. A step that fails is
//! undone by itself. Trap: a step sees those before it in its group, which are not on the disk yet; whatever is read on
//! another connection meanwhile does not see them.

use std::{
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rusqlite::{Connection, ffi};

use crate::store::{Result, StoreError};

// LIMIT: steps of one commit. Those that are done wait for those that are not.
const MOST: usize = 4;

/// A step of the writer.
pub(crate) struct Transaction<'c>(&'c Connection);

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

/// The connection that writes, and who waits for it.
pub(crate) struct Writer {
    inner: Mutex<Inner>,
    waiting: AtomicUsize,
}

struct Inner {
    connection: Connection,
    open: Option<Open>,
    /// Whether something was undone that somebody outside still remembers.
    is_stale: bool,
}

/// A transaction that is not committed yet.
struct Open {
    outcome: Arc<Outcome>,
    steps: usize,
}

/// Why a whole group was lost, as it is told to each of its steps.
type Lost = (ffi::Error, Option<String>);

/// What became of a group, once that is known.
#[derive(Default)]
struct Outcome {
    told: Mutex<Option<std::result::Result<(), Lost>>>,
    bell: Condvar,
}

impl Outcome {
    fn tell(&self, what: std::result::Result<(), Lost>) {
        *relock(&self.told) = Some(what);
        self.bell.notify_all();
    }

    fn wait(&self) -> Result<()> {
        let mut told = relock(&self.told);
        loop {
            match &*told {
                Some(Ok(())) => return Ok(()),
                Some(Err((code, text))) => {
                    let error = rusqlite::Error::SqliteFailure(*code, text.clone());
                    return Err(StoreError::Sqlite(error));
                }
                None => told = self.bell.wait(told).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Writer {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            inner: Mutex::new(Inner {
                connection,
                open: None,
                is_stale: false,
            }),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits for the writer, and for as long is counted among those who see to the end of what is open.
    fn enter(&self) -> MutexGuard<'_, Inner> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let inner = relock(&self.inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        inner
    }

    /// Carries out a step and returns when it is on the disk. `undone` is called under the writer's lock when something was
    /// undone, with what is stored now.
    pub(crate) fn step<T>(
        &self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T>,
        undone: impl Fn(&Connection) -> Result<()>,
    ) -> Result<T> {
        let mut inner = self.enter();
        if let Err(error) = inner.forget(&undone) {
            inner.commit();
            return Err(error);
        }
        let begun = inner.begin();
        let carried_out = begun.as_ref().ok().map(|(_, number)| {
            let transaction = Transaction(&inner.connection);
            catch_unwind(AssertUnwindSafe(|| {
                let value = act(&transaction)?;
                if *number > 1 {
                    transaction.execute_batch("RELEASE step")?;
                }
                Ok(value)
            }))
        });
        if let (Some(result), Ok((_, number))) = (&carried_out, &begun)
            && !matches!(result, Ok(Ok(_)))
        {
            let why = result
                .as_ref()
                .ok()
                .and_then(|result| result.as_ref().err());
            inner.take_back(*number, lost(why));
        }
        // Whoever waits goes on with this transaction and sees to its end, so nothing may return before this.
        let is_handed_on = self.waiting.load(Ordering::SeqCst) > 0 && inner.has_room();
        if !is_handed_on {
            inner.commit();
        }
        let forgotten = inner.forget(&undone);
        drop(inner);
        let (outcome, _) = begun?;
        match carried_out {
            Some(Ok(Ok(value))) => outcome.wait().and(forgotten).map(|()| value),
            Some(Ok(Err(error))) => forgotten.and(Err(error)),
            Some(Err(panic)) => resume_unwind(panic),
            // There is none only where nothing was begun.
            None => Err(StoreError::Blob("a step that was never begun")),
        }
    }
}

impl fold::Writer for Writer {
    fn pause(
        &self,
        act: &mut dyn FnMut(&Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let mut inner = self.enter();
        // Those that failed with it were told; whoever steps next begins anew.
        inner.commit();
        act(&inner.connection)
    }
}

impl Inner {
    /// Begins a transaction, or a further step of the one that is open: what it will be told, and its number.
    fn begin(&mut self) -> Result<(Arc<Outcome>, usize)> {
        match &mut self.open {
            Some(open) => {
                self.connection.execute_batch("SAVEPOINT step")?;
                open.steps += 1;
                Ok((Arc::clone(&open.outcome), open.steps))
            }
            None => {
                self.connection.execute_batch("BEGIN IMMEDIATE")?;
                let outcome = Arc::<Outcome>::default();
                self.open = Some(Open {
                    outcome: Arc::clone(&outcome),
                    steps: 1,
                });
                Ok((outcome, 1))
            }
        }
    }

    /// Whether another step may join what is open.
    fn has_room(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.steps < MOST)
    }

    /// Undoes the step that failed. The first one is its transaction; where SQLite gave up all of it (a full disk), nothing
    /// of it is left.
    fn take_back(&mut self, number: usize, why: Lost) {
        self.is_stale = true;
        let is_whole = number == 1
            || self.connection.is_autocommit()
            || self
                .connection
                .execute_batch("ROLLBACK TO step; RELEASE step")
                .is_err();
        if is_whole {
            self.lose(why);
        }
    }

    /// Commits what is open, if anything is; its steps are told how that went.
    fn commit(&mut self) {
        if self.open.is_none() {
            return;
        }
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                if let Some(open) = self.open.take() {
                    open.outcome.tell(Ok(()));
                }
            }
            Err(error) => self.lose(lost(Some(&StoreError::Sqlite(error)))),
        }
    }

    /// Has what was undone forgotten.
    fn forget(&mut self, undone: impl Fn(&Connection) -> Result<()>) -> Result<()> {
        if self.is_stale {
            undone(&self.connection)?;
            self.is_stale = false;
        }
        Ok(())
    }

    fn lose(&mut self, why: Lost) {
        self.is_stale = true;
        if !self.connection.is_autocommit() {
            // It is over all the same if this fails: what cannot be undone cannot be committed either.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        if let Some(open) = self.open.take() {
            open.outcome.tell(Err(why));
        }
    }
}

/// What the other steps of a group are told when all of it was lost.
fn lost(why: Option<&StoreError>) -> Lost {
    match why {
        Some(StoreError::Sqlite(rusqlite::Error::SqliteFailure(code, text))) => {
            (*code, text.clone())
        }
        other => (
            ffi::Error::new(ffi::SQLITE_ABORT),
            other.map(ToString::to_string),
        ),
    }
}

fn relock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{path::Path, thread};

    fn store(folder: &Path) -> (Writer, Connection) {
        let path = folder.join("store.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; CREATE TABLE item (id INTEGER PRIMARY KEY);
                 CREATE TABLE part (item INTEGER REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        (Writer::new(writer), Connection::open(&path).unwrap())
    }

    fn count(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM item", [], |row| row.get(0))
            .unwrap()
    }

    fn put(transaction: &Transaction<'_>, item: i64) -> Result<()> {
        transaction.execute("INSERT INTO item (id) VALUES (?1)", [item])?;
        Ok(())
    }

    /// Item 1 by one step, and while it runs another step that waits for it: what both came to.
    fn two(
        writer: &Writer,
        second: impl FnOnce(&Transaction<'_>) -> Result<()> + Send,
    ) -> (Result<()>, thread::Result<Result<()>>) {
        let undone = |_: &Connection| Ok(());
        thread::scope(|scope| {
            let mut other = None;
            let first = writer.step(
                |transaction| {
                    other = Some(scope.spawn(move || writer.step(second, undone)));
                    while writer.waiting.load(Ordering::SeqCst) == 0 {
                        thread::yield_now();
                    }
                    put(transaction, 1)
                },
                undone,
            );
            (first, other.unwrap().join())
        })
    }

    #[test]
    fn a_step_that_waited_is_committed_together_with_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, reader) = store(folder.path());
        let (seen, told) = std::sync::mpsc::channel();
        let (first, second) = two(&writer, move |transaction| {
            seen.send((count(&reader), count(transaction))).unwrap();
            put(transaction, 2)
        });
        first.unwrap();
        second.unwrap().unwrap();
        // The first step is done and nobody else sees it yet.
        assert_eq!(told.recv().unwrap(), (0, 1));
        assert_eq!(
            count(&Connection::open(folder.path().join("store.db")).unwrap()),
            2
        );
    }

    #[test]
    fn a_step_that_fails_is_undone_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, reader) = store(folder.path());
        let (first, second) = two(&writer, |transaction| {
            put(transaction, 2)?;
            put(transaction, 1)
        });
        first.unwrap();
        assert!(second.unwrap().is_err());
        assert_eq!(count(&reader), 1);
        let panics = |_: &Transaction<'_>| -> Result<()> { panic!("a step") };
        let (first, second) = two(&writer, panics);
        assert!(first.is_err(), "item 1 is there");
        assert!(second.is_err(), "and the panic goes on where it began");
        writer
            .step(|transaction| put(transaction, 3), |_| Ok(()))
            .unwrap();
        assert_eq!(count(&reader), 2);
    }

    #[test]
    fn when_the_commit_fails_every_step_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, reader) = store(folder.path());
        let (first, second) = two(&writer, |transaction| {
            transaction.execute("INSERT INTO part (item) VALUES (7)", [])?;
            Ok(())
        });
        let code = |result: Result<()>| match result {
            Err(StoreError::Sqlite(error)) => error.sqlite_error_code(),
            _ => None,
        };
        assert_eq!(code(first), Some(rusqlite::ErrorCode::ConstraintViolation));
        assert_eq!(
            code(second.unwrap()),
            Some(rusqlite::ErrorCode::ConstraintViolation)
        );
        assert_eq!(count(&reader), 0);
        writer
            .step(|transaction| put(transaction, 1), |_| Ok(()))
            .unwrap();
        assert_eq!(count(&reader), 1);
    }
}
