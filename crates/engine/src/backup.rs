//! A copy of the database as it is at one moment, made while it is used, and a look into such a copy.
//!
//! The copy is made from a reader's snapshot, so writers never wait for it. Never judges what a copy is for. Trap: whoever
//! copies another store together with this one has to fix its moment after ours: what we remember of it must be in there.

use std::path::Path;

use rusqlite::{
    Connection, OptionalExtension,
    backup::{Backup, StepResult},
};

use crate::store::{
    Engine, OpenError, Result, StoreError, check_is_ours, newest_schema, schema_of, sort_open_error,
};

/// Pages copied between two signs of progress.
const STEP_PAGES: i32 = 512;

/// What a copy says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFacts {
    /// Its schema.
    pub schema: i64,
    /// The tenant it has worked with.
    pub tenant: Option<String>,
}

impl Engine {
    /// Writes a copy of the database to a file that does not exist yet. `beside` runs once the moment is fixed and before
    /// anything is copied; `progress` is told pages copied, and pages in all.
    ///
    /// # Errors
    /// If the destination cannot be written; then what is there is no copy.
    pub fn backup_beside<T>(
        &self,
        destination: &Path,
        mut progress: impl FnMut(u64, u64),
        beside: impl FnOnce() -> T,
    ) -> Result<T> {
        self.read(|source| {
            // The snapshot begins with the first thing that is read, not with BEGIN.
            source.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0))?;
            let told = beside();
            let mut copy = Connection::open(destination)?;
            let backup = Backup::new(source, &mut copy)?;
            loop {
                match backup.step(STEP_PAGES)? {
                    StepResult::Done => break,
                    StepResult::More => {}
                    _ => std::thread::yield_now(),
                }
                let now = backup.progress();
                let of = |pages: i32| u64::try_from(pages).unwrap_or(0);
                progress(of(now.pagecount - now.remaining), of(now.pagecount));
            }
            Ok(told)
        })
    }

    /// Looks whether a copy is whole and ours. The folder it is in must be writable.
    ///
    /// # Errors
    /// [`OpenError`]: damaged, foreign, or of a newer version.
    pub fn inspect(path: &Path) -> std::result::Result<CopyFacts, OpenError> {
        let failed = |error: &rusqlite::Error| sort_open_error(path, error);
        let damaged = |detail: String| OpenError::Damaged {
            path: path.into(),
            detail,
        };
        if std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
            return Err(damaged("it is empty or missing".into()));
        }
        let copy = Connection::open(path).map_err(|error| failed(&error))?;
        check_is_ours(path, &copy)?;
        let answer: String = copy
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| failed(&error))?;
        if answer != "ok" {
            return Err(damaged(answer));
        }
        let (have, know) = (
            schema_of(&copy).map_err(|error| failed(&error))?,
            newest_schema(),
        );
        if have > know {
            return Err(OpenError::Newer {
                path: path.into(),
                have,
                know,
            });
        }
        let tenant = copy
            .query_row("SELECT value FROM meta WHERE key = 'tenant'", [], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| failed(&error))?;
        Ok(CopyFacts {
            schema: have,
            tenant,
        })
    }

    /// The schema this program writes.
    pub fn newest_schema() -> i64 {
        newest_schema()
    }

    /// Whether the store can be read and written now.
    ///
    /// # Errors
    /// Of the store.
    pub fn is_usable(&self) -> Result<()> {
        self.write("engine.probe", |tx| {
            tx.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0))?;
            Ok::<_, StoreError>(())
        })
    }
}
