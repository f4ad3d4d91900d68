//! Checking a backup, and putting it into a data directory.
//!
//! Everything is taken out and looked at beside its place before anything is replaced. Never removes what it replaces. Trap:
//! the server must not run; both databases are locked until everything is in place.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use sync_core::{code::Code, operation::Refusal};

use super::{DATABASES, Manifest, archive, io, place, point, unusable};
use crate::pki::{
    PkiError,
    vault::{self, OWN_KEY_FILE, Ring},
};

/// What a restoration came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Where the files are that it replaced, if there were any.
    pub aside: Option<PathBuf>,
}

/// What becomes of the secrets of a backup.
#[derive(Clone, Copy, Debug)]
pub enum Keys<'a> {
    /// They come along: the master key is in this file, or where the server finds it.
    Known(Option<&'a Path>),
    /// They are left out, because their key is lost: the server makes new ones.
    LeftOut,
}

/// Takes a backup out beside itself, compares every file with its digest, opens both databases, and removes it again.
///
/// # Errors
/// `BackupUnusable` with what is wrong; those of the disk.
pub fn verify(path: &Path) -> Result<Manifest, Refusal> {
    let beside = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = beside.unwrap_or_else(|| Path::new("."));
    let scratch = folder.join(format!(".verifying-{}", std::process::id()));
    let checked = take_out(path, &scratch);
    let _ = fs::remove_dir_all(&scratch);
    checked
}

fn take_out(path: &Path, to: &Path) -> Result<Manifest, Refusal> {
    if let Err(error) = fs::remove_dir_all(to)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(io(to, &error));
    }
    place::folder(to).map_err(|error| io(to, &error))?;
    let manifest = archive::extract(path, to)?;
    let facts = place::inspect(to).map_err(|text| unusable(path, text))?;
    match facts.tenant == manifest.tenant {
        true => Ok(manifest),
        false => Err(unusable(path, "it is of another tenant than it says")),
    }
}

/// Puts a backup into a data directory. What is there is replaced only if `replaces` says so, and is put aside.
///
/// # Errors
/// `BackupUnusable`; `MasterKeyMissing` or `MasterKeyWrong` if its secrets could not be opened afterwards; `StoreLocked` while a server runs there; `Conflict` if something is there and is not to be replaced.
pub fn restore(
    path: &Path,
    data: &Path,
    replaces: bool,
    keys: Keys<'_>,
    now: Timestamp,
) -> Result<Restored, Refusal> {
    place::folder(data).map_err(|error| io(data, &error))?;
    let _locks = locks(data)?;
    // What was decided earlier comes first, or its files would be mixed with ours.
    place::finish(data)?;
    let there: Vec<PathBuf> = DATABASES
        .iter()
        .map(|name| data.join(name))
        .filter(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0))
        .collect();
    if let (Some(first), false) = (there.first(), replaces) {
        return Err(Refusal::new(Code::Conflict)
            .with("file", first.display().to_string())
            .with(
                "text",
                "there is a database already; say --replace if the backup is to take its place (what is there is put aside, not removed)",
            ));
    }
    let stamp = now.strftime("%Y%m%dT%H%M%S%fZ");
    let note = place::Note {
        from: format!(".restoring-{stamp}"),
        aside: format!("before-restoration-{stamp}"),
    };
    let from = data.join(&note.from);
    let taken = take_out(path, &from).and_then(|manifest| {
        open_secrets(path, data, &from, keys)?;
        Ok(manifest)
    });
    let manifest = taken.inspect_err(|_| {
        let _ = fs::remove_dir_all(&from);
    })?;
    place::sync_folder(&from).map_err(|error| io(&from, &error))?;
    point("restore.taken");
    place::decide(data, &note)?;
    point("restore.decided");
    place::finish(data)?;
    let aside = data.join(&note.aside);
    Ok(Restored {
        manifest,
        aside: aside.exists().then_some(aside),
    })
}

/// Sees that a server started here will open what comes; or leaves the secrets out.
fn open_secrets(path: &Path, data: &Path, from: &Path, keys: Keys<'_>) -> Result<(), Refusal> {
    let told = |error: PkiError| {
        Refusal::new(error.code())
            .with("file", path.display().to_string())
            .with("text", error.to_string())
    };
    let chosen = match keys {
        Keys::Known(chosen) => chosen,
        Keys::LeftOut => {
            for kept in vault::kept(from).map_err(told)? {
                let file = from.join(kept.name);
                fs::remove_file(&file).map_err(|error| io(&file, &error))?;
            }
            return Ok(());
        }
    };
    let ring = Ring::find(data, chosen).map_err(told)?;
    vault::check(from, path, &ring, &data.join(OWN_KEY_FILE)).map_err(told)?;
    match chosen {
        // A server started without more words has to find it, too.
        Some(_) => ring.keep_in(data).map_err(told),
        None => Ok(()),
    }
}

/// Puts the sealed secrets of a stopped server aside, so that it makes new ones at its next start; the files as they are called
/// now.
///
/// # Errors
/// `StoreLocked` while a server runs there; those of the files.
pub fn abandon_secrets(data: &Path, now: Timestamp) -> Result<Vec<PathBuf>, Refusal> {
    let _locks = locks(data)?;
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    vault::abandon(data, &stamp)
        .map_err(|error| Refusal::new(error.code()).with("text", error.to_string()))
}

/// Carries a restoration through that was decided and interrupted.
pub(crate) fn resume(data: &Path) -> Result<(), Refusal> {
    if !data.join(place::NOTE).exists() {
        return Ok(());
    }
    let _locks = locks(data)?;
    if place::finish(data)? {
        tracing::warn!("a restoration that was interrupted is complete now");
    }
    Ok(())
}

fn locks(data: &Path) -> Result<[File; 2], Refusal> {
    Ok([lock(data, "engine.lock")?, lock(data, "directory.db.lock")?])
}

/// The lock of a database, for as long as the file lives.
fn lock(data: &Path, name: &str) -> Result<File, Refusal> {
    let path = data.join(name);
    let mut options = File::options();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(&path).map_err(|error| io(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Refusal::new(Code::StoreLocked)
            .with("file", path.display().to_string())
            .with("text", "a server uses this data directory; stop it first")),
        Err(TryLockError::Error(error)) => Err(io(&path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Keys<'static> = Keys::Known(None);

    use crate::{app::Config, backup::make, stores::Stores};

    fn config(folder: &Path) -> Config {
        Config {
            data_directory: folder.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            names: vec!["127.0.0.1".into()],
            tenant_name: "Canal".into(),
            initial_domain: "canal.hybridge.example".into(),
            verified_domains: Vec::new(),
            adopts_directory: false,
            extras: Default::default(),
        }
    }

    /// A data directory with a setting of this value, and a backup of it.
    fn backed_up(folder: &Path, value: &str) -> (PathBuf, PathBuf) {
        let data = folder.join("data");
        fs::create_dir_all(&data).unwrap();
        let stores = Stores::open(&config(&data)).unwrap();
        stores.engine.set_setting("mark", value).unwrap();
        let to = folder.join("backups");
        let made = make(
            &stores.engine,
            &stores.directory,
            &data,
            &to,
            Timestamp::now(),
            |_, _| {},
        );
        (data, made.unwrap().path)
    }

    fn mark(data: &Path) -> Option<String> {
        resume(data).unwrap();
        let stores = Stores::open(&config(data)).unwrap();
        stores.engine.setting("mark").unwrap()
    }

    #[test]
    fn a_backup_is_put_back_only_where_it_may_and_what_was_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = backed_up(folder.path(), "old");
        verify(&path).unwrap();
        let set = |value: &str| {
            let stores = Stores::open(&config(&data)).unwrap();
            stores.engine.set_setting("mark", value).unwrap();
        };
        set("new");
        let refused = restore(&path, &data, false, KNOWN, Timestamp::now()).unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert_eq!(mark(&data).as_deref(), Some("new"));
        let done = restore(&path, &data, true, KNOWN, Timestamp::now()).unwrap();
        assert_eq!(mark(&data).as_deref(), Some("old"));
        let aside = done.aside.unwrap();
        assert_eq!(mark(&aside).as_deref(), Some("new"));
        let fresh = folder.path().join("fresh");
        assert_eq!(
            restore(&path, &fresh, false, KNOWN, Timestamp::now())
                .unwrap()
                .aside,
            None
        );
        assert_eq!(mark(&fresh).as_deref(), Some("old"));
    }

    #[test]
    fn nothing_is_restored_under_a_running_server() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = backed_up(folder.path(), "old");
        let _running = Stores::open(&config(&data)).unwrap();
        let refused = restore(&path, &data, true, KNOWN, Timestamp::now()).unwrap_err();
        assert_eq!(refused.code, Code::StoreLocked);
    }

    #[test]
    fn a_damaged_backup_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = backed_up(folder.path(), "old");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(verify(&path).unwrap_err().code, Code::BackupUnusable);
        let refused = restore(&path, &data, true, KNOWN, Timestamp::now()).unwrap_err();
        assert_eq!(refused.code, Code::BackupUnusable);
        assert_eq!(mark(&data).as_deref(), Some("old"));
        let left = fs::read_dir(&data).unwrap().flatten();
        let left: Vec<_> = left
            .filter(|one| one.file_name().to_string_lossy().starts_with(".rest"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn a_decided_restoration_is_carried_through_from_wherever_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let (data, path) = backed_up(folder.path(), "old");
        // How far it got before the process ended: files put aside, and files put in place.
        for stop in 0..4 {
            {
                let stores = Stores::open(&config(&data)).unwrap();
                stores.engine.set_setting("mark", "new").unwrap();
            }
            let note = place::Note {
                from: format!(".restoring-{stop}"),
                aside: format!("before-{stop}"),
            };
            let from = data.join(&note.from);
            take_out(&path, &from).unwrap();
            place::decide(&data, &note).unwrap();
            let aside = data.join(&note.aside);
            fs::create_dir(&aside).unwrap();
            if stop > 0 {
                fs::rename(data.join(DATABASES[0]), aside.join(DATABASES[0])).unwrap();
            }
            if stop > 1 {
                fs::rename(from.join(DATABASES[0]), data.join(DATABASES[0])).unwrap();
            }
            if stop > 2 {
                fs::rename(data.join(DATABASES[1]), aside.join(DATABASES[1])).unwrap();
            }
            assert_eq!(mark(&data).as_deref(), Some("old"), "stopped at {stop}");
            assert!(!from.exists() && !data.join(place::NOTE).exists());
        }
    }

    #[test]
    fn older_backups_go_and_the_newest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (data, _) = backed_up(folder.path(), "one");
        let to = folder.path().join("backups");
        let stores = Stores::open(&config(&data)).unwrap();
        for _ in 0..3 {
            make(
                &stores.engine,
                &stores.directory,
                &data,
                &to,
                Timestamp::now(),
                |_, _| {},
            )
            .unwrap();
        }
        let all = crate::backup::list(&to).unwrap();
        assert_eq!(all.len(), 4);
        crate::backup::prune(&to, 2).unwrap();
        let left = crate::backup::list(&to).unwrap();
        let paths = |some: &[crate::backup::Found]| {
            some.iter().map(|one| one.path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(paths(&left), paths(&all[..2]));
        assert!(crate::backup::prune(&to, 0).is_err());
    }
}
