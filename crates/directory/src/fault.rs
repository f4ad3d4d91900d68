//! What can go wrong with the store as a whole.
//!
//! Never stands for one refused operation: that is [`crate::Refusal`]. Trap: after a [`Fault`] nothing of the batch
//! was written, so the same batch may be sent again.

use std::path::PathBuf;

use crate::principal::AuthError;

/// Why a whole call failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The caller's credential is not, or no longer, good for this.
    #[error("the caller was not admitted")]
    Denied(#[from] AuthError),
    /// The storage engine failed.
    #[error("the directory's database failed")]
    Storage(#[from] rusqlite::Error),
    /// Stored bytes make no sense.
    #[error(
        "the directory's database holds unreadable data in {place}; check the disk and restore a backup"
    )]
    Unreadable {
        /// Where.
        place: &'static str,
    },
    /// More operations than one transaction should hold.
    #[error("a batch holds at most {max} operations, {actual} were given; send it in parts")]
    BatchTooLarge {
        /// How many are allowed.
        max: usize,
        /// How many were given.
        actual: usize,
    },
    /// A page token of another listing, or damaged.
    #[error("the page token does not belong to this listing; start the listing again")]
    InvalidPageToken,
    /// The feed no longer reaches back that far.
    #[error(
        "changes after {since} are no longer kept, the oldest kept follow {oldest}; read everything anew"
    )]
    FeedExpired {
        /// What was asked.
        since: u64,
        /// From where the feed can be read.
        oldest: u64,
    },
    /// Somebody else may write for this purpose.
    #[error(
        "{name} is held by {} (generation {generation}); only one may write for it",
        if .holder_name.is_empty() { "nobody" } else { .holder_name.as_str() }
    )]
    Fenced {
        /// The fence.
        name: String,
        /// Who holds it, or held it last.
        holder_name: String,
        /// The generation now.
        generation: u64,
    },
    /// An administrator's request that cannot be granted.
    #[error("{0}")]
    NotAllowed(String),
}

impl Fault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Denied(error) => error.code(),
            Fault::Storage(error) => storage_code(error),
            Fault::Unreadable { .. } => "StorageDamaged",
            Fault::BatchTooLarge { .. } => "BatchTooLarge",
            Fault::InvalidPageToken => "InvalidPageToken",
            Fault::FeedExpired { .. } => "FeedExpired",
            Fault::Fenced { .. } => "Fenced",
            Fault::NotAllowed(_) => "NotAllowed",
        }
    }
}

/// What a failure of the storage engine says about the file.
fn storage_code(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode;
    // The index of the write-ahead log is shared memory, and says in its own way that there is no room for it.
    let number = error.sqlite_error().map(|error| error.extended_code);
    if number == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
        return "StorageFull";
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "StorageFull",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "StorageDamaged",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "StorageInUse",
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => {
            "StorageInaccessible"
        }
        _ => "StorageFailed",
    }
}

/// Why a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Files cannot be made or read.
    #[error("cannot use {}; check that the folder exists and may be written", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use by another process; stop it first", .path.display())]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("{} has schema {found}, this program knows up to {supported}; install a newer program", .path.display())]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The schema in the file.
        found: i64,
        /// The newest schema known here.
        supported: i64,
    },
    /// A database, but of something else.
    #[error("{} is the database of another program; name another file", .path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The file is not intact.
    #[error("{} is damaged ({detail}); restore it from a backup", .path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of {} could not be brought up to date: {detail}", .path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// What failed.
        detail: String,
    },
    /// The options make no sense.
    #[error("{0}")]
    InvalidOptions(String),
    /// Any other failure of the storage engine.
    #[error("the database {} cannot be opened", .path.display())]
    Storage {
        /// The database file.
        path: PathBuf,
        /// What the storage engine says.
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            OpenError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                "StorageFull"
            }
            OpenError::Io { .. } => "StorageInaccessible",
            OpenError::InUse { .. } => "StorageInUse",
            OpenError::NewerSchema { .. } => "StorageOfNewerSchema",
            OpenError::Foreign { .. } => "StorageForeign",
            OpenError::Damaged { .. } => "StorageDamaged",
            OpenError::Migration { .. } => "StorageMigrationFailed",
            OpenError::InvalidOptions(_) => "InvalidOptions",
            OpenError::Storage { source, .. } => storage_code(source),
        }
    }
}
