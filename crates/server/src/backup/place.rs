//! Putting files where they belong, so that a power cut at any moment leaves the old ones or the new ones.
//!
//! A restoration is decided when its note lies in the data directory; from then on it is only carried through, by whoever
//! looks next: the same command again, or the server when it starts. Trap: a database's write-ahead log belongs to it and has
//! to go with it, or it would be played into the other one.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use directory::Directory;
use engine::Engine;
use serde::{Deserialize, Serialize};
use sync_core::{code::Code, operation::Refusal};

use super::{DATABASES, KEYS, is_known, point};
use crate::pki::files;

/// The note of a restoration that is decided.
pub(super) const NOTE: &str = "restoration.json";

/// What is to be put where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Folder in the data directory with the files that come.
    pub from: String,
    /// Folder in the data directory for those that go.
    pub aside: String,
}

/// What two copies say of themselves.
pub(super) struct Facts {
    pub tenant: String,
    pub engine_schema: i64,
    pub directory_schema: i64,
    pub directory_sequence: u64,
}

/// Looks whether both databases of a folder are whole and belong together.
pub(super) fn inspect(folder: &Path) -> Result<Facts, String> {
    let [engine_file, directory_file] = DATABASES.map(|name| folder.join(name));
    let engine = Engine::inspect(&engine_file).map_err(|error| error.to_string())?;
    let directory = Directory::inspect(&directory_file).map_err(|error| error.to_string())?;
    let tenant = directory.tenant.to_string();
    if engine.tenant.as_ref().is_some_and(|known| *known != tenant) {
        return Err("its two databases are of different tenants".into());
    }
    Ok(Facts {
        tenant,
        engine_schema: engine.schema,
        directory_schema: directory.schema,
        directory_sequence: directory.sequence,
    })
}

/// Carries a decided restoration through; whether there was one. The caller has the locks of the databases.
pub(super) fn finish(data: &Path) -> Result<bool, Refusal> {
    let path = data.join(NOTE);
    let file = |error: files::FileError| Refusal::new(error.code()).with("text", error.to_string());
    let Some(text) = files::read_private(&path).map_err(file)? else {
        return Ok(false);
    };
    let note: Note = serde_json::from_str(&text).map_err(|error| {
        Refusal::new(Code::StoreDamaged)
            .with("file", path.display().to_string())
            .with("text", error.to_string())
    })?;
    let is_plain = |name: &str| !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    if !is_plain(&note.from) || !is_plain(&note.aside) {
        return Err(Refusal::new(Code::StoreDamaged)
            .with("file", path.display().to_string())
            .with("text", "it names folders that cannot be meant"));
    }
    carry_through(data, &note).map_err(|error| super::io(data, &error))?;
    Ok(true)
}

/// Writes the note: the moment a restoration is decided.
pub(super) fn decide(data: &Path, note: &Note) -> Result<(), Refusal> {
    let text = serde_json::to_string(note)
        .map_err(|error| Refusal::new(Code::InternalFault).with("text", error.to_string()))?;
    files::write_private(&data.join(NOTE), &text)
        .map_err(|error| Refusal::new(error.code()).with("text", error.to_string()))
}

fn carry_through(data: &Path, note: &Note) -> io::Result<()> {
    let (from, aside) = (data.join(&note.from), data.join(&note.aside));
    for name in DATABASES.into_iter().chain(KEYS) {
        let coming = from.join(name);
        if !coming.exists() {
            // In its place already, or not part of the backup.
            continue;
        }
        for end in ["-wal", "-shm", ""] {
            let old = data.join(format!("{name}{end}"));
            if old.exists() {
                folder(&aside)?;
                fs::rename(&old, aside.join(format!("{name}{end}")))?;
            }
        }
        point("restore.aside");
        fs::rename(&coming, data.join(name))?;
        point("restore.placed");
    }
    sync_folder(data)?;
    fs::remove_dir_all(&from).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    fs::remove_file(data.join(NOTE))?;
    sync_folder(data)
}

/// Makes a folder only its owner can look into, unless it is there.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Makes a file only its owner can read, and opens it for writing.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Copies a file of a name we know.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    debug_assert!(
        to.file_name()
            .is_some_and(|name| is_known(&name.to_string_lossy()))
    );
    let mut out = private(to)?;
    io::copy(&mut File::open(from)?, &mut out)?;
    out.sync_all()
}

/// Makes renames in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}
