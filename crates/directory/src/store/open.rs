//! Opening: lock, check, migrate, seed.
//!
//! Never repairs a file. Trap: the page size must be set before the first table and before write-ahead logging,
//! otherwise it silently stays at its default.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Arc, Mutex};

use fold::Folder;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::lock::{FileLock, private};
use super::{Directory, OneWriter, WriterState};
use crate::check::Domains;
use crate::fault::{Fault, OpenError};
use crate::options::{FileCheck, Options};
use crate::tenant;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Marks the file as ours: `HyDi`.
const APPLICATION_ID: i64 = 0x4879_4469;
const PAGE_SIZE_BYTES: i64 = 8192;
const WRITER_CACHE_KIBIBYTES: i64 = 32 * 1024;
const READER_CACHE_KIBIBYTES: i64 = 4 * 1024;
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
const CACHED_STATEMENTS: usize = 64;

impl Directory {
    /// Opens the directory at `path`, making it if there is none.
    ///
    /// # Errors
    /// When another process has it open, or it is damaged, foreign, or of a newer schema.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Directory, OpenError> {
        let path = path.as_ref();
        tenant::check_seed(&options.tenant)?;
        let mut lock = FileLock::take(path)?;
        let mut connection = connect(path)?;
        check_is_ours(path, &connection)?;
        check_file(path, &connection, &lock, options.file_check)?;
        check_schema_version(path, &connection)?;
        configure(&connection).map_err(|error| storage(path, error))?;
        migrate(path, &mut connection)?;
        let (domains, objects) =
            seed(&mut connection, &options).map_err(|fault| unusable(path, fault))?;
        lock.trust();
        let writer = Arc::new(OneWriter(Mutex::new(WriterState {
            connection,
            domains,
            objects,
            located: Default::default(),
        })));
        let folder = Folder::start(path, "directory-fold", Arc::clone(&writer) as _).ok();
        Ok(Directory {
            folder,
            options,
            path: path.to_owned(),
            writer,
            readers: Mutex::default(),
            _lock: lock,
        })
    }
}

/// A read-only connection.
pub(super) fn reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIBIBYTES)?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let mut create = OpenOptions::new();
    create.read(true).write(true).create(true).truncate(false);
    private(&mut create)
        .open(path)
        .map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| storage(path, error))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|error| storage(path, error))?;
    Ok(connection)
}

pub(super) fn check_is_ours(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let number = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(|error| storage(path, error))
    };
    // The first page carries the header; reading the schema makes SQLite look at it.
    if number("schema_version")? == 0 || number("application_id")? == APPLICATION_ID {
        return Ok(());
    }
    Err(OpenError::Foreign {
        path: path.to_owned(),
    })
}

fn check_file(
    path: &Path,
    connection: &Connection,
    lock: &FileLock,
    check: FileCheck,
) -> Result<(), OpenError> {
    let is_due = match check {
        FileCheck::Always => true,
        FileCheck::Never => false,
        FileCheck::AfterUncleanShutdown => !lock.was_clean(),
    };
    if !is_due {
        return Ok(());
    }
    tracing::info!(path = %path.display(), "checking the directory's file");
    let answer: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| storage(path, error))?;
    match answer.as_str() {
        "ok" => Ok(()),
        _ => Err(OpenError::Damaged {
            path: path.to_owned(),
            detail: answer,
        }),
    }
}

pub(super) fn check_schema_version(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let has_history = connection
        .table_exists(None, "refinery_schema_history")
        .map_err(|error| storage(path, error))?;
    if !has_history {
        return Ok(());
    }
    let found: i64 = connection
        .query_row(
            "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        )
        .map_err(|error| storage(path, error))?;
    let known = embedded::migrations::runner();
    let supported = known
        .get_migrations()
        .iter()
        .map(|migration| i64::from(migration.version()))
        .max()
        .unwrap_or(0);
    match found > supported {
        true => Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            supported,
        }),
        false => Ok(()),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_SIZE_BYTES)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIBIBYTES)?;
    fold::by_itself(connection, fold::PAGES)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    Ok(())
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), OpenError> {
    let report = embedded::migrations::runner().run(connection);
    report.map(|_| ()).map_err(|error| OpenError::Migration {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

/// Makes the tenant of a new file, and reads what the writer keeps in memory.
fn seed(connection: &mut Connection, options: &Options) -> Result<(Domains, Option<u64>), Fault> {
    let transaction = connection.transaction()?;
    let tenants: i64 =
        transaction.query_row("SELECT count(*) FROM tenant", [], |row| row.get(0))?;
    if tenants == 0 {
        let now = (options.clock)().as_millisecond();
        let id = options.tenant.id.unwrap_or_else(|| (options.ids)());
        let domain = tenant::normalised(&options.tenant.initial_domain);
        transaction.execute(
            "INSERT INTO tenant (id, uuid, display_name, initial_domain, created_at, sequence, trimmed_to)
             VALUES (1, ?1, ?2, ?3, ?4, 0, 0)",
            params![&id.as_bytes()[..], options.tenant.display_name, domain, now],
        )?;
        transaction.execute(
            "INSERT INTO domain (name, verified_at) VALUES (?1, ?2)",
            params![domain, now],
        )?;
    }
    let domains = tenant::domains(&transaction)?;
    let objects = match options.quota_objects {
        Some(_) => Some(
            transaction.query_row("SELECT count(*) FROM object", [], |row| {
                row.get::<_, i64>(0)
            })?,
        ),
        None => None,
    };
    transaction.commit()?;
    Ok((domains, objects.map(i64::unsigned_abs)))
}

pub(super) fn storage(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
            path,
            detail: source.to_string(),
        },
        _ => OpenError::Storage { path, source },
    }
}

fn unusable(path: &Path, fault: Fault) -> OpenError {
    match fault {
        Fault::Storage(error) => storage(path, error),
        other => OpenError::Damaged {
            path: path.to_owned(),
            detail: other.to_string(),
        },
    }
}
