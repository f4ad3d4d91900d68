//! A copy of the file as it is at one moment, made while it is used, and a look into such a copy.
//!
//! Made from a reader's snapshot, so writers never wait for it. Trap: the snapshot begins with the first thing that is
//! read; whoever copies another store together with this one counts on the order.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use uuid::Uuid;

use super::open::{check_is_ours, check_schema_version, storage};
use super::{Directory, Fault};
use crate::fault::OpenError;
use crate::principal::Administrator;

/// Pages copied between two signs of progress.
const STEP_PAGES: i32 = 512;

/// What a copy says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFacts {
    /// Its schema.
    pub schema: i64,
    /// The tenant.
    pub tenant: Uuid,
    /// The newest change in it.
    pub sequence: u64,
}

impl Directory {
    /// Writes a copy of the file to one that does not exist yet; `progress` is told pages copied, and pages in all.
    ///
    /// # Errors
    /// If the destination cannot be written; then what is there is no copy.
    pub fn backup(
        &self,
        administrator: &Administrator,
        destination: &Path,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<(), Fault> {
        self.read(administrator, |source| {
            source.query_row("SELECT sequence FROM tenant", [], |row| {
                row.get::<_, i64>(0)
            })?;
            let mut copy = Connection::open(destination)?;
            let backup = Backup::new(source, &mut copy)?;
            loop {
                match backup.step(STEP_PAGES)? {
                    StepResult::Done => return Ok(()),
                    StepResult::More => {}
                    _ => std::thread::yield_now(),
                }
                let now = backup.progress();
                let of = |pages: i32| u64::try_from(pages).unwrap_or(0);
                progress(of(now.pagecount - now.remaining), of(now.pagecount));
            }
        })
    }

    /// Looks whether a copy is whole and a tenant directory. The folder it is in must be writable.
    ///
    /// # Errors
    /// [`OpenError`]: damaged, foreign, or of a newer version.
    pub fn inspect(path: &Path) -> Result<CopyFacts, OpenError> {
        let failed = |error| storage(path, error);
        let damaged = |detail: String| OpenError::Damaged {
            path: path.to_owned(),
            detail,
        };
        if std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
            return Err(damaged("it is empty or missing".to_owned()));
        }
        let copy = Connection::open(path).map_err(failed)?;
        check_is_ours(path, &copy)?;
        let answer: String = copy
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        if answer != "ok" {
            return Err(damaged(answer));
        }
        check_schema_version(path, &copy)?;
        let schema = copy
            .query_row(
                "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
                [],
                |row| row.get(0),
            )
            .map_err(failed)?;
        let (tenant, sequence): ([u8; 16], u64) = copy
            .query_row("SELECT uuid, sequence FROM tenant", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .map_err(failed)?;
        Ok(CopyFacts {
            schema,
            tenant: Uuid::from_bytes(tenant),
            sequence,
        })
    }
}
