//! Making, listing and thinning out backups.
//!
//! A backup is made in a folder of its own, looked at, and only then gets its name; what a process that was killed left of one
//! is cleared away by the next. Trap: the keys are copied before the databases, so that none of them is newer than what the
//! directory knows of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use directory::Directory;
use engine::Engine;
use jiff::Timestamp;
use sync_core::{code::Code, operation::Refusal};

use super::{DATABASES, FORM, Found, Manifest, Member, archive, io, place, point, unusable};
use crate::{
    agents::placed,
    pki::{
        PkiError,
        vault::{self, SECRETS},
    },
    stores::fault_of,
};

const MAKING: &str = ".making-";
const PREFIX: &str = "hybridge-";
const SUFFIX: &str = ".tar";

/// Makes a backup in `folder`. `progress` is told pages copied, and pages in all. Blocks.
///
/// # Errors
/// Those of the disk and the stores; then there is no backup, and nothing else has changed.
pub fn make(
    engine: &Engine,
    directory: &Directory,
    data: &Path,
    folder: &Path,
    now: Timestamp,
    mut progress: impl FnMut(u64, u64),
) -> Result<Found, Refusal> {
    place::folder(folder).map_err(|error| io(folder, &error))?;
    clear_remains(folder);
    let making = folder.join(format!("{MAKING}{}", std::process::id()));
    place::folder(&making).map_err(|error| io(&making, &error))?;
    let made = fill(engine, directory, data, &making, &mut progress)
        .and_then(|()| finish(&making, folder, now));
    // Also after a failure: what is half is no backup.
    let _ = fs::remove_dir_all(&making);
    made
}

fn fill(
    engine: &Engine,
    directory: &Directory,
    data: &Path,
    making: &Path,
    progress: &mut impl FnMut(u64, u64),
) -> Result<(), Refusal> {
    sealed(data)?;
    for name in SECRETS {
        let (from, to) = (data.join(name), making.join(name));
        match from.exists() {
            true => place::copy(&from, &to).map_err(|error| io(&from, &error))?,
            false => continue,
        }
    }
    let [engine_file, directory_file] = DATABASES.map(|name| making.join(name));
    for file in [&engine_file, &directory_file] {
        place::private(file).map_err(|error| io(file, &error))?;
    }
    let progress = std::cell::RefCell::new(progress);
    // First the engine's moment, then the directory's: what the engine remembers of the directory is in there, and what is in
    // there besides is what the engine would read back after a crash, too.
    let copied = engine.backup_beside(
        &engine_file,
        |done, all| (progress.borrow_mut())(done, all),
        || {
            directory.backup(&directory.administrator(), &directory_file, |done, all| {
                (progress.borrow_mut())(done, all);
            })
        },
    );
    copied
        .map_err(|error| at(&engine_file, placed(engine, &error)))?
        .map_err(|fault| fault_of(&directory_file, &fault))?;
    point("backup.copied");
    Ok(())
}

/// Sees that no secret lies open, or the backup would hold it so.
fn sealed(data: &Path) -> Result<Vec<String>, Refusal> {
    let told = |error: PkiError| Refusal::new(error.code()).with("text", error.to_string());
    let mut keys = Vec::new();
    for kept in vault::kept(data).map_err(told)? {
        match kept.key {
            Some(key) if keys.contains(&key) => {}
            Some(key) => keys.push(key),
            None => {
                return Err(Refusal::new(Code::SecretFileUnsafe)
                    .with("file", data.join(kept.name).display().to_string())
                    .with("text", "this secret was put here open; restart the server, which seals it, and make the backup again"));
            }
        }
    }
    Ok(keys)
}

fn at(path: &Path, refusal: Refusal) -> Refusal {
    Refusal::new(refusal.code)
        .with("file", path.display().to_string())
        .with("text", refusal.to_string())
}

/// Looks at the copies, and makes the archive of them.
fn finish(making: &Path, folder: &Path, now: Timestamp) -> Result<Found, Refusal> {
    let facts = place::inspect(making).map_err(|text| unusable(making, text))?;
    let mut files = Vec::new();
    let sealed_under = sealed(making)?;
    for name in DATABASES.into_iter().chain(SECRETS) {
        let path = making.join(name);
        if path.exists() {
            let told = archive::digest(&path).map_err(|error| io(&path, &error))?;
            let (sha256, bytes) = told;
            let name = name.to_owned();
            files.push(Member {
                name,
                bytes,
                sha256,
            });
        }
    }
    let manifest = Manifest {
        form: FORM,
        made_at: now.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tenant: facts.tenant,
        engine_schema: facts.engine_schema,
        directory_schema: facts.directory_schema,
        directory_sequence: facts.directory_sequence,
        sealed_under,
        files,
    };
    let whole = making.join("archive");
    let disk = |error: std::io::Error| io(&whole, &error);
    let file = place::private(&whole).map_err(disk)?;
    archive::write(&file, &manifest, making, now.as_second()).map_err(disk)?;
    file.sync_all().map_err(disk)?;
    point("backup.written");
    let path = free_name(folder, now);
    let bytes = fs::metadata(&whole).map_err(disk)?.len();
    fs::rename(&whole, &path).map_err(disk)?;
    place::sync_folder(folder).map_err(|error| io(folder, &error))?;
    Ok(Found {
        path,
        bytes,
        manifest: Ok(manifest),
    })
}

fn free_name(folder: &Path, now: Timestamp) -> PathBuf {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let name = |more: String| folder.join(format!("{PREFIX}{stamp}{more}{SUFFIX}"));
    let mut path = name(String::new());
    let mut count = 2;
    while path.exists() {
        path = name(format!("-{count:02}"));
        count += 1;
    }
    path
}

/// Folders of backups that were not finished by processes that are gone.
fn clear_remains(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(MAKING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The backups of a folder, the newest first; none if there is no such folder.
///
/// # Errors
/// If the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Found>, Refusal> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(folder, &error)),
    };
    let mut all = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            all.push(Found {
                manifest: archive::read_manifest(&entry.path()),
                bytes: entry.metadata().map_or(0, |file| file.len()),
                path: entry.path(),
            });
        }
    }
    // The name is the time.
    all.sort_by(|one, other| other.path.cmp(&one.path));
    Ok(all)
}

/// Removes all backups but the newest ones; which.
///
/// # Errors
/// `RequestInvalid` if none would be left; those of the disk.
pub fn prune(folder: &Path, keep: usize) -> Result<Vec<PathBuf>, Refusal> {
    if keep == 0 {
        return Err(Refusal::new(Code::RequestInvalid).with("text", "at least one backup is kept"));
    }
    let mut gone = Vec::new();
    for old in list(folder)?.into_iter().skip(keep) {
        fs::remove_file(&old.path).map_err(|error| io(&old.path, &error))?;
        gone.push(old.path);
    }
    Ok(gone)
}
