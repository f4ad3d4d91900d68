//! Opening the store, transactions, and the compact form of values.
//!
//! One writer connection, a small pool of readers, `synchronous=FULL`. Nothing here knows what the tables mean. Trap: names
//! are interned inside the transaction that needs them; when it is rolled back the cache is read anew.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use fold::Folder;
use rusqlite::{Connection, OpenFlags, params};
use serde::{Serialize, de::DeserializeOwned};
use sync_core::{
    code::Code,
    operation::Refusal,
    quick::QuickMap,
    value::{Attributes, Name, Value, Values},
};

use crate::{
    fresh::FreshPlans,
    group::{Transaction, Writer},
    linked::Linked,
    shown::ShownObjects,
};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// Called with the name of a commit boundary.
pub type CommitHook = Arc<dyn Fn(&str) + Send + Sync>;

/// What the engine takes from outside: time, ids, and a hook at every commit boundary (for crash tests).
#[derive(Clone)]
pub struct Options {
    /// Now, in unix milliseconds.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// A new random id.
    pub ids: Arc<dyn Fn() -> uuid::Uuid + Send + Sync>,
    /// Called with the name of the commit boundary.
    pub commit_hook: Option<CommitHook>,
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data directory {0} is in use by another server; stop that one first")]
    Locked(PathBuf),
    /// Written by a newer version.
    #[error(
        "{path} was written by a newer version (schema {have}, this program knows {know}); use that version"
    )]
    Newer {
        /// Database file.
        path: PathBuf,
        /// Schema in the file.
        have: i64,
        /// Newest schema this program knows.
        know: i64,
    },
    /// Damaged.
    #[error(
        "{path} is damaged ({detail}); restore it from a backup, the directories themselves are not affected"
    )]
    Damaged {
        /// Database file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// No room.
    #[error("there is no room to open {path}; make room on its disk")]
    Full {
        /// File or directory.
        path: PathBuf,
    },
    /// Cannot be written or created.
    #[error("{path} cannot be opened for writing: {detail}")]
    Unwritable {
        /// File or directory.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
}

impl OpenError {
    /// The code.
    pub fn code(&self) -> Code {
        match self {
            Self::Locked(_) => Code::StoreLocked,
            Self::Newer { .. } => Code::StoreNewer,
            Self::Damaged { .. } => Code::StoreDamaged,
            Self::Full { .. } => Code::DiskFull,
            Self::Unwritable { .. } => Code::StoreUnwritable,
        }
    }
}

/// Why a transaction failed; nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the store failed")]
    Sqlite(#[from] rusqlite::Error),
    /// A stored blob cannot be read.
    #[error("a stored value cannot be read ({0})")]
    Blob(&'static str),
    /// The request does not fit the state.
    #[error("{0}")]
    Refused(Refusal),
}

impl StoreError {
    /// The refusal to show.
    pub fn refusal(&self) -> Refusal {
        use rusqlite::ErrorCode;
        let code = match self {
            Self::Refused(refusal) => return refusal.clone(),
            Self::Blob(_) => Code::StoreDamaged,
            Self::Sqlite(error) if is_full(error) => Code::DiskFull,
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Code::StoreDamaged,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Code::StoreLocked,
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => {
                    Code::StoreUnwritable
                }
                _ => Code::InternalFault,
            },
        };
        let text = match self {
            Self::Sqlite(error) => error.to_string(),
            other => other.to_string(),
        };
        Refusal::new(code).with("text", text)
    }
}

/// A result of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The names of attributes and classes, by number and by text.
#[derive(Default)]
struct Names {
    by_id: QuickMap<i64, Name>,
    by_text: QuickMap<Name, i64>,
    /// How often they were read anew: numbers of before may have been taken back.
    generation: u64,
}

/// Attributes in compact form, made before the step that stores them.
pub(crate) struct Packed {
    bytes: Vec<u8>,
    generation: u64,
}

struct Inner {
    path: PathBuf,
    // Ends before the connections are closed; `None`: the writer folds the log.
    folder: Option<Folder>,
    // Dropped before the writer: the last connection to close empties the write-ahead log, and a reader may not.
    readers: Mutex<Vec<Connection>>,
    writer: Arc<Writer>,
    names: RwLock<Names>,
    linked: Arc<Linked>,
    options: Options,
    pub(crate) reads: Mutex<HashMap<i64, crate::observe::ReadMemory>>,
    comparisons: Mutex<HashMap<i64, crate::comparison::Comparing>>,
    fresh: Mutex<FreshPlans>,
    shown: Mutex<ShownObjects>,
    _lock: File,
}

/// The engine: a handle that can be cloned.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

fn relock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The database file in the data directory.
pub const FILE: &str = "engine.db";
/// Marks the file as ours: `HyEn`.
const APPLICATION_ID: i64 = 0x4879_456E;
const READERS_KEPT: usize = 8;
/// Statements each connection keeps prepared: more than there are.
const CACHED_STATEMENTS: usize = 128;

impl Engine {
    /// Opens or creates the store in a directory.
    ///
    /// # Errors
    /// [`OpenError`], each with place and cure.
    pub fn open(directory: &Path, options: Options) -> std::result::Result<Self, OpenError> {
        std::fs::create_dir_all(directory).map_err(|e| unwritable(directory, &e))?;
        let lock_path = directory.join("engine.lock");
        let lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|e| unwritable(&lock_path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(OpenError::Locked(directory.into()));
            }
            Err(std::fs::TryLockError::Error(e)) => {
                return Err(unwritable(&lock_path, &e));
            }
        }
        let path = directory.join(FILE);
        let mut connection = Connection::open(&path).map_err(|e| sort_open_error(&path, &e))?;
        check_is_ours(&path, &connection)?;
        prepare(&connection).map_err(|e| sort_open_error(&path, &e))?;
        migrate(&path, &mut connection)?;
        let linked = Arc::<Linked>::default();
        linked
            .watch(&mut connection)
            .map_err(|e| sort_open_error(&path, &e))?;
        let writer = Arc::new(Writer::new(connection));
        let folder = Folder::start(&path, "engine-fold", Arc::clone(&writer) as _).ok();
        let inner = Inner {
            path,
            folder,
            writer,
            readers: Mutex::new(Vec::new()),
            names: RwLock::new(Names::default()),
            linked,
            options,
            reads: Mutex::new(HashMap::new()),
            comparisons: Mutex::default(),
            fresh: Mutex::default(),
            shown: Mutex::default(),
            _lock: lock,
        };
        let engine = Self(Arc::new(inner));
        engine
            .start()
            .map_err(|e| sort_start_error(&engine.0.path, &e))?;
        Ok(engine)
    }

    /// What has to happen once after opening: reads that were under way are abandoned (their memory is gone).
    fn start(&self) -> Result<()> {
        self.read(|connection| self.reload_names(connection))?;
        let now = self.now();
        self.write("engine.start", |tx| {
            tx.execute(
                "UPDATE read SET state = 'abandoned', ended_at = ?1 WHERE state = 'open'",
                [now],
            )?;
            tx.execute(
                "UPDATE run SET state = 'failed', status = 'stopped-service-restart', ended_at = ?1 WHERE state = 'running'",
                [now],
            )?;
            heed_clock(tx, now)?;
            Ok(())
        })
    }

    /// Now, in unix milliseconds.
    pub fn now(&self) -> i64 {
        (self.0.options.clock)()
    }

    /// A new random id.
    pub fn new_id(&self) -> uuid::Uuid {
        (self.0.options.ids)()
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub(crate) fn read_memory(&self) -> MutexGuard<'_, HashMap<i64, crate::observe::ReadMemory>> {
        relock(&self.0.reads)
    }

    /// Comparisons under way, by connector.
    pub(crate) fn comparisons(&self) -> MutexGuard<'_, HashMap<i64, crate::comparison::Comparing>> {
        relock(&self.0.comparisons)
    }

    pub(crate) fn fresh_plans(&self) -> MutexGuard<'_, FreshPlans> {
        relock(&self.0.fresh)
    }

    /// Target ids of links; only within a step.
    pub(crate) fn linked(&self) -> &Linked {
        &self.0.linked
    }

    pub(crate) fn shown_objects(&self) -> MutexGuard<'_, ShownObjects> {
        relock(&self.0.shown)
    }

    /// Runs one step: all of it is stored, or nothing. `boundary` names it to the commit hook.
    pub(crate) fn write<T>(
        &self,
        boundary: &'static str,
        act: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let value = self.0.writer.step(
            |tx| {
                let value = act(tx)?;
                self.hook(boundary, "before");
                Ok(value)
            },
            // Still under the writer's lock, so that names another step is just interning are not forgotten.
            |connection| {
                self.0.linked.forget_all();
                self.reload_names(connection)
            },
        )?;
        self.hook(boundary, "after");
        if let Some(folder) = &self.0.folder {
            folder.ring();
        }
        Ok(value)
    }

    fn hook(&self, boundary: &str, when: &str) {
        if let Some(hook) = &self.0.options.commit_hook {
            hook(&format!("{boundary}.{when}"));
        }
    }

    /// Runs a read on a reader connection (a consistent snapshot of its own).
    ///
    /// # Errors
    /// Whatever the closure returns, and failures to open another reader.
    pub fn read<T>(&self, act: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let pooled = relock(&self.0.readers).pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.0.path, flags)?;
                connection.busy_timeout(std::time::Duration::from_secs(10))?;
                connection.pragma_update(None, "cache_size", -4_000)?;
                connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
                connection
            }
        };
        connection.execute_batch("BEGIN")?;
        let result = act(&connection);
        connection.execute_batch("COMMIT")?;
        let mut readers = relock(&self.0.readers);
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
        result
    }

    /// Writes a consistent copy of the database while running.
    ///
    /// # Errors
    /// If the destination cannot be written.
    pub fn backup(&self, destination: &Path) -> Result<()> {
        self.read(|connection| {
            connection.backup("main", destination, None::<fn(rusqlite::backup::Progress)>)?;
            Ok(())
        })
    }

    fn reload_names(&self, connection: &Connection) -> Result<()> {
        let mut names = Names::default();
        let mut statement = connection.prepare("SELECT id, text FROM name")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: Name = row.get::<_, String>(1)?.into();
            names.by_id.insert(row.get(0)?, name.clone());
            names.by_text.insert(name, row.get(0)?);
        }
        let mut known = self.0.names.write().unwrap_or_else(PoisonError::into_inner);
        names.generation = known.generation + 1;
        *known = names;
        Ok(())
    }

    /// The number of a name, making it known if it is new.
    pub(crate) fn intern(&self, tx: &Transaction<'_>, name: &str) -> Result<i64> {
        if let Some(id) = self.name_id(name) {
            return Ok(id);
        }
        tx.prepare_cached("INSERT INTO name (text) VALUES (?1)")?
            .execute([name])?;
        let id = tx.last_insert_rowid();
        let name: Name = name.into();
        let mut names = self.0.names.write().unwrap_or_else(PoisonError::into_inner);
        names.by_id.insert(id, name.clone());
        names.by_text.insert(name, id);
        Ok(id)
    }

    /// The number of a name, if it is known.
    pub fn name_id(&self, name: &str) -> Option<i64> {
        self.0
            .names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_text
            .get(name)
            .copied()
    }

    /// The name of a number.
    pub fn name(&self, id: i64) -> Option<Name> {
        self.0
            .names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .by_id
            .get(&id)
            .cloned()
    }

    /// Reader of the compact forms.
    pub fn codec(&self) -> Codec {
        Codec(self.clone())
    }

    /// Attributes in compact form ahead of the step that stores them, so that others need not wait for it; `None`: a name
    /// has no number yet.
    pub(crate) fn pack_ahead(&self, attributes: &Attributes) -> Result<Option<Packed>> {
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut compact: Vec<(i64, &[Value])> = Vec::with_capacity(attributes.len());
        for (name, values) in attributes.iter() {
            let Some(id) = names.by_text.get(name) else {
                return Ok(None);
            };
            compact.push((*id, values));
        }
        let generation = names.generation;
        drop(names);
        let bytes = pack(&compact)?;
        Ok(Some(Packed { bytes, generation }))
    }

    /// What was packed ahead, if its numbers still mean the same names; packed now otherwise. Only within a step.
    pub(crate) fn packed_or_encoded(
        &self,
        tx: &Transaction<'_>,
        packed: Option<Packed>,
        attributes: &Attributes,
    ) -> Result<Vec<u8>> {
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        let generation = names.generation;
        drop(names);
        match packed {
            Some(packed) if packed.generation == generation => Ok(packed.bytes),
            _ => self.encode(tx, attributes),
        }
    }

    /// Attributes in compact form, with interned names.
    pub(crate) fn encode(&self, tx: &Transaction<'_>, attributes: &Attributes) -> Result<Vec<u8>> {
        let mut compact: Vec<(i64, &[Value])> = Vec::with_capacity(attributes.len());
        {
            let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
            let known = attributes
                .iter()
                .map_while(|(name, values)| Some((*names.by_text.get(name)?, values)));
            compact.extend(known);
        }
        for (name, values) in attributes.iter().skip(compact.len()) {
            compact.push((self.intern(tx, name)?, values));
        }
        pack(&compact)
    }
}

/// Reads the compact forms of the store.
pub struct Codec(Engine);

impl Codec {
    /// Attributes from their compact form.
    ///
    /// # Errors
    /// If the blob is not one.
    pub fn attributes(&self, blob: &[u8]) -> Result<Attributes> {
        let compact: Vec<(i64, Values)> = unpack(blob)?;
        let names = self
            .0
            .0
            .names
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let named = compact.into_iter().map(|(id, values)| {
            let name = names.by_id.get(&id).cloned();
            (name.unwrap_or_else(|| "?".into()), values)
        });
        Ok(named.collect())
    }

    /// The name of a number.
    pub fn name(&self, id: i64) -> Option<Name> {
        self.0.name(id)
    }

    /// A stored refusal.
    ///
    /// # Errors
    /// If the blob is not one.
    pub fn refusal(&self, blob: &[u8]) -> Result<Refusal> {
        unpack(blob)
    }

    /// A stored pending export.
    ///
    /// # Errors
    /// If the blob is not one.
    pub fn pending(&self, blob: &[u8]) -> Result<crate::PendingExport> {
        unpack(blob)
    }
}

/// Nothing waits longer than it can have been told to: where it seems to, the clock was set back meanwhile.
fn heed_clock(tx: &Transaction<'_>, now: i64) -> Result<()> {
    // A tenth more than the longest delay, because retries are spread.
    let longest = sync_core::guard::ESCROW_LONGEST_MS / 10 * 11;
    let latest = now.saturating_add(longest);
    tx.execute(
        "UPDATE due_later SET not_before = ?1 WHERE not_before > ?2 AND not_before < ?4 AND reasons & ?3 <> 0",
        [now, latest, crate::reason::RETRY, crate::cycle::UNTIL_ASKED],
    )?;
    tx.execute(
        "UPDATE lookup SET not_before = ?1 WHERE not_before > ?2",
        [now, latest],
    )?;
    tx.execute(
        "UPDATE connector SET retry_at = ?1 WHERE retry_at > ?2",
        [now, latest],
    )?;
    tx.execute(
        "UPDATE quarantine SET next_attempt = ?1 WHERE next_attempt > ?2",
        [now, latest],
    )?;
    tx.execute(
        "UPDATE job SET retry_at = ?1 WHERE retry_at > ?2",
        [now, latest],
    )?;
    Ok(())
}

/// Room for the compact form of most things: growing to it step by step copies everything several times.
const USUAL_BYTES: usize = 1_024;

/// Compact form of anything plain.
pub(crate) fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    pack_onto(value, Vec::with_capacity(USUAL_BYTES))
}

/// The same, behind what is there.
pub(crate) fn pack_onto<T: Serialize + ?Sized>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>> {
    postcard::to_io(value, bytes).map_err(|_| StoreError::Blob("cannot be packed"))
}

/// Back from the compact form.
pub(crate) fn unpack<T: DeserializeOwned>(blob: &[u8]) -> Result<T> {
    postcard::from_bytes(blob).map_err(|_| StoreError::Blob("cannot be unpacked"))
}

/// Back from an optional compact form.
pub(crate) fn unpack_option<T: DeserializeOwned>(blob: Option<Vec<u8>>) -> Result<Option<T>> {
    blob.map(|blob| unpack(&blob)).transpose()
}

/// Whether there was no room. The index of the write-ahead log is shared memory, and says so in its own way.
fn is_full(error: &rusqlite::Error) -> bool {
    let number = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || number == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

fn unwritable(path: &Path, error: &std::io::Error) -> OpenError {
    let path = path.to_path_buf();
    match error.kind() {
        std::io::ErrorKind::StorageFull => OpenError::Full { path },
        _ => OpenError::Unwritable {
            path,
            detail: error.to_string(),
        },
    }
}

/// Refuses the database of another program before anything is written to it.
pub(crate) fn check_is_ours(
    path: &Path,
    connection: &Connection,
) -> std::result::Result<(), OpenError> {
    let number = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(|e| sort_open_error(path, &e))
    };
    let (mark, is_new) = (number("application_id")?, number("schema_version")? == 0);
    // Files of before carry no mark, but the history of their migrations.
    let is_ours = is_new
        || mark == APPLICATION_ID
        || mark == 0
            && connection
                .table_exists(None, "refinery_schema_history")
                .map_err(|e| sort_open_error(path, &e))?;
    match is_ours {
        true => Ok(()),
        false => Err(OpenError::Damaged {
            path: path.into(),
            detail: "it is the database of another program".into(),
        }),
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "page_size", 8192)?;
    let mark: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if mark != APPLICATION_ID {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "journal_size_limit", 67_108_864)?;
    fold::by_itself(connection, fold::PAGES)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    let _: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", params![], |row| {
        row.get(0)
    })?;
    Ok(())
}

pub(crate) fn sort_open_error(path: &Path, error: &rusqlite::Error) -> OpenError {
    use rusqlite::ErrorCode;
    let path = path.to_path_buf();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OpenError::Damaged {
            path,
            detail: error.to_string(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked(path),
        _ if is_full(error) => OpenError::Full { path },
        _ => OpenError::Unwritable {
            path,
            detail: error.to_string(),
        },
    }
}

fn sort_start_error(path: &Path, error: &StoreError) -> OpenError {
    match error {
        StoreError::Sqlite(error) => sort_open_error(path, error),
        other => OpenError::Damaged {
            path: path.into(),
            detail: other.to_string(),
        },
    }
}

/// The newest schema this program knows.
pub(crate) fn newest_schema() -> i64 {
    let runner = migrations::migrations::runner();
    let versions = runner.get_migrations().iter();
    versions
        .map(|one| i64::from(one.version()))
        .max()
        .unwrap_or(0)
}

/// The schema of a database; 0 if it has none yet.
pub(crate) fn schema_of(connection: &Connection) -> rusqlite::Result<i64> {
    if !connection.table_exists(None, "refinery_schema_history")? {
        return Ok(0);
    }
    connection.query_row(
        "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )
}

fn migrate(path: &Path, connection: &mut Connection) -> std::result::Result<(), OpenError> {
    let know = newest_schema();
    let have = schema_of(connection).map_err(|e| sort_open_error(path, &e))?;
    if have > know {
        return Err(OpenError::Newer {
            path: path.into(),
            have,
            know,
        });
    }
    let runner = migrations::migrations::runner();
    match runner.run(connection) {
        Ok(_) => Ok(()),
        Err(error) => Err(sort_migration_error(path, &error)),
    }
}

/// A migration fails for what fails any other write, or because the schema is not what it was.
fn sort_migration_error(path: &Path, error: &refinery::Error) -> OpenError {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rusqlite::Error>()
            && !matches!(
                error.sqlite_error_code(),
                None | Some(rusqlite::ErrorCode::Unknown)
            )
        {
            return sort_open_error(path, error);
        }
        cause = error.source();
    }
    OpenError::Damaged {
        path: path.into(),
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_with_a_name_that_was_undone_is_packed_again() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            clock: Arc::new(|| 0),
            ids: Arc::new(uuid::Uuid::nil),
            commit_hook: None,
        };
        let engine = Engine::open(folder.path(), options).unwrap();
        let attributes: Attributes = [("novelty", vec!["Ada".into()])].into_iter().collect();
        assert!(engine.pack_ahead(&attributes).unwrap().is_none());
        let mut packed = None;
        let undone = engine.write("test", |tx| {
            engine.intern(tx, "novelty")?;
            packed = engine.pack_ahead(&attributes)?;
            Err::<(), _>(StoreError::Blob("undone"))
        });
        assert!(undone.is_err());
        assert!(packed.is_some(), "it was known for a moment");
        let read = engine.write("test", |tx| {
            // Takes the number that novelty had.
            engine.intern(tx, "other")?;
            let blob = engine.packed_or_encoded(tx, packed, &attributes)?;
            engine.codec().attributes(&blob)
        });
        assert_eq!(read.unwrap(), attributes);
    }
}
