//! Backups: both databases as they are at one moment, with the keys that belong to them, in one file that can be checked.
//!
//! Made while the server runs; read, checked and put back without one. The file is a plain tar archive, so that it can be
//! opened without us. Never overwrites anything: a backup gets a new name, and what a restoration replaces is put aside.
//! Trap: the keys are inside, sealed under the master key, which is not. Whoever has both can be this server; whoever has only
//! the backup has no server that starts.

mod archive;
mod make;
mod place;
mod restore;
pub mod tar;

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};

use crate::{failpoint, pki::vault::SECRETS};

pub use archive::read_manifest;
pub use make::{list, make, prune};
pub(crate) use restore::resume;
pub use restore::{Keys, Restored, abandon_secrets, restore, verify};

/// Names of files in an archive and in a data directory: the databases.
const DATABASES: [&str; 2] = [engine::FILE, "directory.db"];
/// What belongs to them: the vault, and what backups of before the vault hold besides.
const KEYS: [&str; 6] = [
    SECRETS[0],
    SECRETS[1],
    SECRETS[2],
    SECRETS[3],
    SECRETS[4],
    "admin.json",
];
/// Form of the archive.
const FORM: u32 = 1;
/// Folder of backups in the data directory, unless told otherwise.
pub const FOLDER: &str = "backups";

/// What a backup says of itself; the first file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Form of the archive.
    pub form: u32,
    /// When it was made (RFC 3339).
    pub made_at: String,
    /// Version of the program that made it.
    pub version: String,
    /// The tenant.
    pub tenant: String,
    /// Schema of the engine's database.
    pub engine_schema: i64,
    /// Schema of the tenant directory.
    pub directory_schema: i64,
    /// Newest change of the tenant directory.
    pub directory_sequence: u64,
    /// Ids of the master keys its secrets are sealed under; none: they are open, or there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed_under: Vec<String>,
    /// What is inside.
    pub files: Vec<Member>,
}

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Name.
    pub name: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A backup that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// What it says of itself, or why it cannot be read.
    pub manifest: Result<Manifest, Refusal>,
}

/// Whether a name may be in an archive.
fn is_known(name: &str) -> bool {
    DATABASES.contains(&name) || KEYS.contains(&name)
}

/// Why a file is no backup.
fn unusable(path: &Path, text: impl ToString) -> Refusal {
    Refusal::new(Code::BackupUnusable)
        .with("file", path.display().to_string())
        .with("text", text.to_string())
}

/// A failure of the disk.
fn io(path: &Path, error: &std::io::Error) -> Refusal {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull => Code::DiskFull,
        // Whoever looks for a backup is helped by the list of backups, not by that of jobs.
        std::io::ErrorKind::NotFound => return unusable(path, "there is no such file"),
        _ => Code::StoreUnwritable,
    };
    Refusal::new(code)
        .with("file", path.display().to_string())
        .with("text", error.to_string())
}

/// A point at which a test may end the process.
fn point(name: &str) {
    static HOOK: OnceLock<Option<failpoint::Hook>> = OnceLock::new();
    if let Some(hook) = HOOK.get_or_init(failpoint::hook) {
        hook(name);
    }
}
